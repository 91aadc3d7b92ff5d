#!/usr/bin/env bash
# Installs the engines that the tests of `rows` read with, DuckDB, Polars, pyarrow and Dask, from PyPI, into a folder outside
# of the checkout; and in `kubernetes` there, by itself, the Kubernetes client that the tests of `serve` ask with. With
# `spark` also Spark, for deploy/fleet/spark_rows.py, which needs a JDK.
# The last line that is printed is the folder for ETCDSNAP_ENGINES.
#   .ci/engines.sh [spark]
set -euo pipefail
engines=${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/engines

# into FOLDER STAMP PACKAGE...: unless they are there.
into() {
  local folder=$1 stamp=$1/$2
  shift 2
  [ "$(cat "$stamp" 2> /dev/null)" != "$*" ] || return 0
  [ -x "$folder/bin/pip" ] || python3 -m venv "$folder" >&2
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
  echo "$*" > "$stamp"
}

packages=(duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 'dask[distributed]==2026.8.0')
[ "${1:-}" != spark ] || packages+=(pyspark==4.3.0 pandas)
into "$engines" "installed-${1:-plain}" "${packages[@]}"
into "$engines/kubernetes" installed kubernetes==37.0.2 websocket-client==1.9.2
echo "$engines"

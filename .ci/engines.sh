#!/usr/bin/env bash
# Installs the engines that the tests of `rows` read with, DuckDB, Polars, pyarrow and Dask, from PyPI, into a folder outside
# of the checkout. With `spark` also Spark, for deploy/fleet/spark_rows.py, which needs a JDK.
# The last line that is printed is the folder for ETCDSNAP_ENGINES.
#   .ci/engines.sh [spark]
set -euo pipefail
engines=${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/engines
packages=(duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 'dask[distributed]==2026.8.0')
[ "${1:-}" != spark ] || packages+=(pyspark==4.3.0 pandas)
stamp=$engines/installed-${1:-plain}
if [ "$(cat "$stamp" 2> /dev/null)" != "${packages[*]}" ]; then
  [ -x "$engines/bin/pip" ] || python3 -m venv "$engines" >&2
  "$engines/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >&2
  echo "${packages[*]}" > "$stamp"
fi
echo "$engines"

#!/usr/bin/env bash
# Rows of many snapshots, a process a file, on one machine.
#   xargs.sh DATASET VERDICTS [WORKERS] < LIST      LIST has the path of a snapshot in each line
# Each snapshot becomes one Parquet file of DATASET, and one line of VERDICTS, a damaged one as well. What could not be read or
# written (exit status 3) is tried three times. A second run writes the same files again, and adds what is new.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
export dataset=$1 verdicts=$2
mkdir -p "$dataset" "$verdicts"

one() { # SNAPSHOT
  local name try exit=3
  name=$(printf %s "$1" | sha256sum | cut -c 1-16)
  for ((try = 1; try <= 3 && exit == 3; try++)); do
    exit=0
    etcdsnap rows "$1" --threads 1 --format parquet --dataset "$dataset" --verdict "$verdicts/$name.ndjson" || exit=$?
  done
  # a damaged snapshot is a line, not a failed run
  [ "$exit" -le 1 ]
}
export -f one
LC_ALL=C sed '/^[[:space:]]*$/d' | tr '\n' '\0' | xargs -0 -r -n 1 -P "${3:-$(nproc)}" bash -c 'one "$0"'

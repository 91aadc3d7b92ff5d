#!/usr/bin/env bash
# Damages a large db in every way of tests/it/salvaged/damage.rs, one after the other, salvages each under a limit of
# 256 MB and with two threads, holds the result against the keys of the whole file, and prints a table:
#
#   .ci/salvage.sh FILE [DIR]
#
# ETCDSNAP_SALVAGE_ONLY="the root;20 pages" makes these rows alone. DIR (/tmp) needs three times the size of the file, and
# memory as much. The file itself is only read.
set -euo pipefail
[ $# = 1 ] || [ $# = 2 ] || { echo "usage: .ci/salvage.sh FILE [DIR]" >&2; exit 2; }
file=$(realpath "$1")
dir=$(realpath "${2:-/tmp}")
cd "$(dirname "$0")/.."
ETCDSNAP_SALVAGE=$file ETCDSNAP_SALVAGE_DIR=$dir \
    cargo test --release --test it -- --ignored --exact --nocapture salvaged::by_hand

#!/usr/bin/env bash
# Takes 28 snapshots of a kube-apiserver on an etcd while it changes and is compacted, and checks every answer of `catalog`
# against what etcd answered. A few minutes; the test itself takes 7.
#   .ci/series.sh [FOLDER]      keeps the snapshots in FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
export ETCDSNAP_PEERS=${ETCDSNAP_PEERS:-$(.ci/peers.sh kube | tail -1)}
export ETCDSNAP_SERIES=${ETCDSNAP_SERIES:-28}
if [ -n "${1:-}" ]; then
  mkdir -p "$1"
  ETCDSNAP_SERIES_DIR=$(cd "$1" && pwd)
  export ETCDSNAP_SERIES_DIR
fi
exec cargo test --locked --features parquet,arrow,remote --test it -- catalog::cluster --nocapture

#!/usr/bin/env bash
# Whether what `export` writes is applied by a fresh default cluster, and still there five minutes later: the test
# export_applies, which waits 75 seconds in .ci/run, with five minutes. Builds the real programs where they are missing.
#
#   .ci/export_stays.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
ETCDSNAP_PEERS=${ETCDSNAP_PEERS:-$(.ci/peers.sh kube | tail -1)}
export ETCDSNAP_PEERS ETCDSNAP_STAYS=${1:-300}
exec cargo test --locked --test it export_applies:: -- --nocapture

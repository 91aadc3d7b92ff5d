#!/usr/bin/env bash
# Compares every object of other releases of Kubernetes with what their own kubectl prints, and runs their API server and its
# controllers on the overlay of `serve`: .ci/versions.sh [VERSION...]
# Each is built from its published Go module (half an hour on 2 cores, which is why this is not in .ci/run), started on an
# empty etcd, and given an object of every kind. docs/kubernetes.md has the results.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- v1.29.15 v1.30.14 v1.33.13 v1.37.2
for version in "$@"; do
  said=$(nice -n 19 .ci/peers.sh "$version")
  export ETCDSNAP_PEERS=${said##*$'\n'}
done
cargo test --locked --test it -- same_objects_as_kubectl:: overlay::other --nocapture

#!/usr/bin/env bash
# Makes the keyspace that is measured: about 2 GB of real Kubernetes objects in a snapshot of a real etcd 3.6.
#   benches/keyspace.sh DIR [uncompacted|later]
# gives DIR/kube-2g.db (compacted at 80 % of its revisions), with `uncompacted` DIR/kube-2g-uncompacted.db too, and with
# `later` DIR/kube-2g-later.db, where some thousand of the objects were written again.
# Needs the real programs (.ci/peers.sh), Go, and about 10 GB in DIR while it works; OBJECTS=N makes fewer objects.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/.ci/etcd.sh"
dir=$(mkdir -p "${1:?where to put it}" && cd "$1" && pwd)
work=$(mktemp -d "$dir/.keyspace.XXXXXX")
trap 'stop_etcd; rm -rf "$work"' EXIT

(cd "$root/benches/load" && GOFLAGS=-buildvcs=false go build -o "$work/load" .)
"$peers/etcdutl36" snapshot restore "$root/fixtures/kube.db" --data-dir "$work/etcd" > /dev/null 2>&1
# the log may be lost with the folder: nothing here outlives the snapshot
start_etcd 36 "$work/etcd" --quota-backend-bytes 17179869184 --unsafe-no-fsync --snapshot-count 100000
save() { "$peers/etcdctl36" --endpoints "$endpoint" snapshot save "$dir/$1" > /dev/null 2>&1; ls -l "$dir/$1"; }

"$work/load" -endpoint "$endpoint" -objects "${OBJECTS:-180000}" -compact 0
[ "${2:-}" != uncompacted ] || save kube-2g-uncompacted.db
"$work/load" -endpoint "$endpoint" -objects 0
save kube-2g.db
if [ "${2:-}" = later ]; then
  large=$endpoint large_pid=$etcd_pid
  "$peers/etcdutl36" snapshot restore "$root/fixtures/kube.db" --data-dir "$work/small" > /dev/null 2>&1
  start_etcd 36 "$work/small"
  "$work/load" -endpoint "$large" -patterns "$endpoint" -objects 4000 -revisions 5 -compact 0
  stop_etcd
  endpoint=$large etcd_pid=$large_pid
  save kube-2g-later.db
fi
"$peers/etcdutl37" snapshot status "$dir/kube-2g.db" -w table

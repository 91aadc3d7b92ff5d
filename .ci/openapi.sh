#!/usr/bin/env bash
# Makes src/serve/openapi/schemas.json.xz, the schemas of the built-in kinds, from a real kube-apiserver: .ci/openapi.sh PEERS
# PEERS is the folder that .ci/peers.sh kube prints. Needs xz, jq and two free ports (42379 and 46443).
set -euo pipefail
cd "$(dirname "$0")/.."
peers=$1 work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; wait; rm -rf "$work"' EXIT
export KUBECONFIG=/dev/null

etcd=$(printf '%s\n' "$peers"/etcd3? | tail -1)
"$etcd" --data-dir "$work/etcd" --listen-client-urls http://127.0.0.1:42379 \
  --advertise-client-urls http://127.0.0.1:42379 --listen-peer-urls http://127.0.0.1:0 > "$work/etcd.log" 2>&1 &
echo "token,admin,admin,system:masters" > "$work/tokens"
"$peers/kube-apiserver" --etcd-servers http://127.0.0.1:42379 --secure-port 46443 --bind-address 127.0.0.1 \
  --advertise-address 10.0.0.1 --service-cluster-ip-range 10.96.0.0/16 --token-auth-file "$work/tokens" \
  --service-account-issuer https://cluster.example --cert-dir "$work" \
  --service-account-signing-key-file "$work/apiserver.key" --service-account-key-file "$work/apiserver.key" \
  > "$work/apiserver.log" 2>&1 &
get() {
  "$peers/kubectl" --server https://127.0.0.1:46443 --token token --insecure-skip-tls-verify get --raw "$1"
}
until get /readyz > /dev/null 2>&1; do
  sleep 1
  kill -0 %1 %2 || { tail "$work"/*.log; exit 1; }
done
mkdir "$work/documents"
get /openapi/v3 | jq -r '.paths[].serverRelativeURL' | grep '/openapi/v3/api' | while read -r url; do
  get "$url" > "$work/documents/$(printf %s "$url" | tr -c 'a-z0-9' _)"
done
jq --compact-output --sort-keys --slurp '[.[].components.schemas // {}] | add' "$work"/documents/* \
  | tr -d '\n' | xz -9 --extreme --check=crc32 > src/serve/openapi/schemas.json.xz
ls -l src/serve/openapi/schemas.json.xz

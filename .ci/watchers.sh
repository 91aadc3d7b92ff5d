#!/usr/bin/env bash
# Ten clients list and watch everything for five minutes: .ci/watchers.sh ETCDSNAP PEERS [FILE [SECONDS]]
# Each is `informers` of tools/informers, which .ci/peers.sh kube builds: informers of every kind of FILE (fixtures/kube.db),
# typed, dynamic and of metadata. They speak HTTP/2 with TLS, where all watches of a client share a few connections. Needs
# openssl. Fails when a watch breaks, or when the memory of the server grows meanwhile.
set -euo pipefail
etcdsnap=$(realpath "$1") peers=$(realpath "$2") file=${3:-$(dirname "$0")/../fixtures/kube.db} seconds=${4:-300}
work=$(mktemp -d)
trap 'kill $server 2> /dev/null || true; wait || true; rm -rf "$work"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=etcdsnap \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key" -out "$work/cert" 2> /dev/null
head -c 24 /dev/urandom | base64 > "$work/token"
"$etcdsnap" serve "$file" --reveal --tls-cert "$work/cert" --tls-key "$work/key" --token-file "$work/token" --kubeconfig "$work/kubeconfig" > "$work/out" 2> "$work/err" &
server=$!
until [ -s "$work/out" ]; do sleep 0.1; kill -0 $server; done
memory() { awk '/RssAnon/ { print $2 }' "/proc/$server/status"; }

clients=()
for n in $(seq 10); do
  "$peers/informers" -kubeconfig "$work/kubeconfig" -hold "${seconds}s" > "$work/$n.lines" 2> "$work/$n.err" &
  clients+=($!)
done
# until all have synchronized
until [ "$(cat "$work"/*.err | grep -c synchronized)" = 10 ]; do
  sleep 0.5
  kill -0 $server "${clients[@]}" || { cat "$work"/*.err; exit 1; }
done
first=$(memory)
echo "watchers: RssAnon $first kB when all have synchronized, $(find "/proc/$server/fd" | wc -l) open files"
# before they end, when each asks for the schemas as well
sleep $((seconds - 20))
last=$(memory)
failed=0
for client in "${clients[@]}"; do wait "$client" || failed=$((failed + 1)); done
echo "watchers: RssAnon $last kB $((seconds - 20)) s later, $(memory) kB at the end; $failed of 10 clients failed; $(sort -u "$work"/*.lines \
  | wc -l) different lines, $(wc -l < "$work/1.lines") of each"
grep -hvE "synchronized|Warning" "$work"/[0-9]*.err | head || true
kill -INT $server
wait $server || true
tail -1 "$work/err"
[ $failed = 0 ] && [ "$last" -le $((first + first / 10 + 2048)) ]

# Functions for scripts that need a real etcd: source it. Every port is one that the system gave.
# Only what was started here is stopped, by its process id.

peers=${ETCDSNAP_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/peers/bin}
[ -x "$peers/etcd36" ] || { echo "no etcd in $peers: run .ci/peers.sh" >&2; exit 2; }

# free_ports N: prints N ports that are free now.
free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
held = []
for _ in range(int(sys.argv[1])):
    s = socket.socket(); s.bind(("127.0.0.1", 0)); held.append(s)
print(*[s.getsockname()[1] for s in held])
PY
}

# start_etcd VERSION DIR [FLAG...]: a single member that answers; sets $etcd_pid and $endpoint.
# Another program may take a port between asking and binding, hence the tries.
start_etcd() {
  local version=$1 dir=$2 client peer _; shift 2
  for _ in 1 2 3 4 5; do
    read -r client peer < <(free_ports 2)
    endpoint=http://127.0.0.1:$client
    local cluster=(--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "m1=http://127.0.0.1:$peer")
    "$peers/etcd$version" --name m1 --data-dir "$dir" --listen-client-urls "$endpoint" --advertise-client-urls "$endpoint" \
      --listen-peer-urls "http://127.0.0.1:$peer" "${cluster[@]}" "$@" > "$dir.log" 2>&1 < /dev/null &
    etcd_pid=$!
    wait_healthy "$version" "$etcd_pid" && return
    stop_etcd
  done
  echo "etcd$version does not start: see $dir.log" >&2
  return 1
}

# wait_healthy VERSION PID: until $endpoint answers, for up to 30 seconds or the end of PID.
wait_healthy() {
  local _
  for _ in $(seq 150); do
    ETCDCTL_API=3 "$peers/etcdctl$1" --endpoints "$endpoint" --command-timeout 2s endpoint health > /dev/null 2>&1 && return
    kill -0 "$2" 2> /dev/null || return 1
    sleep 0.2
  done
  return 1
}

# stop_etcd [SIGNAL]: stops what start_etcd started.
stop_etcd() {
  [ -n "${etcd_pid:-}" ] || return 0
  kill "-${1:-TERM}" "$etcd_pid" 2> /dev/null || true
  wait "$etcd_pid" 2> /dev/null || true
  etcd_pid=
}

#!/usr/bin/env bash
# Drives k9s in a terminal on a backup that `etcdsnap serve` serves: .ci/k9s.sh ETCDSNAP
# k9s is built from its Go module first (half an hour on 2 cores), outside of the checkout. Needs Go, tmux and script's own
# folder of fixtures. It connects, lists pods, describes one, shows its YAML, lists Events and switches contexts; what each
# screen has to have is looked for, and the list of pods is printed at the end.
set -euo pipefail
etcdsnap=$(realpath "$1")
cd "$(dirname "$0")/.."
version=v0.50.16
bin=${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/clients/bin
if ! go version -m "$bin/k9s" 2> /dev/null | grep -qE "mod\s+github.com/derailed/k9s\s+$version"; then
  GOBIN=$bin GOFLAGS="-p=2 -buildvcs=false" nice -n 10 go install "github.com/derailed/k9s@$version"
fi

work=$(mktemp -d)
session=etcdsnap-k9s-$$
trap 'tmux kill-session -t $session 2> /dev/null; kill $server 2> /dev/null; wait; rm -rf "$work"' EXIT
"$etcdsnap" serve fixtures/kube-later.db --context before=470 --kubeconfig "$work/kubeconfig" > "$work/out" 2> "$work/err" &
server=$!
until [ -s "$work/out" ]; do sleep 0.1; kill -0 $server; done
cp "$work/kubeconfig" "$work/own" # k9s writes the context that it switches to into its kubeconfig

tmux new-session -d -s "$session" -x 132 -y 30 \
  "env XDG_CONFIG_HOME=$work XDG_STATE_HOME=$work XDG_DATA_HOME=$work XDG_CACHE_HOME=$work KUBECONFIG=$work/own \
   $bin/k9s --logFile $work/k9s.log -n shop -c pods 2> $work/k9s.err"
screen() { tmux capture-pane -p -t "$session"; }
keys() { tmux send-keys -t "$session" "$@"; }

# shows WHAT PATTERN...: waits until the screen has every pattern.
shows() {
  local what=$1 pattern tries=0
  shift
  for pattern; do
    until screen | grep -qE -- "$pattern"; do
      tries=$((tries + 1))
      [ $tries -lt 120 ] || { echo "k9s: $what: no $pattern on the screen:"; screen; tail -5 "$work"/k9s.log "$work/err"; exit 1; }
      sleep 0.5
    done
  done
  echo "k9s: $what"
}

shows "lists pods" 'db-0 .*Running' 'db-1 .*Pending' 'web-546f5ff66b-fj4ch'
screen > "$work/pods"
keys d
shows "describes a pod" 'Name: +db-0' 'Namespace: +shop'
keys Escape
shows "goes back" 'db-1 .*Pending'
keys y
shows "shows YAML" 'apiVersion: v1' 'kind: Pod'
keys Escape
shows "goes back" 'db-1 .*Pending'
keys :events Enter
shows "lists Events" '[Ee]vents\(' 'REASON'
keys ':ctx before' Enter
shows "switches the context" 'Context: +before'
keys :deploy Enter
shows "lists the Deployments of the other state" 'web .*3/3'
keys :widgets Enter
shows "lists custom resources" '[Ww]idgets\(' 'one'
keys :q Enter
cat "$work/pods"

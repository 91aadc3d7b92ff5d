#!/usr/bin/env bash
# Drives k9s in a terminal on a backup that `etcdsnap serve` serves: .ci/k9s.sh ETCDSNAP [PICTURE]
# k9s is built from its Go module first (20 minutes on 2 cores), outside of the checkout. Needs Go and tmux. It lists pods,
# describes one, shows its YAML, lists Events, switches to another state of the backup, and lists custom resources; what each
# screen has to have is looked for. PICTURE gets the list of pods as SVG: docs/k9s.svg is that, and needs python3.
set -euo pipefail
etcdsnap=$(realpath "$1") picture=${2:+$(realpath "$2")}
cd "$(dirname "$0")/.."
version=v0.50.16 module=github.com/derailed/k9s
bin=${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/clients/bin
if ! go version -m "$bin/k9s" 2> /dev/null | grep -qE "version=$version"; then
  GOBIN=$bin GOFLAGS="-p=2 -buildvcs=false" nice -n 10 go install -ldflags "-X $module/cmd.version=$version" "$module@$version"
fi

work=$(mktemp -d)
session=etcdsnap-k9s-$$
trap 'tmux kill-session -t $session 2> /dev/null; kill $server 2> /dev/null; wait; rm -rf "$work"' EXIT
"$etcdsnap" serve fixtures/kube-later.db --context before=470 --kubeconfig "$work/kubeconfig" > "$work/out" 2> "$work/err" &
server=$!
until [ -s "$work/out" ]; do sleep 0.1; kill -0 $server; done
cp "$work/kubeconfig" "$work/own" # k9s writes the context that it switches to into its kubeconfig
mkdir "$work/k9s"
# it asks GitHub for newer versions otherwise
printf 'k9s:\n  skipLatestRevCheck: true\n  ui:\n    logoless: true\n' > "$work/k9s/config.yaml"

tmux -f /dev/null new-session -d -s "$session" -x 120 -y 18 \
  "env HOME=$work XDG_CONFIG_HOME=$work XDG_STATE_HOME=$work XDG_DATA_HOME=$work XDG_CACHE_HOME=$work TERM=screen-256color \
   COLORTERM=truecolor KUBECONFIG=$work/own $bin/k9s --logFile $work/k9s.log -n shop -c pods 2> $work/k9s.err"
screen() { tmux capture-pane -p -t "$session" "$@"; }
keys() { tmux send-keys -t "$session" "$@"; }

# shows WHAT PATTERN...: waits until the screen has every pattern.
shows() {
  local what=$1 pattern tries=0
  shift
  for pattern; do
    until screen | grep -qE -- "$pattern"; do
      tries=$((tries + 1))
      if [ $tries -ge 120 ]; then
        echo "k9s: $what: no $pattern on the screen:"
        screen
        tail -n 5 "$work/k9s.log" "$work/k9s.err" "$work/err"
        exit 1
      fi
      sleep 0.5
    done
  done
  echo "k9s: $what"
}

shows "lists pods" 'pods\(shop\)\[6\]' 'db-0 .*1/1 .*Running' 'db-1 .*0/1 .*Pending' 'web-546f5ff66b-fj4ch'
sleep 8 # until what it says of its start is gone
screen -e > "$work/pods"
keys d
shows "describes a pod" 'Describe\(shop/db-0\)' 'Name: +db-0' 'Namespace: +shop'
keys Escape
shows "goes back" 'db-1 .*Pending'
keys y
shows "shows YAML" 'YAML\(shop/db-0\)' 'apiVersion: v1' 'kind: Pod'
keys Escape
shows "goes back" 'db-1 .*Pending'
keys C-k
shows "is refused to kill a pod" 'access denied'
keys ':events shop' Enter
shows "lists Events" 'events\(shop\)\[27\]' 'FailedToUpdateEndpoint +endpoints/web'
keys ':widgets all' Enter
shows "lists custom resources" 'widgets\(all\)\[2\]' 'pay +two +3' 'shop +one +7'
keys ':deploy shop' Enter
shows "lists Deployments" 'deployments\(shop\)\[1\]' 'web +3/5'
keys ':ctx before' Enter
shows "switches to the other state" 'Context: +before'
keys ':deploy shop' Enter
shows "lists the Deployments of the other state" 'deployments\(shop\)\[1\]' 'web +3/3'
keys ':q' Enter
if [ -n "$picture" ]; then
  .ci/screen.py "k9s lists the pods of a backup" < "$work/pods" > "$picture"
fi
kill -INT $server
wait $server || true
tail -n 1 "$work/err"

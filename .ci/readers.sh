#!/usr/bin/env bash
# Runs tools that read clusters on a backup that `etcdsnap serve` serves: .ci/readers.sh ETCDSNAP PEERS
# helm and kube-score are built from their Go modules first, outside of the checkout; kubectl is that of PEERS. What each has
# to find in fixtures/kube-later.db is looked for.
set -euo pipefail
etcdsnap=$(realpath "$1") peers=$(realpath "$2")
cd "$(dirname "$0")/.."
bin=${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/clients/bin
install() { # NAME MODULE VERSION [PACKAGE]
  go version -m "$bin/$1" 2> /dev/null | grep -qE "mod\s+$2\s+$3" && return
  GOBIN=$bin GOFLAGS="-p=2 -buildvcs=false" nice -n 10 go install "$2${4:-}@$3"
}
install kube-score github.com/zegl/kube-score v1.20.0 /cmd/kube-score
install helm helm.sh/helm/v3 v3.19.0 /cmd/helm

work=$(mktemp -d)
trap 'kill $server 2> /dev/null; wait; rm -rf "$work"' EXIT
"$etcdsnap" serve fixtures/kube-later.db --kubeconfig "$work/kubeconfig" > "$work/out" 2> "$work/err" &
server=$!
until [ -s "$work/out" ]; do sleep 0.1; kill -0 $server; done
export KUBECONFIG=$work/kubeconfig HOME=$work

# finds NAME PATTERN COMMAND...: the command's output has the pattern.
finds() {
  local name=$1 pattern=$2 status=0
  shift 2
  "$@" > "$work/$name" 2>&1 || status=$?
  grep -qE -- "$pattern" "$work/$name" || { echo "$name: exit $status, no $pattern:"; cat "$work/$name"; exit 1; }
  echo "$name: exit $status, $(wc -l < "$work/$name") lines, $(grep -cE -- "$pattern" "$work/$name") with $pattern"
}

# a chart that looks up what is in the cluster, and is not installed
mkdir -p "$work/chart/templates"
printf 'apiVersion: v2\nname: look\nversion: 0.1.0\n' > "$work/chart/Chart.yaml"
cat > "$work/chart/templates/found.yaml" << 'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: found}
data:
  replicas: {{ (lookup "apps/v1" "Deployment" "shop" "web").spec.replicas | quote }}
  pods: {{ len (lookup "v1" "Pod" "shop" "").items | quote }}
  widgets: {{ .Capabilities.APIVersions.Has "acme.io/v1/Widget" | quote }}
YAML
finds helm-lookup 'replicas: "5"|pods: "6"|widgets: "true"' \
  "$bin/helm" template look "$work/chart" -n shop --dry-run=server --validate
finds helm-list 'NAME' "$bin/helm" list -A
"$peers/kubectl" get deploy,sts,svc,cronjob,ingress -n shop -o yaml > "$work/objects.yaml"
finds kube-score 'apps/v1/Deployment web' "$bin/kube-score" score --output-format ci "$work/objects.yaml"
kill -INT $server
wait $server || true
tail -1 "$work/err"

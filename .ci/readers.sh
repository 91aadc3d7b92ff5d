#!/usr/bin/env bash
# Runs tools that read clusters on what `etcdsnap serve` serves, and on a real kube-apiserver on the restored backup: popeye,
# helm and kube-score have to say the same of both: .ci/readers.sh ETCDSNAP
# They are built from their Go modules first (half an hour on 2 cores), outside of the checkout. Needs Go, jq, and
# .ci/peers.sh kube.
set -euo pipefail
etcdsnap=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
. fixtures/apiserver.sh
bin=${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/clients/bin
mkdir -p "$bin"

# build NAME MODULE VERSION [PACKAGE]: in a module of its own, because `go install` asks for the list of all versions, which
# not every proxy has.
build() {
  go version -m "$bin/$1" 2> /dev/null | grep -qE "(mod|dep)\s+$2\s+$3" && return
  mkdir "$work/$1"
  printf 'module tools/%s\n\ngo 1.24.0\n\nrequire %s %s\n' "$1" "$2" "$3" > "$work/$1/go.mod"
  (cd "$work/$1" && GOFLAGS="-mod=mod -p=2 -buildvcs=false" nice -n 10 go build -o "$bin/$1" "$2${4:-}")
}
build popeye github.com/derailed/popeye v0.22.1
build kube-score github.com/zegl/kube-score v1.20.0 /cmd/kube-score
build helm helm.sh/helm/v3 v3.19.0 /cmd/helm

trap 'kill ${server:-} 2> /dev/null || true; kill_started; stop_etcd; rm -rf "$work"' EXIT
keys=$PWD/fixtures/kube-later.yaml
"$peers/etcdutl36" snapshot restore fixtures/kube-later.db --data-dir "$work/etcd" > /dev/null 2>&1
start_etcd 36 "$work/etcd"
start_apiserver --disable-admission-plugins ServiceAccount --encryption-provider-config "$keys"
export HOME=$work HELM_CACHE_HOME=$work/helm

# a release, and a chart that looks up what is in the cluster
chart() { # NAME
  mkdir -p "$work/$1/templates"
  printf 'apiVersion: v2\nname: %s\nversion: 0.1.0\n' "$1" > "$work/$1/Chart.yaml"
  cat > "$work/$1/templates/found.yaml"
}
chart web-config << 'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: from-helm}
data: {colour: {{ .Values.colour | default "blue" }}}
YAML
chart look << 'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: found}
data:
  replicas: {{ (lookup "apps/v1" "Deployment" "shop" "web").spec.replicas | quote }}
  pods: {{ len (lookup "v1" "Pod" "shop" "").items | quote }}
  widgets: {{ .Capabilities.APIVersions.Has "acme.io/v1/Widget" | quote }}
YAML
for colour in red green; do
  KUBECONFIG=$work/kubeconfig "$bin/helm" upgrade --install config "$work/web-config" -n shop --set "colour=$colour" > /dev/null
done
"$peers/etcdctl36" --endpoints "$endpoint" snapshot save "$work/backup.db" > /dev/null 2>&1
"$etcdsnap" serve "$work/backup.db" --reveal --encryption-config "$keys" --kubeconfig "$work/ours" > "$work/out" 2> "$work/err" &
server=$!
until [ -s "$work/out" ]; do sleep 0.1; kill -0 $server; done

# issues: what popeye says of each object, without the order in which it says it.
issues() {
  "$bin/popeye" -A --force-exit-zero -o json | jq -S '[.popeye.sections[]
    | {linter, tally, issues: ((.issues // {}) | map_values(map(.message) | sort))}]'
}
# what each tool says of the cluster of $KUBECONFIG
said() {
  case $1 in
    popeye) issues ;;
    # in no order
    kube-score) "$peers/kubectl" get deploy,sts,ds,svc,cronjob,job,netpol,pdb,hpa -A -o yaml \
      | "$bin/kube-score" score --output-format ci - | sort || true ;;
    helm-list) "$bin/helm" list -A -o json ;;
    helm-history) "$bin/helm" history config -n shop ;;
    helm-get) "$bin/helm" get all config -n shop --revision 1 ;;
    helm-status) "$bin/helm" status config -n shop --show-resources | sed -E 's/[0-9]+[smhd]+$/AGE/' ;;
    helm-lookup) "$bin/helm" template look "$work/look" -n shop --dry-run=server --validate ;;
    helm-upgrade) "$bin/helm" upgrade config "$work/web-config" -n shop --set colour=blue --dry-run=server | grep -v DEPLOYED ;;
  esac
}

# has NAME PATTERN...: both say the same, with each of these.
has() {
  local name=$1 pattern
  shift
  KUBECONFIG=$work/ours said "$name" > "$work/$name.ours" 2> "$work/$name.err" || { cat "$work/$name.err"; exit 1; }
  KUBECONFIG=$work/kubeconfig said "$name" > "$work/$name.theirs" 2> "$work/$name.err"
  diff "$work/$name.theirs" "$work/$name.ours" || { echo "readers: $name differs"; exit 1; }
  for pattern; do
    grep -qE -- "$pattern" "$work/$name.ours" || { echo "readers: $name: no $pattern:"; cat "$work/$name.ours"; exit 1; }
  done
  echo "readers: $name: $(wc -l < "$work/$name.ours") lines, the same of both"
}

# deploy/web has 3 of 5 pods, sts/db 1 of 2, two claims are pending, and the pod `once` is nobody's
has popeye 'POP-501. Unhealthy 5 desired but have 3 available' 'POP-501. Unhealthy 2 desired but have 1 available' \
  'POP-1003. Pending claim' 'POP-208. Unmanaged pod' 'References a ServiceAccount .kube-system/cronjob-controller'
has kube-score 'web/shop apps/v1/Deployment' 'CRITICAL. db/shop apps/v1/StatefulSet: StatefulSet does not have a valid serviceName'
has helm-list '"config","namespace":"shop","revision":"2"' web-config-0.1.0
has helm-history '1 .*superseded' '2 .*deployed'
has helm-get 'colour: red'
has helm-status 'STATUS: deployed' from-helm
has helm-lookup 'replicas: "5"' 'pods: "6"' 'widgets: "true"'
has helm-upgrade 'colour: blue'

kill -INT $server
wait $server || true
tail -n 1 "$work/err"

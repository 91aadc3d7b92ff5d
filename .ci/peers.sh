#!/usr/bin/env bash
# Builds the real programs that etcdsnap is compared with, from their published Go modules, and prints the folder that
# holds them as its last line, for $ETCDSNAP_PEERS:
#
#   .ci/peers.sh           etcd, etcdctl 3.4 to 3.8, etcdutl 3.5 to 3.8, bbolt, etcd's dump tools, auger, and versitygw, an
#                              S3 server (7 minutes, 2 cores)
#   .ci/peers.sh kube      and kube-apiserver, kube-controller-manager, kubectl (10 minutes more), for the drill
#                              (tests/it/restore_drill.rs, skipped without them) and for fixtures/cluster.sh
#   .ci/peers.sh v1.30.14  and those of that version, in a folder of this name beside the others: for .ci/versions.sh
#
# The folder is ${XDG_CACHE_HOME:-~/.cache}/etcdsnap/peers/bin, or $ETCDSNAP_PEERS when that is set. Names carry the
# version: etcd36, etcdctl36, etcdutl36. A program that is there in its pinned version is left alone.
# Needs Go 1.24 or newer (which fetches the toolchain that a module asks for), and for etcd 3.4, which cannot be built
# as a module, apt-get as root.
set -euo pipefail

etcd35=v3.5.33 etcd36=v3.6.16 etcd37=v3.7.3 etcd38=v3.8.0-alpha.0 dump=v3.6.14 bbolt=v1.5.0 versitygw=v1.8.0 auger=v1.0.3 kubernetes=v1.36.3

root=$(cd "$(dirname "$0")/.." && pwd)
bin=${ETCDSNAP_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/peers/bin}
mkdir -p "$bin"
bin=$(cd "$bin" && pwd)
work=$(dirname "$bin")/mod
export GOFLAGS=-buildvcs=false GOTOOLCHAIN=auto

say() { echo "peers: $*" >&2; }

# holds NAME VERSION MODULE: whether bin/NAME was built from that version of the module, by Go's own record in it.
holds() { [ -x "$bin/$1" ] && go version -m "$bin/$1" 2> /dev/null | grep -qE "^\s+(mod|dep|=>)\s+$3\s+$2(\s|$)"; }

# folder MODULE@VERSION: downloads a module and prints where it is.
folder() {
  go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
}

# module NAME: enters a scratch module.
module() {
  mkdir -p "$work/$1" && cd "$work/$1"
  [ -f go.mod ] || go mod init "peers/$1" 2> /dev/null
}

# quietly COMMAND...: its output only if it fails.
quietly() {
  local out
  out=$("$@" 2>&1) || { echo "$out" >&2; say "failed: $*"; return 1; }
}

# etcd's go.mod has replace directives, which `go install` refuses, so its programs are built as packages of a module
# of ours; the server is a library function and needs a main.
etcd() {
  local version=$1 suffix=$2 root=go.etcd.io/etcd
  holds "etcd$suffix" "$version" $root/server/v3 && holds "etcdctl$suffix" "$version" $root/etcdctl/v3 \
    && holds "etcdutl$suffix" "$version" $root/etcdutl/v3 && return
  say "etcd $version"
  module "etcd$suffix"
  # api and client/pkg, too: v3.8.0-alpha.0 asks for those of a 3.7 beta, and calls itself that
  quietly go get "$root/"{server,etcdctl,etcdutl,api,client/pkg}"/v3@$version"
  mkdir -p server
  cat > server/main.go << 'GO'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
GO
  cat > tools.go << 'GO'
//go:build tools

package tools

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
)
GO
  go mod tidy -e > /dev/null 2>&1 || true # tidy minds test-only modules that no longer exist; the builds do not
  quietly go build -o "$bin/etcd$suffix" ./server
  quietly go build -o "$bin/etcdctl$suffix" $root/etcdctl/v3
  quietly go build -o "$bin/etcdutl$suffix" $root/etcdutl/v3
}

# etcd 3.4 comes from the distribution: its module path lacks the /v3 that Go asks for.
etcd34() {
  [ -x "$bin/etcd34" ] && [ -x "$bin/etcdctl34" ] && return
  say "etcd 3.4"
  local server client
  if ! server=$(type -P etcd) || ! client=$(type -P etcdctl); then
    quietly apt_get etcd-server etcd-client
    server=$(type -P etcd) client=$(type -P etcdctl)
  fi
  "$server" --version | grep -q '^etcd Version: 3\.4\.' || { say "$server is not etcd 3.4"; return 1; }
  ln -sf "$server" "$bin/etcd34"
  ln -sf "$client" "$bin/etcdctl34"
}

apt_get() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends "$@" && return
  apt-get update && apt-get install -y --no-install-recommends "$@"
}

bbolt() {
  holds bbolt $bbolt go.etcd.io/bbolt && return
  say "bbolt $bbolt"
  module bbolt
  quietly go get go.etcd.io/bbolt/cmd/bbolt@$bbolt
  quietly go build -o "$bin/bbolt" go.etcd.io/bbolt/cmd/bbolt
}

versitygw() {
  holds versitygw $versitygw github.com/versity/versitygw && return
  say "versitygw $versitygw"
  module versitygw
  quietly go get github.com/versity/versitygw/cmd/versitygw@$versitygw
  quietly go build -o "$bin/versitygw" github.com/versity/versitygw/cmd/versitygw
}

auger() {
  holds auger $auger github.com/etcd-io/auger && return
  say "auger $auger"
  module auger
  quietly go get github.com/etcd-io/auger@$auger
  quietly go build -o "$bin/auger" github.com/etcd-io/auger
}

# Of 3.6, the last line of etcd whose log dump prints right values.
dump() {
  holds etcd-dump-logs $dump go.etcd.io/etcd/v3 && holds etcd-dump-db $dump go.etcd.io/etcd/v3 && return
  say "etcd-dump-logs, etcd-dump-db $dump"
  module etcd-dump
  quietly go get go.etcd.io/etcd/v3@$dump
  quietly go build -o "$bin/etcd-dump-logs" go.etcd.io/etcd/v3/tools/etcd-dump-logs
  quietly go build -o "$bin/etcd-dump-db" go.etcd.io/etcd/v3/tools/etcd-dump-db
}

# kube VERSION FOLDER: kube-apiserver, kube-controller-manager and kubectl. Kubernetes' own go.mod replaces every staging
# module by a folder; ours replaces it by the published version.
kube() {
  local version=$1 bin=$2 source staging=v0.${1#v1.}
  holds kube-apiserver "$version" k8s.io/kubernetes && holds kube-controller-manager "$version" k8s.io/kubernetes \
    && holds kubectl "$staging" k8s.io/kubectl && return
  say "Kubernetes $version"
  rm -rf "$work/kube" # that of another version
  mkdir -p "$bin"
  module kube
  source=$(folder "k8s.io/kubernetes@$version")
  sed -n '/^replace/,/)/p' "$source/go.mod" | awk -v v="$staging" '/=>/ {print "replace " $1 " => " $1 " " v}' >> go.mod
  echo "require k8s.io/kubernetes $version" >> go.mod
  local name
  for name in kube-apiserver:NewAPIServerCommand kube-controller-manager:NewControllerManagerCommand; do
    mkdir -p "${name%%:*}"
    cat > "${name%%:*}/main.go" << GO
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/${name%%:*}/app"
)

func main() { os.Exit(cli.Run(app.${name##*:}())) }
GO
  done
  mkdir -p kubectl
  cat > kubectl/main.go << 'GO'
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
GO
  quietly go mod tidy
  quietly go build -o "$bin/" ./kube-apiserver ./kube-controller-manager ./kubectl
}

# Informers of client-go, which the tests of `serve` run: tools/informers.
informers() {
  local version=v0.${kubernetes#v1.}
  holds informers "$version" k8s.io/client-go && cmp -s "$root/tools/informers/main.go" "$work/informers/main.go" && return
  say "informers of client-go $version"
  rm -rf "$work/informers"
  module informers
  cp "$root/tools/informers/main.go" .
  quietly go get "k8s.io/client-go@$version"
  quietly go mod tidy
  quietly go build -o "$bin/informers" .
}

# What Go itself says about Kubernetes objects: the golden files of k8s.io/api in every release that the table of kinds is
# made of, and objects that are filled at random, as stored and as printed.
objects() {
  local version
  mkdir -p "$bin/k8s-golden"
  while read -r version; do
    [ -d "$bin/k8s-golden/$version/HEAD" ] && continue
    say "golden objects of k8s.io/api $version"
    ln -sfn "$(folder "k8s.io/api@$version")/testdata" "$bin/k8s-golden/$version"
  done < "$root/tools/kinds/releases.txt"
  [ -s "$bin/k8s-random.bin" ] && return
  say "random objects"
  cd "$root/tools/kinds/random"
  go run . 62 > "$bin/k8s-random.part" 2> /dev/null
  mv "$bin/k8s-random.part" "$bin/k8s-random.bin"
}

command -v go > /dev/null || { say "needs Go: https://go.dev/dl/"; exit 2; }
case ${1:-etcd} in etcd | kube | v1.*) ;; *) say "unknown: $1"; exit 2 ;; esac
etcd34
etcd $etcd35 35
etcd $etcd36 36
etcd $etcd37 37
etcd $etcd38 38
bbolt
versitygw
auger || say "without auger, its test is skipped" # not every module proxy has it
dump
objects
case ${1:-etcd} in
  kube) kube $kubernetes "$bin"; informers ;;
  v1.*) kube "$1" "$bin/$1" ;;
esac
echo "$bin"

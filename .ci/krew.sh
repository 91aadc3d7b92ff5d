#!/usr/bin/env bash
# Makes of the programs in dist/ what krew installs as `kubectl snapshot`: an archive for each target, and the manifest.
#   .ci/krew.sh VERSION TARGET...      $RELEASE_URL is where dist/ is published
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1; shift
url=${RELEASE_URL:-https://example.com/etcdsnap/v$version}
manifest=dist/snapshot.yaml
cat > "$manifest" << END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: snapshot
spec:
  version: v$version
  homepage: $url
  shortDescription: Look into etcd backups, verify and restore them
  description: |
    Opens any etcd backup offline: verifies it, shows what is inside as kubectl would, compares backups, exports objects,
    and restores a cluster. It asks no cluster.
  platforms:
END
for target; do
  case $target in
    x86_64-*) arch=amd64 ;;
    aarch64-*) arch=arm64 ;;
    *) echo "$target: krew's name for this machine is not known" >&2; exit 1 ;;
  esac
  archive=kubectl-snapshot-$version-$arch.tar.gz
  # the same bytes whenever it is made
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" \
    --transform "s|^dist/etcdsnap-$version-$target\$|kubectl-snapshot|" \
    "dist/etcdsnap-$version-$target" LICENSE-* | gzip --no-name --best > "dist/$archive"
  cat >> "$manifest" << END
  - selector: {matchLabels: {os: linux, arch: $arch}}
    uri: $url/$archive
    sha256: $(sha256sum < "dist/$archive" | cut -d ' ' -f 1)
    bin: kubectl-snapshot
END
done

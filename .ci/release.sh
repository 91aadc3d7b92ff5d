#!/usr/bin/env bash
# Builds what users get into dist/: two static programs for each target, of which etcdsnap-remote opens URLs too, the man page, completions, krew's manifest and archives,
# SHA256SUMS.
#   .ci/release.sh [TARGET...]      default: x86_64-unknown-linux-musl aarch64-unknown-linux-musl
#
# Rust brings musl's libc.a and start files for both targets, and rust-lld links for every one, so no cross linker is
# needed. ring has C that asks nothing of a libc, so the gcc of any distribution for that machine will do (Debian:
# gcc-x86-64-linux-gnu, gcc-aarch64-linux-gnu). The x86-64 programs have jemalloc, which needs make: with musl's allocator
# `timeline` and `get -o json` take nearly twice the time. On arm64 the size of a page would have to be known here.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- x86_64-unknown-linux-musl aarch64-unknown-linux-musl
native=$(uname -m)-unknown-linux-musl
target_dir=${CARGO_TARGET_DIR:-target}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
rm -rf dist
mkdir -p dist

# The paths of the machine that builds are of no use in the program, and keep two builds from being alike.
home=${CARGO_HOME:-$HOME/.cargo}
flags="-C target-feature=+crt-static -C link-self-contained=yes --remap-path-prefix=$PWD=. --remap-path-prefix=$home=cargo"
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2> /dev/null || echo 0)

# Few arenas, and no memory that is kept for later: the program promises to work in little.
export JEMALLOC_SYS_WITH_MALLOC_CONF=narenas:4,retain:false

build() { # TARGET NAME FEATURES
  local upper=${1^^} cc=${1%%-*}-linux-gnu-gcc features=$3
  [ "${1%%-*}" != x86_64 ] || features+=,jemalloc
  upper=${upper//-/_}
  type -P "$cc" > /dev/null || cc=cc
  rustup target add "$1" > /dev/null 2>&1 || true # where Rust comes without rustup, it has to have the target
  env "CARGO_TARGET_${upper}_LINKER=rust-lld" "CARGO_TARGET_${upper}_RUSTFLAGS=$flags" "CC_${1//-/_}=$cc" \
    cargo build --profile dist --locked --features "$features" --target "$1"
  cp "$target_dir/$1/dist/etcdsnap" "dist/$2-$version-$1"
}

# Whether the program runs where there is nothing but itself and a snapshot: no libc, no /etc, no /proc.
runs_alone() { # PROGRAM [EMULATOR]
  local root inside=(/etcdsnap)
  root=$(mktemp -d)
  cp "$1" "$root/etcdsnap"
  cp fixtures/kube.db "$root/"
  if [ -n "${2:-}" ]; then cp "$2" "$root/emulator"; inside=(/emulator /etcdsnap); fi
  local enter=(chroot)
  [ "$(id -u)" = 0 ] || enter=(unshare --map-root-user chroot)
  "${enter[@]}" "$root" "${inside[@]}" --version
  "${enter[@]}" "$root" "${inside[@]}" verify /kube.db > "$root/said" || { cat "$root/said"; return 1; }
  rm -rf "$root"
}

check() { # TARGET PROGRAM
  local target=$1 program=$2 emulator
  if readelf --program-headers "$program" | grep -q INTERP || readelf --dynamic "$program" | grep -q NEEDED; then
    echo "$program is not static" >&2
    exit 1
  fi
  if [ "$target" = "$native" ]; then
    runs_alone "$program"
  elif emulator=$(type -P "qemu-${target%%-*}-static"); then
    runs_alone "$program" "$emulator"
  else
    echo "$target: static, not run (no qemu-${target%%-*}-static)"
  fi
}

for target; do
  build "$target" etcdsnap parquet,arrow
  check "$target" "dist/etcdsnap-$version-$target"
  build "$target" etcdsnap-remote parquet,arrow,remote
  check "$target" "dist/etcdsnap-remote-$version-$target"
done

program=dist/etcdsnap-$version-$native
if [ -x "$program" ]; then
  "$program" man > dist/etcdsnap.1
  "$program" completions bash > dist/etcdsnap.bash
  "$program" completions zsh > dist/_etcdsnap
  "$program" completions fish > dist/etcdsnap.fish
fi
.ci/krew.sh "$version" "$@"
(cd dist && sha256sum -- * > SHA256SUMS)
ls -l dist

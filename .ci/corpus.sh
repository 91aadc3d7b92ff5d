#!/usr/bin/env bash
# Runs the calls in .ci/corpus.txt with BINARY and writes what each prints into OUTDIR, a file for each call:
#
#   .ci/corpus.sh BINARY OUTDIR
#
# Run it with the binary from before a change and with the one from after it: `diff -ra OUTDIR1 OUTDIR2` is what changed
# for users. A file holds the call, its exit status, stdout and stderr. What differs from run to run (the temporary
# folder, the clock, free space, the binary's own digest) is replaced by a word, so two runs of one binary are equal.
set -euo pipefail
[ $# = 2 ] || { echo "usage: .ci/corpus.sh BINARY OUTDIR" >&2; exit 2; }
[ -x "$1" ] && [ -f "$1" ] || { echo "$1 is not a program" >&2; exit 2; }
binary=$(realpath "$1")
mkdir -p "$2"
out=$(cd "$2" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
rm -f "$out"/*.txt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run" "$work/made"
ln -s "$binary" "$work/bin/etcdsnap"
cp -r "$root/fixtures" "$work/run/"
echo "the same masks in every run" > "$work/run/mask.key"
tar -xzf "$root/fixtures/datadir-3.6.tar.gz" -C "$work/made"

# The words that the calls use besides the binary.
first() { head -c "$1" "$2" > "$3"; }                       # first BYTES FILE TO: its beginning
flip() { cp "$1" "$3"; printf Z | dd of="$3" bs=1 seek="$2" conv=notrunc status=none; } # flip FILE OFFSET TO: one byte
blank() { cp "$1" "$4"; dd if=/dev/zero of="$4" bs=1 seek="$2" count="$3" conv=notrunc status=none; } # blank FILE OFFSET BYTES TO
datadir() { cp -a --sparse=always "$work/made/datadir-3.6" "$1"; } # datadir TO: what is in fixtures/datadir-3.6.tar.gz
cluster() { etcdsnap restore fixtures/three-members.db --all-members --to out > /dev/null 2>&1; } # out/m1, out/m2, out/m4: their data directories
# tree PATH...: what is there, with modes, sizes and digests; the files about a doubtful source are printed.
tree() {
  find "$@" -printf '%y %m %s %p\n' | sort -k4 | sed -E 's/^(d [0-7]+) [0-9]+ /\1 - /; s/[0-9]+ ([^ ]*\.etcdsnap\.json)$/- \1/'
  find "$@" -type f ! -name '*.etcdsnap.json' -print0 | sort -z | xargs -0r sha256sum
  find "$@" -name '*.etcdsnap.json' -exec cat {} +
}
declare -f first flip blank datadir cluster tree > "$work/words"

# Times from the fixtures stay; only the clock's are replaced. A digest of stdout covers the temporary folder's name.
days="$(date -u +%F)|$(date -u -d tomorrow +%F)"
comparable() {
  sed -E -e "s#$work/run#RUN#g; s#$work#TEMP#g" \
    -e "s/($days)T[0-9:.]+Z/NOW/g; s/(${days//-/})T?-?[0-9]{6}Z?/NOW/g" \
    -e 's/[0-9.]+ [kMGT]?B free in/N free in/; s/("free": ?)[0-9]+/\1"-"/' \
    -e 's/"(toolSha256|previous|host)":"[^"]*"/"\1":"-"/g; s/("path":"stdout","size":)[0-9]+,"sha256":"[^"]*"/\1"-"/g'
}

run() { # NUMBER CALL
  local code=0 command
  command=$(grep -oE 'etcdsnap [a-z-]+' <<< "$2" | head -1) || true
  (cd "$work/run" && env -i PATH="$work/bin:/usr/local/bin:/usr/bin:/bin" HOME="$work" LC_ALL=C TZ=UTC BASH_ENV="$work/words" \
    work="$work" bash -c "$2" > "$work/stdout" 2> "$work/stderr" < /dev/null) || code=$?
  {
    printf '$ %s\nexit %d\n--- stdout\n' "$2" "$code"
    comparable < "$work/stdout"
    printf -- '--- stderr\n'
    comparable < "$work/stderr"
  } > "$out/$1-${command#* }.txt"
  find "$work/run" -mindepth 1 -maxdepth 1 ! -name fixtures ! -name mask.key -exec rm -rf {} +
}

number=0
while IFS= read -r call; do
  case $call in '' | '#'*) continue ;; esac
  number=$((number + 1))
  run "$(printf '%03d' $number)" "$call"
done < "$root/.ci/corpus.txt"
echo "$number calls: $out"

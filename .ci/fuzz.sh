#!/usr/bin/env bash
# Fuzzes: each target for SECONDS, as many at a time as there are cores, on this machine's stable Rust.
#
#   .ci/fuzz.sh SECONDS [TARGET...]       all targets, or these: docs/fuzzing.md lists them
#
# An input that fails is in $FUZZ_DIR/TARGET/failed; what it fails with is in TARGET/log, and the exit status is 1.
# FUZZ_SEED is libFuzzer's seed (1; 0 is another one in each run), FUZZ_JOBS the number of targets at a time, FUZZ_TIMEOUT
# after how many seconds an input fails (10): on a machine that is busy with other work, more.
# FUZZ_DIR (${XDG_CACHE_HOME:-~/.cache}/etcdsnap/fuzz) holds the build and each target's corpus, which grows from run to
# run. With FUZZ_FRESH (`.ci/run`) the corpus is the seeds alone, in a folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ ${1:-} =~ ^[0-9]+$ ]] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
seconds=$1; shift
jobs=${FUZZ_JOBS:-$(nproc)} dir=${FUZZ_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/etcdsnap/fuzz}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')

# What cargo-fuzz passes without a sanitizer: coverage of every edge, comparisons traced. Only what is built for the
# target gets it (`--target`), build scripts and macros do not.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
RUSTFLAGS=$(echo $coverage) cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml --target "$host" \
  --target-dir "$dir/build"
fuzzer=$dir/build/$host/release/etcdsnap-fuzz

# the targets, by the fuzzer's own list
all=$(FUZZ_TARGET='' "$fuzzer" 2>&1 | sed -n 's/^FUZZ_TARGET is one of: //p') || true
[ $# -gt 0 ] || set -- $all
for target; do
  [[ " $all " == *" $target "* ]] || { echo "$target: not a target; these are: $all" >&2; exit 2; }
done

fuzz() { # TARGET: prints one line
  local target=$1 at=$dir/${FUZZ_FRESH:+fresh/}$1 code=0
  [ -z "${FUZZ_FRESH:-}" ] || rm -rf "$at"
  mkdir -p "$at/corpus" "$at/failed"
  rm -rf "$at/seeds"
  FUZZ_TARGET=$target FUZZ_SEEDS=$at/seeds "$fuzzer" 2> "$at/log" || { cat "$at/log"; return 1; }
  local runs cover corpus cpu TIMEFORMAT='%U %S'
  cpu=$({ time FUZZ_TARGET=$target "$fuzzer" -seed="${FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout="${FUZZ_TIMEOUT:-10}" \
    -rss_limit_mb=1024 -max_len=65536 -reload=0 -print_final_stats=1 -dict=fuzz/dictionary.txt \
    -artifact_prefix="$at/failed/" "$at/corpus" "$at/seeds" > "$at/log" 2>&1; } 2>&1) || code=$?
  cpu=$(awk '{printf "%.0f", $1 + $2}' <<< "$cpu")
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$at/log")
  cover=$(grep -oE 'cov: [0-9]+' "$at/log" | tail -1) corpus=$(find "$at/corpus" -type f | wc -l)
  printf '%-10s %9s runs in %5s s of CPU, %s edges, %d inputs kept, exit %d\n' \
    "$target" "${runs:-?}" "$cpu" "${cover#cov: }" "$corpus" "$code"
  if [ $code != 0 ]; then
    grep -hE "panicked at|^[0-9]+ bytes of input|ERROR: libFuzzer|^SUMMARY|Test unit written" -A1 "$at/log" | head -12
    return 1
  fi
}
export -f fuzz
export dir fuzzer seconds
trap 'rm -rf /dev/shm/etcdsnap-fuzz-*' EXIT
printf '%s\n' "$@" | xargs -P "$jobs" -I{} bash -c 'fuzz {}'

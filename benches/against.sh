#!/usr/bin/env bash
# Measures etcdsnap against the real tools on one snapshot, and prints the table for the README:
#   benches/against.sh KEYSPACE.db [LATER.db]      (benches/keyspace.sh makes them)
#
# `diff --stat` of the two is held against `status` of the first, for there is no other tool.
#
# $ETCDSNAP is the program (default target/dist/etcdsnap), $RUNS how often each runs (default 6). The runs of a pair
# are interleaved and the first of each is thrown away, so that the page cache is warm and a change in the machine's
# speed meets both. `etcdutl hashkv` writes, so it works on a scratch copy beside the file; restores go there too. $ROWS, a regular
# expression, picks rows.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/.ci/etcd.sh"
keyspace=${1:?which snapshot} later=${2:-}
export ETCDSNAP=${ETCDSNAP:-${CARGO_TARGET_DIR:-$root/target}/dist/etcdsnap}
[ -x "$ETCDSNAP" ] || { echo "no $ETCDSNAP: cargo build --profile dist, or say \$ETCDSNAP" >&2; exit 2; }
scratch=$(mktemp -d "$(dirname "$keyspace")/.against.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cp --reflink=auto "$keyspace" "$scratch/copy.db"

python3 - "$keyspace" "$later" "$scratch" "$peers" "${RUNS:-6}" << 'PY'
import os, re, shutil, statistics, subprocess, sys, time

keyspace, later, scratch, peers, runs = *sys.argv[1:5], int(sys.argv[5])
ours, utl = os.environ["ETCDSNAP"], f"{peers}/etcdutl37"
target = f"{scratch}/restored"
QUIET = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def anonymous(pid):
    """RssAnon in bytes: what the process has in memory that is not a file."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0

def run(command, sample, env=None):
    """Seconds, and the peak of RssAnon when it is sampled: a run is either timed or sampled, never both."""
    shutil.rmtree(target, ignore_errors=True)
    os.sync()
    start = time.monotonic()
    process = subprocess.Popen(command, env=env, **QUIET)
    peak = 0
    while sample and process.poll() is None:
        peak = max(peak, anonymous(process.pid))
        time.sleep(0.001)
    code = process.wait()
    seconds = time.monotonic() - start
    return seconds, peak, code

def measure(name, mine, theirs, label, fine=(0,)):
    if not re.search(os.environ.get("ROWS", ""), name):
        return
    times = {0: [], 1: []}
    for i in range(runs):
        for side, command in enumerate((mine, theirs)):
            seconds, _, code = run(command, sample=False)
            if code not in fine:
                sys.exit(f"{' '.join(command)}: exit {code}")
            if i > 0:
                times[side].append(seconds)
    peaks = [run(command, sample=True)[1] for command in (mine, theirs)]
    a, b = (statistics.median(times[side]) for side in (0, 1))
    spread = [f"{statistics.median(t):.2f} s ({min(t):.2f}-{max(t):.2f})" for t in times.values()]
    ratio = f"{b / a:.2f}x faster" if a <= b else f"{a / b:.2f}x slower"
    print(f"| {name} | {spread[0]} | {label} {spread[1]} | {ratio} | {peaks[0] / 1e6:.0f} MB | {peaks[1] / 1e6:.0f} MB |", flush=True)

size = os.path.getsize(keyspace) / 1e9
print(f"{os.path.basename(keyspace)}, {size:.2f} GB, {os.cpu_count()} cores, {runs - 1} runs each: median (min-max)\n")
print("| | etcdsnap | the real tool | | RssAnon | its RssAnon |\n|---|---|---|---|---|---|")
measure("status", [ours, "status", keyspace], [utl, "snapshot", "status", keyspace], "etcdutl 3.7")
measure("hashkv", [ours, "hashkv", keyspace], [utl, "hashkv", f"{scratch}/copy.db"], "etcdutl 3.7")
measure("verify", [ours, "verify", keyspace], ["openssl", "dgst", "-sha256", keyspace], "one SHA-256, openssl")
if later:
    measure("diff --stat", [ours, "diff", keyspace, later, "--stat"], [ours, "status", keyspace], "our own status", (0, 1))

member = ["--data-dir", target, "--name", "m", "--initial-cluster", "m=http://h:1", "--initial-advertise-peer-urls", "http://h:1"]
restore = [ours, "restore", keyspace, *member]
measure("restore", restore, [utl, "snapshot", "restore", keyspace, *member], "etcdutl 3.7")
measure("restore", restore, ["openssl", "dgst", "-sha256", keyspace], "one SHA-256, openssl")
measure("restore", restore, ["dd", f"if={keyspace}", f"of={scratch}/dd", "bs=1M", "conv=fsync"], "dd conv=fsync")
fresh = [*restore, "--defrag", "--compact", "latest"]
measure("restore --defrag", fresh, [utl, "snapshot", "restore", keyspace, *member], "etcdutl 3.7, which does not")

print("\nunder prlimit --data, two threads:")
env = dict(os.environ, RAYON_NUM_THREADS="2")
failed = False
more = [(192, ["diff", keyspace, later, "--stat"])] if later else []
for limit, command in [*more, (96, ["status", keyspace]), (96, ["hashkv", keyspace]), (96, ["verify", keyspace]), (64, restore[1:])]:
    seconds, peak, code = run(["prlimit", f"--data={limit << 20}", ours, *command], sample=True, env=env)
    failed |= code not in ((0, 1) if command[0] == "diff" else (0,))
    print(f"  {command[0]}, {limit} MB: exit {code}, {seconds:.2f} s, RssAnon {peak / 1e6:.0f} MB", flush=True)
sys.exit(failed)
PY

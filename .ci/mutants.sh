#!/usr/bin/env bash
# Damages good files of etcd 3.4 to 3.7 in COUNT ways and runs a command on each, twice: tests/it/mutants.
#
#   .ci/mutants.sh [COUNT [SEED [FIRST]]]       200000 mutants, seed 1, from number 0
#
# A call must end with an exit status of ours: no panic (a caught one counts), no signal, within 10 s of CPU, with less than 1 GiB
# of memory besides maps, and with the same output twice. It prints the counts. What ended badly is kept in
# target/mutants/SEED-NUMBER with the call; `.ci/mutants.sh 1 SEED NUMBER` makes it again.
# ETCDSNAP_MUTANTS_TWICE=4 makes every fourth call twice, and the others once. With $ETCDSNAP_PEERS, logs that real etcds
# wrote are damaged, too.
set -euo pipefail
cd "$(dirname "$0")/.."
export ETCDSNAP_MUTANTS=${1:-200000} ETCDSNAP_MUTANTS_SEED=${2:-1} ETCDSNAP_MUTANTS_FIRST=${3:-0}
# The program is what takes the time: only that is built for speed.
cargo build --quiet --locked --release
export ETCDSNAP_MUTANTS_PROGRAM=${ETCDSNAP_MUTANTS_PROGRAM:-$PWD/target/release/etcdsnap}
cargo test --quiet --locked --test it -- --nocapture --exact mutants::no_mutant_ends_badly

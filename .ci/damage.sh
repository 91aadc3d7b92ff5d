#!/usr/bin/env bash
# Prints the README's table of 468 kinds of damage: how etcdsnap, etcdutl and bbolt end on each.
#
#   ETCDSNAP_PEERS=$(.ci/peers.sh | tail -1) .ci/damage.sh [COMMAND]       all rows, or those with COMMAND in their name
#
# Of the Go programs, up to three files in each row change from run to run between the last columns.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --locked --release
export ETCDSNAP_MUTANTS_PROGRAM=${ETCDSNAP_MUTANTS_PROGRAM:-$PWD/target/release/etcdsnap}
ETCDSNAP_DAMAGE=${1:-1} cargo test --quiet --locked --test it -- --nocapture --exact mutants::table::table_of_damage

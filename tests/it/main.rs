//! The tests of the program as its user sees it, in one binary: a module for each promise or command.
//!
//! One of them alone: `cargo test --test it restore::`. A test that needs a real etcd or Kubernetes is skipped with a
//! message unless `$ETCDSNAP_PEERS` names the folder that `.ci/peers.sh` fills.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::string_slice)]

mod common;
#[path = "../../fuzz/src/mend.rs"]
mod mend;
#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

mod all_or_nothing;
mod analyze;
mod audit_log;
mod audited;
mod audited_metadata;
mod audited_without_effect;
mod bolt;
mod bolt_broken;
mod bounded_growth;
mod bounded_hostile;
mod bounded_memory;
mod broken_log;
mod catalog;
mod changed_while_read;
mod containers;
mod defrag;
mod deploy;
mod describe;
mod diff;
mod docs;
mod doubt_is_kept;
mod encryption;
mod etcdutl_syntax;
mod evidence;
mod export;
mod export_applies;
mod export_named;
mod export_needs;
mod export_versions;
mod file_size_limit;
mod force_new_cluster;
mod found;
mod grep;
mod hashkv;
mod help;
mod history;
mod impact;
mod k8s;
mod kubectl_calls;
mod kubectl_flags;
mod log_beside;
mod log_elsewhere;
mod log_of_another;
mod masked;
mod members;
mod migrate;
mod misspelt;
mod mutants;
mod ndjson;
mod newest;
mod no_crash_on_any_bytes;
mod nothing_is_sent_anywhere;
mod object_store;
mod one_writer;
mod peers;
mod planted_journal;
mod power_cut;
mod purged_log;
mod read_only;
mod readers_go_away;
mod readme;
mod redact;
#[cfg(feature = "remote")]
mod remote;
mod report;
mod restore;
mod restore_boots;
mod restore_drill;
mod restore_equals_etcdutl;
mod restore_places;
mod restored_log_is_served;
mod rolled_forward;
mod rows;
mod rows_engines;
mod salvaged;
mod same_answers_as_the_real_tools;
mod same_objects_as_kubectl;
mod same_state_as_etcd;
mod same_tables_as_kubectl;
mod selectors;
#[cfg(feature = "serve")]
mod serve;
mod snapshot_named;
mod standard_input;
mod status_quick;
mod tables;
mod terminal;
mod to_snapshot;
mod verify;
mod verify_member;
mod wal;
mod wal_equals_dump_logs;
mod what_verify_sees;
mod which_objects;

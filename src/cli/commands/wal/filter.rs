use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, str::FromStr as _};

use clap::Args;
use etcdsnap::etcd::{LogFilter, LogType};

/// The filters; a record has to pass all of them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which records")]
pub(super) struct Filter {
    /// Only entries and snapshots of this index or later, and hard states that commit it
    #[arg(long, value_name = "INDEX")]
    from_index: Option<u64>,
    /// Only entries and snapshots of this index or before, and hard states that commit no more
    #[arg(long, value_name = "INDEX")]
    to_index: Option<u64>,
    /// Only of this term
    #[arg(long)]
    term: Option<u64>,
    /// Only of these types, with commas: entry for all entries, or crc, metadata, state, snapshot, noop, conf_change,
    /// conf_change_v2, put, delete_range, txn, range, compaction, lease_grant, lease_revoke, lease_checkpoint, alarm,
    /// auth for all about users and roles or one of them such as auth_user_add, cluster_version_set,
    /// cluster_member_attr_set, downgrade_info_set, v2; etcd-dump-logs' words too
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = LogType::from_str)]
    types: Vec<LogType>,
    /// Only entries that write, delete, read or compare keys that begin with KEY
    #[arg(long, value_name = "KEY")]
    prefix: Option<OsString>,
}

impl From<Filter> for LogFilter {
    fn from(filter: Filter) -> Self {
        let Filter { from_index, to_index, term, types, prefix } = filter;
        Self { from_index, to_index, term, types, prefix: prefix.map(OsString::into_vec) }
    }
}

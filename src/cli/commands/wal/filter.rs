//! Which records are meant.

use std::{ffi::OsString, os::unix::ffi::OsStrExt as _};

use clap::Args;
use etcdsnap::etcd::{
    Range,
    request::{Op, RequestOp, Txn},
};

use super::told::Told;

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
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = Kind::parse)]
    kinds: Vec<Kind>,
    /// Only entries that write, delete, read or compare keys that begin with KEY
    #[arg(long, value_name = "KEY")]
    prefix: Option<OsString>,
}

/// The names of all types.
const TYPES: &str = "crc metadata state snapshot noop conf_change conf_change_v2 unknown unreadable range put delete_range \
    txn compaction lease_grant lease_revoke lease_checkpoint alarm auth_enable auth_disable authenticate auth_status \
    auth_user_add auth_user_delete auth_user_get auth_user_change_password auth_user_grant_role auth_user_revoke_role \
    auth_user_list auth_role_list auth_role_add auth_role_delete auth_role_get auth_role_grant_permission \
    auth_role_revoke_permission cluster_version_set cluster_member_attr_set downgrade_info_set downgrade_version_test v2";

#[derive(Debug, Clone)]
enum Kind {
    Named(&'static str),
    /// Every entry.
    Entry,
    /// Entries that change no members.
    Normal,
    /// Those that are no v2 requests.
    Internal,
    /// Those about users and roles.
    Auth,
}

impl Kind {
    fn parse(word: &str) -> Result<Self, String> {
        let plain = |word: &str| word.to_ascii_lowercase().replace('_', "");
        let word = plain(word);
        Ok(match word.strip_prefix("irr").unwrap_or(&word) {
            "entry" => Self::Entry,
            "normal" => Self::Normal,
            "internalraftrequest" => Self::Internal,
            "auth" => Self::Auth,
            "configchange" => Self::Named("conf_change"),
            "request" => Self::Named("v2"),
            word => match TYPES.split_whitespace().find(|name| plain(name) == word) {
                Some(name) => Self::Named(name),
                None => return Err(format!("one of: entry auth {TYPES}")),
            },
        })
    }

    fn takes(&self, told: &Told<'_>) -> bool {
        let is_entry = told.record.kind == etcdsnap::wal::RecordKind::Entry;
        match self {
            Self::Named(name) => told.kind == *name,
            Self::Entry => is_entry,
            Self::Normal => is_entry && !told.kind.starts_with("conf_change"),
            Self::Internal => told.request.as_ref().is_some_and(|request| !matches!(request.op, Op::V2(_))),
            Self::Auth => told.kind.starts_with("auth"),
        }
    }
}

impl Filter {
    /// Whether the record is meant.
    pub(super) fn takes(&self, told: &Told<'_>) -> bool {
        let index = |holds: &dyn Fn(u64) -> bool| told.index().is_some_and(holds);
        self.from_index.is_none_or(|from| index(&|index| index >= from))
            && self.to_index.is_none_or(|to| index(&|index| index <= to))
            && self.term.is_none_or(|term| told.term() == Some(term))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.takes(told)))
            && self.prefix.as_ref().is_none_or(|prefix| {
                told.request.as_ref().is_some_and(|request| touches(&request.op, &Range::prefix(prefix.as_bytes())))
            })
    }
}

/// Whether a request is about a key in `keys`.
fn touches(op: &Op<'_>, keys: &Range<'_>) -> bool {
    match op {
        Op::Put(put) => keys.contains(put.key),
        Op::Range(read) => keys.meets(&read.range()),
        Op::DeleteRange(delete) => keys.meets(&delete.range()),
        Op::Txn(txn) => txn_touches(*txn, keys),
        _ => false,
    }
}

fn txn_touches(txn: Txn<'_>, keys: &Range<'_>) -> bool {
    txn.compares().any(|compare| keys.meets(&compare.range()))
        || txn.success().chain(txn.failure()).any(|op| match op {
            RequestOp::Put(put) => keys.contains(put.key),
            RequestOp::Range(read) => keys.meets(&read.range()),
            RequestOp::DeleteRange(delete) => keys.meets(&delete.range()),
            RequestOp::Txn(txn) => txn_touches(txn, keys),
            RequestOp::Empty => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_etcd_dump_logs_names_them_too() {
        for (word, want) in [("IRRPut", "put"), ("lease_grant", "lease_grant"), ("ConfigChange", "conf_change")] {
            assert!(matches!(Kind::parse(word), Ok(Kind::Named(name)) if name == want), "{word}");
        }
        assert!(Kind::parse("puts").unwrap_err().contains(" put "));
    }
}

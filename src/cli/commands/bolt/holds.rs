//! Items of a page in etcd's words.

use std::io::{self, Write as _};

use etcdsnap::{
    Finding, Findings,
    bolt::{Branch, Bucket, Item, Leaf, LeafElement, Page, Root, element_at},
    bytes::{escape, excerpt},
    document::Id,
    etcd::{Depth, Record, Revision, State, Stored, bucket_of},
};

use super::format::hex;
use crate::{
    render::{Columns, is_printable},
    session::Session,
};

/// Prints the items of a leaf of a bucket of etcd; those of an inline bucket after its own.
pub(super) fn leaf(
    session: &mut Session,
    page: Page<'_>,
    bucket: Option<&str>,
    wrong: &mut Findings,
) -> io::Result<()> {
    writeln!(session.out, "Item Count: {}\n", page.count)?;
    let mut columns = Columns::new(&["ITEM", "OFFSET", "KEY", "SIZE", "HOLDS"]).right(&[3]);
    let (mut items, mut inner) = (Vec::new(), Vec::new());
    let mut numbers = Numbers::of(&page);
    for item in Leaf::read(page, &mut items, wrong).items {
        let number = numbers.next(item);
        if !item.bucket {
            columns.row(&mut session.out, row(number, bucket, item, |finding| wrong.push(finding.page(page.id.0))))?;
            continue;
        }
        let read = Bucket::of(item);
        let what = match &read {
            Ok(Bucket { root: Root::Page(id), .. }) => format!("bucket, root page {id}"),
            Ok(Bucket { root: Root::Inline(page), .. }) => {
                let items = if page.count == 1 { "item" } else { "items" };
                format!("bucket, inline, {} {items}", page.count)
            }
            Err(finding) => finding.what.clone(),
        };
        columns.row(&mut session.out, cells(number.clone(), item, key_text(item.key), what))?;
        match read {
            Ok(Bucket { root: Root::Inline(inline), name, .. }) => {
                let name = bucket_of(&[name]);
                let mut inner_numbers = Numbers::of(&inline);
                for item in Leaf::read(inline, &mut inner, wrong).items {
                    let number = format!("{number}.{}", inner_numbers.next(item));
                    let row = row(number, name, item, |finding| wrong.push(finding.page(page.id.0)));
                    columns.row(&mut session.out, row)?;
                }
            }
            Ok(_) => {}
            Err(finding) => wrong.push(finding.page(page.id.0)),
        }
    }
    columns.finish(&mut session.out)?;
    writeln!(session.out)
}

/// Prints the children of a branch of a bucket of etcd.
pub(super) fn branch(
    session: &mut Session,
    page: Page<'_>,
    bucket: Option<&str>,
    wrong: &mut Findings,
) -> io::Result<()> {
    writeln!(session.out, "Item Count: {}\n", page.count)?;
    let mut columns = Columns::new(&["ITEM", "OFFSET", "FIRST KEY", "PAGE"]).right(&[3]);
    let mut children = Vec::new();
    for child in Branch::read(page, &mut children, wrong).children {
        let revision = Revision::from_bucket_key(child.key).ok().filter(|_| matches!(bucket, None | Some("key")));
        let key = revision.map_or_else(|| key_text(child.key), |(revision, _)| revision.to_string());
        let cells = [child.index.to_string(), format!("{:#x}", child.offset), key, child.page.to_string()];
        columns.row(&mut session.out, cells)?;
    }
    columns.finish(&mut session.out)?;
    writeln!(session.out)
}

/// The numbers of a leaf's items among its elements, of which some may not hold.
struct Numbers<'a> {
    page: Page<'a>,
    next: usize,
}

impl<'a> Numbers<'a> {
    fn of(page: &Page<'a>) -> Self {
        Self { page: *page, next: 0 }
    }

    fn next(&mut self, item: &Item<'_>) -> String {
        let starts = |index: &usize| {
            let at = element_at(*index);
            let element = LeafElement::read(self.page.bytes, at)?;
            Some(item.offset == self.page.offset.saturating_add(at as u64).saturating_add(element.pos.into()))
        };
        let elements = self.next..usize::from(self.page.count);
        let index = elements.into_iter().find(|index| starts(index) == Some(true)).unwrap_or(self.next);
        self.next = index.saturating_add(1);
        index.to_string()
    }
}

/// The cells of an item; what is wrong with it goes to `wrong`, too.
fn row(number: String, bucket: Option<&str>, item: &Item<'_>, wrong: impl FnOnce(Finding)) -> [String; 5] {
    let stored = match bucket {
        Some(bucket) => Stored::read(bucket.as_bytes(), item).map(Some),
        None => Ok(Stored::guess(item)),
    };
    match stored {
        Ok(Some(Stored::Record(record))) => {
            let fault = record.check(Depth::UNKNOWN);
            let mark = if record.tombstone { " t" } else { "" };
            let key = format!("{}{mark}", record.revision);
            let mut what = record_text(&record);
            if let Some(finding) = fault {
                what = format!("{what}; {}", finding.what);
                wrong(finding);
            }
            cells(number, item, key, what)
        }
        Ok(Some(Stored::State(state))) => {
            let (key, what) = state_text(&state, item);
            cells(number, item, key, what)
        }
        Ok(None) => cells(number, item, key_text(item.key), "-".to_owned()),
        Err(finding) => {
            let what = finding.what.clone();
            wrong(finding);
            cells(number, item, key_text(item.key), what)
        }
    }
}

fn cells(number: String, item: &Item<'_>, key: String, holds: String) -> [String; 5] {
    [number, format!("{:#x}", item.offset), key, item.value.len().to_string(), holds]
}

fn key_text(key: &[u8]) -> String {
    if is_printable(key) {
        return excerpt(key);
    }
    let (shown, dots) = key.get(..128).map_or((key, ""), |shown| (shown, "..."));
    let mut digits = Vec::new();
    // A vector takes all that is written to it.
    let _ = hex(&mut digits, shown);
    format!("{}{dots}", String::from_utf8_lossy(&digits))
}

fn record_text(record: &Record<'_>) -> String {
    let (kv, key) = (&record.kv, excerpt(record.kv.key));
    if record.tombstone {
        return format!("delete {key}");
    }
    if record.is_bump() {
        return "an empty record, which raises the revision".to_owned();
    }
    let lease = if kv.lease == 0 { String::new() } else { format!(", lease {:x}", kv.lease) };
    let (create, version, size) = (kv.create_revision, kv.version, kv.value.len());
    format!("put {key}, create_revision {create}, version {version}{lease}, value of {size} bytes")
}

/// The key, and what an item of one of the small buckets holds: the state has nothing but it.
fn state_text(state: &State, item: &Item<'_>) -> (String, String) {
    let State { meta, members, removed, cluster, leases, alarms, auth } = state;
    let key = key_text(item.key);
    if let [member] = members.as_slice() {
        let name = if member.started() { member.name.clone() } else { "not started".to_owned() };
        let learner = if member.is_learner { ", learner" } else { "" };
        let (peers, clients) = (member.peer_urls.join(","), member.client_urls.join(","));
        return (key, format!("member {name}, peer URLs {peers}, client URLs {clients}{learner}"));
    }
    if let [id] = removed.as_slice() {
        return (key, format!("removed member {id}"));
    }
    if let [lease] = leases.as_slice() {
        let left = if lease.remaining_ttl == 0 { String::new() } else { format!(", {} s left", lease.remaining_ttl) };
        return (format!("{:x}", lease.id), format!("lease, granted for {} s{left}", lease.ttl));
    }
    if let [alarm] = alarms.as_slice() {
        return (key, format!("alarm {} of member {}", alarm.kind, alarm.member));
    }
    if let [user] = auth.users.as_slice() {
        let password = if user.no_password { ", no password" } else { "" };
        return (key, format!("user {}, roles {}{password}", user.name, user.roles.join(",")));
    }
    if let [role] = auth.roles.as_slice() {
        let each = |of: &etcdsnap::etcd::state::Permission| {
            format!("{:?} {} {}", of.kind, escape(&of.key), escape(&of.range_end)).trim_end().to_lowercase()
        };
        let permissions: Vec<_> = role.permissions.iter().take(16).map(each).collect();
        return (
            key,
            format!("role {}, {} permissions: {}", role.name, role.permissions.len(), permissions.join("; ")),
        );
    }
    let revision = |of: Revision| of.to_string();
    let values = [
        meta.consistent_index.map(|n| n.to_string()),
        meta.term.map(|n| n.to_string()),
        meta.conf_state.as_ref().map(|of| {
            let voters: Vec<_> = of.voters.iter().map(Id::to_string).collect();
            let learners: Vec<_> = of.learners.iter().map(Id::to_string).collect();
            let learners =
                if learners.is_empty() { String::new() } else { format!(", learners {}", learners.join(",")) };
            format!("voters {}{learners}", voters.join(","))
        }),
        meta.scheduled_compact_rev.map(revision),
        meta.finished_compact_rev.map(revision),
        meta.storage_version.clone(),
        cluster.version.clone(),
        cluster.downgrade.as_ref().map(|of| format!("downgrade to {:?}, enabled: {}", of.target_version, of.enabled)),
        auth.revision.map(|n| n.to_string()),
    ];
    let value = values.into_iter().flatten().next();
    (key, value.unwrap_or_else(|| format!("{}", auth.enabled)))
}

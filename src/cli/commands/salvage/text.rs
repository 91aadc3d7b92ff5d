//! The report, for people.

use std::io::{self, Write};

use etcdsnap::{
    bytes::{counted, counted_are},
    salvage::{Other, Report, Trailer},
};

use crate::render;

/// The most lines of one kind.
const SHOWN: usize = 20;

/// What is not proved without a trailer that matches.
pub(super) const UNPROVED: &str =
    "a byte of any value may be wrong; proved shows only that no later revision is missing";

pub(super) fn report(out: &mut impl Write, report: &Report) -> io::Result<()> {
    input(out, report)?;
    tree(out, report)?;
    let Some(found) = report.revisions.first.zip(report.revisions.last) else { return Ok(()) };
    records(out, report, found)?;
    log(out, report)?;
    keys(out, report)?;
    for bucket in report.buckets.iter().filter(|bucket| !bucket.is_whole()) {
        writeln!(out, "bucket {}: {}", bucket.name, bucket.in_words())?;
    }
    if let Some(saved) = &report.written {
        let file = render::printable(saved.file.clone());
        let keys = counted(saved.keys, "key");
        writeln!(out, "{file}: {keys} at revision {}, sha256 {}", saved.revision, saved.sha256)?;
    }
    report.next.0.iter().try_for_each(|line| writeln!(out, "next: {line}"))
}

/// The file, and what makes its content doubtful.
fn input(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let pages = &report.pages;
    let source = render::printable(report.source.clone());
    writeln!(
        out,
        "{source}: {} of {} bytes, {} with records",
        counted(pages.total, "page"),
        report.page_size,
        if pages.leaves == 1 { "1 leaf".to_owned() } else { format!("{} leaves", pages.leaves) }
    )?;
    let trailer = match report.trailer {
        Trailer::Matches => None,
        Trailer::Differs => Some("the SHA-256 differs"),
        Trailer::Absent => Some("absent"),
    };
    if let Some(trailer) = trailer {
        writeln!(out, "trailer: {trailer}, so {UNPROVED}")?;
    }
    for doubt in &report.doubts {
        writeln!(out, "doubt: {}", render::printable(doubt.clone()))?;
    }
    Ok(())
}

/// The root that was found, other dbs in the file, and why nothing is proved by pages.
fn tree(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report { root, records, .. } = report;
    match root.page {
        None => writeln!(out, "root: none was found")?,
        Some(page) => {
            let from = if root.from == Some("meta") { "named by the meta page" } else { "found without a meta page" };
            let tree = match root.holes {
                _ if !root.latest => "it may be an old root, so its tree proves nothing".to_owned(),
                0 => "its tree is whole".to_owned(),
                1 => "1 part of its tree is missing".to_owned(),
                n => format!("{n} parts of its tree are missing"),
            };
            writeln!(out, "root: page {page}, {from}; {tree}")?;
        }
    }
    for other in report.others.iter().take(SHOWN) {
        let Other { base, pages, first_page, last_page, offset, .. } = *other;
        match other.piece {
            true => writeln!(
                out,
                "pages {first_page} to {last_page} are at offset {offset}, which does not fit this file: not read"
            )?,
            false => {
                writeln!(
                    out,
                    "another db at offset {base}, {}: the newer of the two is read, and nothing is proved",
                    counted(pages, "page")
                )?;
            }
        }
    }
    more(out, report.others.len().saturating_sub(SHOWN))?;
    if report.others.iter().any(|other| other.piece) {
        writeln!(
            out,
            "the db may be in several pieces on this disk: copy the file out of the image with the file system's own tools, \
             and salvage the copy; nothing is proved here"
        )?;
    }
    if records.far > 0 {
        let n = records.far;
        let records = counted_are(n, "record", "");
        writeln!(out, "{records} left out, with a revision far above all others; nothing is proved")?;
    } else if root.mixed && report.others.is_empty() {
        writeln!(out, "mixed: the pages are of different times, as in a copy of a db in use: nothing is proved")?;
    }
    Ok(())
}

/// The records between the `first` and the `last` revision, and what is missing of them.
fn records(out: &mut impl Write, report: &Report, (first, last): (i64, i64)) -> io::Result<()> {
    let Report { records, revisions, .. } = report;
    writeln!(
        out,
        "records: {} found, {} of them on pages outside of the tree; {} copies, {} conflicts",
        records.found, records.unreachable, records.copies, records.conflicts
    )?;
    let missing = revisions.missing.map_or("an unknown number".to_owned(), |n| n.to_string());
    let compacted = if revisions.compacted < 0 { "never".to_owned() } else { format!("at {}", revisions.compacted) };
    writeln!(out, "revisions: {first} to {last}, compacted {compacted}; {missing} are missing")?;
    for gap in revisions.gaps.iter().take(SHOWN) {
        match gap.missing {
            0 => writeln!(out, "  after {} changes of the same transaction may be missing", gap.after)?,
            n => writeln!(out, "  {n} missing between {} and {}", gap.after, gap.before)?,
        }
    }
    more(out, revisions.gap_count.saturating_sub(SHOWN))?;
    if let Some(n) = revisions.missing_below.filter(|n| *n > 0) {
        let at = revisions.compacted;
        writeln!(
            out,
            "  up to {} may be lost that did not change after {at}; it is not known which",
            counted(n, "key")
        )?;
    }
    if revisions.open {
        writeln!(out, "  revisions after {last} may be lost, too")?;
    } else if revisions.unfinished {
        let why = "this file is no snapshot, and a copy of a db in use may end inside a transaction";
        writeln!(out, "  changes of the last transaction, {last}, may be lost: {why}")?;
    }
    Ok(())
}

/// What the log added.
fn log(out: &mut impl Write, report: &Report) -> io::Result<()> {
    if let Some(log) = &report.log {
        let left = if log.left > 0 { format!("; {} left out", log.left) } else { String::new() };
        let (applied, from, index) = (log.applied, log.from, log.index);
        let (entries, records) = (counted(applied, "entry"), counted(log.records, "record"));
        writeln!(out, "log: {entries} after {from} up to {index} applied, {records}{left}")?;
        if log.differ > 0 {
            writeln!(out, "  {} of them differ from what the pages hold for the same revision", log.differ)?;
        }
        if log.newer > 0 {
            let n = log.newer;
            let records = counted_are(n, "record", " on pages");
            writeln!(out, "  {records} newer than the last entry of the log, and left out")?;
        }
    }
    if let Some(why) = report.log_left_out {
        writeln!(out, "log: not added: {why}")?;
    }
    for wrong in report.log_damage.iter().take(SHOWN) {
        writeln!(out, "log: damaged, later changes may be lost: {}", render::printable(wrong.clone()))?;
    }
    more(out, report.log_damage.len().saturating_sub(SHOWN))?;
    Ok(())
}

/// The keys by certainty, and the kinds of those that are not proved.
fn keys(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let keys = &report.keys;
    writeln!(
        out,
        "keys: {} proved, {} likely, {} conflicting, {} deleted",
        keys.proved, keys.likely, keys.conflicting, keys.deleted
    )?;
    if !report.kinds.is_empty() {
        writeln!(out, "not proved:")?;
    }
    for hit in report.kinds.iter().take(SHOWN) {
        let resource = if hit.resource.is_empty() { "other keys" } else { &hit.resource };
        let namespace = hit.namespace.as_deref().map_or(String::new(), |namespace| format!(" -n {namespace}"));
        let conflicting =
            if hit.conflicting > 0 { format!(", {} conflicting", hit.conflicting) } else { String::new() };
        let line = format!("  {resource}{namespace}: {} likely{conflicting}, {} proved", hit.likely, hit.proved);
        writeln!(out, "{}", render::printable(line))?;
    }
    more(out, report.kinds.len().saturating_sub(SHOWN))?;
    Ok(())
}

fn more(out: &mut impl Write, n: usize) -> io::Result<()> {
    if n > 0 { writeln!(out, "  and {n} more") } else { Ok(()) }
}

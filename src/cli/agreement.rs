//! Text output of the comparison of several members' logs.

use etcdsnap::wal::{Agreed, Agreement, Held};

use crate::render::printable;

/// The lines about an agreement; `names` are the names of the logs.
pub(crate) fn lines(agreement: &Agreement, names: &[String]) -> Vec<String> {
    let Agreement { keep, voters, here, held, overruled } = agreement;
    let name = |at: usize| names.get(at).cloned().map(printable).unwrap_or_default();
    let mut lines = vec![format!("{here} of {voters} voters are here")];
    lines.extend(held.iter().map(|held| of_entries(held, *voters)));
    if held.is_empty() {
        lines.push("no entry is past the last commit on disk".to_owned());
    }
    lines.extend(overruled.iter().map(|(at, first)| {
        let what = "are not in the log to keep: a later leader overruled them";
        format!("{}: its entries from {first} on {what}", name(*at))
    }));
    lines.push(format!("keep {}", name(*keep)));
    lines
}

fn of_entries(held: &Held, voters: usize) -> String {
    let Held { first, last, by, agreed } = *held;
    let which = if first == last { format!("entry {first} is") } else { format!("entries {first} to {last} are") };
    let agreed = match agreed {
        Agreed::Yes => "agreed",
        Agreed::No => "never agreed on",
        Agreed::Open => "the members that are missing decide",
    };
    format!("{which} on {by} of {voters} members: {agreed}")
}

//! What `describe` adds for a Node: its pods, and what they request.

use std::io::Write as _;

use etcdsnap::{
    k8s::{Moment, Object},
    objects::{Amounts, Cluster},
    print::Clock,
};

use super::object::{note_age, some_unreadable};
use crate::{
    failure::{Exit, Failure},
    render::{Columns, printable},
    session::Session,
};

/// Prints the pods on a node that have not ended, and the resources that are allocated to them.
pub(super) fn describe(session: &mut Session, cluster: &Cluster<'_>, node: &Object<'_>) -> Result<Exit, Failure> {
    let allocation = cluster.allocation(node);
    let share = |amounts: &Amounts, name: &str| {
        let (amount, percent) = allocation.share(amounts, name);
        format!("{amount} ({percent}%)")
    };
    writeln!(session.out, "Non-terminated Pods: ({} in total)", allocation.pods.len())?;
    let exit = some_unreadable(allocation.unreadable, "Pod").max(note_age(cluster));
    let clock = Clock(cluster.now());
    let titles = ["  NAMESPACE", "NAME", "CPU REQUESTS", "CPU LIMITS", "MEMORY REQUESTS", "MEMORY LIMITS", "AGE"];
    let mut lines = if allocation.pods.is_empty() { Columns::bare() } else { Columns::new(&titles) };
    for pod in &allocation.pods {
        let row = [
            format!("  {}", printable(pod.namespace.clone())),
            printable(pod.name.clone()),
            share(&pod.requests, "cpu"),
            share(&pod.limits, "cpu"),
            share(&pod.requests, "memory"),
            share(&pod.limits, "memory"),
            clock.since(Moment::parse(&pod.created)),
        ];
        lines.row(&mut session.out, row)?;
    }
    lines.finish(&mut session.out)?;
    writeln!(session.out, "Allocated resources: (limits may be over 100 percent)")?;
    let mut lines = Columns::new(&["  RESOURCE", "REQUESTS", "LIMITS"]);
    for name in allocation.resources() {
        let row = [
            format!("  {}", printable(name.to_owned())),
            share(&allocation.requests, name),
            share(&allocation.limits, name),
        ];
        lines.row(&mut session.out, row)?;
    }
    lines.finish(&mut session.out)?;
    Ok(exit)
}

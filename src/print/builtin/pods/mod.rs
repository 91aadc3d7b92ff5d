//! Pods, with their state in one word (`printPod`).

use std::collections::BTreeMap;

use super::{
    Clock, Row,
    fields::{Fields, is_true, or},
    row,
};
use crate::k8s::{Moment, Value};

/// The columns of [`pod`].
pub(super) const COLUMNS: &str = "Name, Ready, Status, Restarts, Age, +IP, +Node, +Nominated Node, +Readiness Gates";

/// `printPod`.
pub(super) fn pod(pod: &Value<'_>, clock: Clock) -> Row {
    let Tally { reason, ready, restarts, last_restart } = Tally::of(pod);
    let restartable = pod.list("spec.initContainers").iter().filter(|container| is_restartable(container)).count();
    let total = pod.list("spec.containers").len().saturating_add(restartable);
    let restarts = match clock.elapsed(last_restart) {
        Some(ago) if restarts != 0 => format!("{restarts} ({ago} ago)"),
        _ => restarts.to_string(),
    };
    let ips = pod.list("status.podIPs");
    let ip = ips.first().map_or_else(|| pod.text("status.podIP"), |ip| ip.text("ip"));
    row![
        pod.name(),
        format!("{ready}/{total}"),
        reason,
        restarts,
        clock.age(pod),
        or(ip, "<none>"),
        pod.text_or("spec.nodeName", "<none>"),
        pod.text_or("status.nominatedNodeName", "<none>"),
        readiness_gates(pod),
    ]
}

/// Summary of the states of a Pod's containers.
#[derive(Default)]
struct Tally {
    reason: String,
    ready: usize,
    restarts: i64,
    last_restart: Option<Moment>,
}

impl Tally {
    fn of(pod: &Value<'_>) -> Self {
        let conditions = pod.list("status.conditions");
        let phase = pod.text("status.phase");
        let mut tally = Self { reason: pod.text_or("status.reason", phase).to_owned(), ..Self::default() };
        let is_gated = |c: &Value<'_>| c.text("type") == "PodScheduled" && c.text("reason") == "SchedulingGated";
        if conditions.iter().any(is_gated) {
            "SchedulingGated".clone_into(&mut tally.reason);
        }
        let mut sidecars = Self::default();
        let initializing = tally.init_containers(pod, &mut sidecars);
        if !initializing || is_true(conditions, "Initialized") {
            (tally.restarts, tally.last_restart) = (sidecars.restarts, sidecars.last_restart);
            tally.containers(pod);
        }
        if pod.deleted() && pod.text("status.reason") == "NodeLost" {
            "Unknown".clone_into(&mut tally.reason);
        } else if pod.deleted() && !matches!(phase, "Failed" | "Succeeded") {
            "Terminating".clone_into(&mut tally.reason);
        }
        tally
    }

    /// Counts the init containers up to the first that is not done; returns whether there is one.
    fn init_containers(&mut self, pod: &Value<'_>, sidecars: &mut Self) -> bool {
        let containers = pod.list("spec.initContainers");
        let by_name: BTreeMap<_, _> = containers.iter().map(|container| (container.text("name"), container)).collect();
        for (index, status) in pod.list("status.initContainerStatuses").iter().enumerate() {
            self.restarted(status);
            let sidecar = by_name.get(status.text("name")).is_some_and(|container| is_restartable(container));
            if sidecar {
                sidecars.restarted(status);
            }
            let terminated = status.find("state.terminated");
            if terminated.is_some_and(|state| state.int("exitCode") == 0) {
                continue;
            }
            if sidecar && status.flag_at("started") == Some(true) {
                self.ready = self.ready.saturating_add(usize::from(is_ready(status)));
                continue;
            }
            let waiting = status.text("state.waiting.reason");
            self.reason = match terminated {
                Some(state) => format!("Init:{}", why_terminated(state)),
                None if !matches!(waiting, "" | "PodInitializing") => format!("Init:{waiting}"),
                None => format!("Init:{index}/{}", containers.len()),
            };
            return true;
        }
        false
    }

    fn containers(&mut self, pod: &Value<'_>) {
        let (mut running, mut error) = (false, String::new());
        for status in pod.list("status.containerStatuses").iter().rev() {
            self.restarted(status);
            let waiting = status.text("state.waiting.reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if let Some(state) = status.find("state.terminated") {
                self.reason = why_terminated(state);
                if state.int("exitCode") != 0 {
                    self.reason.clone_into(&mut error);
                }
            } else if is_ready(status) && status.find("state.running").is_some() {
                running = true;
                self.ready = self.ready.saturating_add(1);
            }
        }
        if self.reason == "Completed" {
            let conditions = pod.list("status.conditions");
            let is_ready = |c: &Value<'_>| c.text("type") == "Ready" && c.text("status") == "True";
            if running && conditions.iter().any(is_ready) {
                "Running".clone_into(&mut self.reason);
            } else if !error.is_empty() {
                self.reason = error;
            } else if running {
                "NotReady".clone_into(&mut self.reason);
            }
        }
    }

    fn restarted(&mut self, status: &Value<'_>) {
        self.restarts = self.restarts.saturating_add(status.int("restartCount"));
        self.last_restart = self.last_restart.max(status.time("lastState.terminated.finishedAt"));
    }
}

/// `podutil.IsRestartableInitContainer`: a sidecar.
fn is_restartable(container: &Value<'_>) -> bool {
    container.text("restartPolicy") == "Always"
}

fn is_ready(status: &Value<'_>) -> bool {
    status.flag_at("ready") == Some(true)
}

fn why_terminated(state: &Value<'_>) -> String {
    match (state.text("reason"), state.int("signal")) {
        ("", 0) => format!("ExitCode:{}", state.int("exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn readiness_gates(pod: &Value<'_>) -> String {
    let (gates, conditions) = (pod.list("spec.readinessGates"), pod.list("status.conditions"));
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let passed = gates.iter().filter(|gate| is_true(conditions, gate.text("conditionType")));
    format!("{}/{}", passed.count(), gates.len())
}

#[cfg(test)]
mod tests;

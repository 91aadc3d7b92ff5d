//! Load balancers and node ports.

use std::collections::BTreeMap;

use super::{
    super::{danger::Subject, inventory::KnownObject, kinds::SERVICE},
    sides::{Sides, then_and_now},
};
use crate::k8s::Value;

fn is_balancer(known: &KnownObject<'_>) -> bool {
    known.text(&["spec", "type"]) == "LoadBalancer"
}

/// The addresses of a load balancer.
fn addresses(known: &KnownObject<'_>) -> String {
    let ingress = known.list(&["status", "loadBalancer", "ingress"]).iter();
    let address = |of: &Value<'_>| ["ip", "hostname"].iter().find_map(|name| of.get(name)?.as_str().map(str::to_owned));
    ingress.filter_map(address).collect::<Vec<_>>().join(" ")
}

pub(super) fn load_balancers(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let back = sides.back(SERVICE).filter(|(_, known)| is_balancer(known));
    let made = sides.made(SERVICE).filter(|(_, known)| is_balancer(known));
    let back = back.map(|(id, known)| Subject::new(id, &["deleted since".to_owned(), addresses(known)]));
    let made = made.map(|(id, known)| Subject::new(id, &["made since".to_owned(), addresses(known)]));
    let mut all: Vec<_> = back.chain(made).collect();
    for (id, then, now) in sides.both(SERVICE).filter(|(_, then, now)| then.uid == now.uid) {
        let (a, b) = (addresses(then), addresses(now));
        let kind = |known: &KnownObject<'_>| if is_balancer(known) { "a load balancer" } else { "none" };
        if is_balancer(then) != is_balancer(now) {
            all.push(Subject::new(id, &[then_and_now(kind(then), kind(now))]));
        } else if is_balancer(then) && a != b {
            all.push(Subject::new(id, &[then_and_now(&a, &b)]));
        }
    }
    all
}

/// The node ports of a Service by its own ports and protocols.
fn ports<'i>(known: &'i KnownObject<'_>) -> BTreeMap<(i64, &'i str), i64> {
    let number = |of: &Value<'_>, name: &str| match of.get(name) {
        Some(Value::Int(port)) => Some(*port),
        _ => None,
    };
    let port = |of: &'_ Value<'static>| Some((number(of, "port")?, number(of, "nodePort").filter(|port| *port != 0)?));
    let list = known.list(&["spec", "ports"]).iter();
    list.filter_map(|of| Some((port(of)?, of.get("protocol").and_then(Value::as_str).unwrap_or("TCP"))))
        .map(|((port, node_port), protocol)| ((port, protocol), node_port))
        .collect()
}

pub(super) fn node_ports(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let mut all = Vec::new();
    for (id, then, now) in sides.both(SERVICE) {
        let (a, b) = (ports(then), ports(now));
        if a != b {
            let text = |ports: BTreeMap<_, i64>| ports.values().map(i64::to_string).collect::<Vec<_>>().join(" ");
            all.push(Subject::new(id, &[then_and_now(&text(a), &text(b))]));
        }
    }
    all
}

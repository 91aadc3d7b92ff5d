//! Services and their Endpoints.

use super::{
    Clock, Row,
    fields::{Fields, or},
    format_labels, row,
};
use crate::k8s::Value;

/// The columns of [`service`].
pub(super) const COLUMNS: &str = "Name, Type, Cluster-IP, External-IP, Port(s), Age, +Selector";

/// `printService`.
pub(super) fn service(service: &Value<'_>, clock: Clock) -> Row {
    let ips = service.texts("spec.clusterIPs");
    let ip = ips.first().copied().unwrap_or_else(|| service.text("spec.clusterIP"));
    row![
        service.name(),
        service.text_or("spec.type", "ClusterIP"),
        or(ip, "<none>"),
        external_ip(service),
        or(&ports(service), "<none>"),
        clock.age(service),
        format_labels(service.map("spec.selector")),
    ]
}

/// `getServiceExternalIP`.
fn external_ip(service: &Value<'_>) -> String {
    let balanced = load_balancer(service);
    let mut ips = service.texts("spec.externalIPs");
    match service.text_or("spec.type", "ClusterIP") {
        "ClusterIP" | "NodePort" => or(&ips.join(","), "<none>").to_owned(),
        "LoadBalancer" => {
            if !balanced.is_empty() {
                ips.insert(0, &balanced);
            }
            or(&ips.join(","), "<pending>").to_owned()
        }
        "ExternalName" => service.text("spec.externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// `loadBalancerStatusStringer`, `ingressLoadBalancerStatusStringer`: addresses or names, sorted, each once.
pub(super) fn load_balancer(object: &Value<'_>) -> String {
    let ingress = object.list("status.loadBalancer.ingress").iter();
    let mut points: Vec<_> = ingress.map(|point| point.text_or("ip", point.text("hostname"))).collect();
    points.retain(|point| !point.is_empty());
    points.sort_unstable();
    points.dedup();
    points.join(",")
}

/// `makePortString`.
fn ports(service: &Value<'_>) -> String {
    let ports = service.list("spec.ports").iter().map(|port| {
        let (number, protocol) = (port.int("port"), port.text_or("protocol", "TCP"));
        match port.int("nodePort") {
            node if node > 0 => format!("{number}:{node}/{protocol}"),
            _ => format!("{number}/{protocol}"),
        }
    });
    ports.collect::<Vec<_>>().join(",")
}

/// `printEndpoints`.
pub(super) fn endpoints(endpoints: &Value<'_>, clock: Clock) -> Row {
    row![endpoints.name(), format_endpoints(endpoints.list("subsets")), clock.age(endpoints)]
}

/// `formatEndpoints`: three addresses, and the number of the others.
fn format_endpoints(subsets: &[Value<'_>]) -> String {
    const MOST: usize = 3;
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let (mut shown, mut count) = (Vec::new(), 0_usize);
    for subset in subsets {
        let (addresses, ports) = (subset.list("addresses"), subset.list("ports"));
        count = count.saturating_add(addresses.len().saturating_mul(ports.len().max(1)));
        let ips = addresses.iter().map(|address| address.text("ip"));
        let room = MOST.saturating_sub(shown.len());
        if ports.is_empty() {
            shown.extend(ips.take(room).map(str::to_owned));
        } else {
            let pairs = ports.iter().flat_map(|port| ips.clone().map(|ip| host_port(ip, port.int("port"))));
            shown.extend(pairs.take(room));
        }
    }
    match count.saturating_sub(MOST) {
        0 => shown.join(","),
        more => format!("{} + {more} more...", shown.join(",")),
    }
}

/// Go's `net.JoinHostPort`.
fn host_port(host: &str, port: i64) -> String {
    if host.contains([':', '%']) { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    fn shown(spec: &str, status: &str) -> Vec<String> {
        row("services", &format!(r#"{{"metadata":{{"name":"s"}},"spec":{spec},"status":{status}}}"#))[1..5].to_vec()
    }

    #[test]
    fn services_of_every_type() {
        let ports = r#"[{"port":80,"protocol":"TCP","nodePort":30080},{"port":53,"protocol":"UDP"},{"port":1}]"#;
        let two = r#"{"loadBalancer":{"ingress":[{"ip":"2.2.2.2"},{"hostname":"lb.example"},{"ip":"1.1.1.1"},{"ip":"2.2.2.2"}]}}"#;
        for (spec, status, want) in [
            (
                r#"{"type":"ClusterIP","clusterIPs":["10.9.8.7","fd::1"]}"#,
                "{}",
                ["ClusterIP", "10.9.8.7", "<none>", "<none>"],
            ),
            (
                r#"{"clusterIP":"None","externalIPs":["1.1.1.1","2.2.2.2"]}"#,
                "{}",
                ["ClusterIP", "None", "1.1.1.1,2.2.2.2", "<none>"],
            ),
            (
                r#"{"type":"ExternalName","externalName":"db.example"}"#,
                "{}",
                ["ExternalName", "<none>", "db.example", "<none>"],
            ),
            (
                r#"{"type":"LoadBalancer","clusterIPs":["10.0.0.1"]}"#,
                "{}",
                ["LoadBalancer", "10.0.0.1", "<pending>", "<none>"],
            ),
            (
                r#"{"type":"LoadBalancer","clusterIPs":["10.0.0.1"],"externalIPs":["9.9.9.9"]}"#,
                two,
                ["LoadBalancer", "10.0.0.1", "1.1.1.1,2.2.2.2,lb.example,9.9.9.9", "<none>"],
            ),
            (r#"{"type":"Odd"}"#, "[]", ["Odd", "<none>", "<unknown>", "<none>"]),
        ] {
            assert_eq!(shown(spec, status), want, "{spec}");
        }
        let spec = format!(r#"{{"type":"NodePort","ports":{ports}}}"#);
        assert_eq!(shown(&spec, "{}")[3], "80:30080/TCP,53/UDP,1/TCP");
    }

    #[test]
    fn endpoints_beyond_three_are_counted() {
        let shown = |subsets: &str| {
            let text = format!(r#"{{"metadata":{{"name":"e"}},"subsets":{subsets}}}"#);
            row("endpoints", &text).swap_remove(1)
        };
        assert_eq!(shown("[]"), "<none>");
        assert_eq!(shown("[{}]"), "");
        assert_eq!(shown(r#"[{"addresses":[{"ip":"1.1.1.1"},{"ip":"::1"}]}]"#), "1.1.1.1,::1");
        let ported = r#"[{"addresses":[{"ip":"1.1.1.1"},{"ip":"::1"}],"ports":[{"port":80},{"port":443}]}]"#;
        assert_eq!(shown(ported), "1.1.1.1:80,[::1]:80,1.1.1.1:443 + 1 more...");
    }
}

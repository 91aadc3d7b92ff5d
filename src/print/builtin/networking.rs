//! Ingresses, network policies and addresses.

use super::{
    Builtin, Clock, Row,
    fields::{Fields, or, qualified},
    labels::format_selector,
    row,
    services::load_balancer,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "ingressclasses" => Builtin("Name, Controller, Parameters, Age", ingress_class),
        "ingresses" => Builtin("Name, Class, Hosts, Address, Ports, Age", ingress),
        // a third cell, the age, has no column and is not shown
        "ipaddresses" => Builtin("Name, ParentRef", ip_address),
        "networkpolicies" => Builtin("Name, Pod-Selector, Age", network_policy),
        "servicecidrs" => Builtin("Name, CIDRs, Age", service_cidr),
        _ => return None,
    })
}

/// `printIngress`.
fn ingress(ingress: &Value<'_>, clock: Clock) -> Row {
    row![
        ingress.name(),
        ingress.find("spec.ingressClassName").and_then(Value::as_str).unwrap_or("<none>"),
        format_hosts(ingress.list("spec.rules")),
        load_balancer(ingress),
        if ingress.list("spec.tls").is_empty() { "80" } else { "80, 443" },
        clock.age(ingress),
    ]
}

/// `formatHosts`: three hosts, and the number of the other rules.
fn format_hosts(rules: &[Value<'_>]) -> String {
    const MOST: usize = 3;
    let (mut hosts, mut more) = (Vec::new(), false);
    for rule in rules {
        more |= hosts.len() == MOST;
        let host = rule.text("host");
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    let shown = hosts.join(",");
    if more { format!("{shown} + {} more...", rules.len().saturating_sub(MOST)) } else { or(&shown, "*").to_owned() }
}

/// `printIngressClass`.
fn ingress_class(class: &Value<'_>, clock: Clock) -> Row {
    let is_default = class.annotation("ingressclass.kubernetes.io/is-default-class") == "true";
    let parameters = class.find("spec.parameters").map(|parameters| {
        let group = parameters.find("apiGroup").and_then(Value::as_str).map(|group| format!(".{group}"));
        format!("{}{}/{}", parameters.text("kind"), group.unwrap_or_default(), parameters.text("name"))
    });
    row![
        format!("{}{}", class.name(), if is_default { " (default)" } else { "" }),
        class.text("spec.controller"),
        parameters.unwrap_or_else(|| "<none>".to_owned()),
        clock.age(class),
    ]
}

/// `printIPAddress`.
fn ip_address(address: &Value<'_>, _: Clock) -> Row {
    let parent = address.find("spec.parentRef").map(|parent| {
        let resource = qualified(parent.text("resource"), parent.text("group")).to_lowercase();
        match parent.text("namespace") {
            "" => format!("{resource}/{}", parent.text("name")),
            namespace => format!("{resource}/{namespace}/{}", parent.text("name")),
        }
    });
    row![address.name(), parent.unwrap_or_else(|| "<none>".to_owned())]
}

/// `printNetworkPolicy`.
fn network_policy(policy: &Value<'_>, clock: Clock) -> Row {
    row![policy.name(), format_selector(policy.find("spec.podSelector")), clock.age(policy)]
}

/// `printServiceCIDR`.
fn service_cidr(cidr: &Value<'_>, clock: Clock) -> Row {
    row![cidr.name(), cidr.texts("spec.cidrs").join(","), clock.age(cidr)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn ingresses() {
        let shown = |hosts: &[&str], rest: &str| {
            let rules: Vec<_> = hosts.iter().map(|host| format!(r#"{{"host":"{host}"}}"#)).collect();
            let text = format!(
                r#"{{"spec":{{"rules":[{}]{rest}}},"status":{{"loadBalancer":{{"ingress":[{{"ip":"2001:db8:0:1:2:3:4:5"}},
                {{"hostname":"a.example"}}]}}}}}}"#,
                rules.join(",")
            );
            row("ingresses.networking.k8s.io", &text)[1..5].to_vec()
        };
        let address = "2001:db8:0:1:2:3:4:5,a.example";
        assert_eq!(shown(&[], ""), ["<none>", "*", address, "80"]);
        assert_eq!(shown(&["a", "", "b"], r#","tls":[{}],"ingressClassName":"c""#), ["c", "a,b", address, "80, 443"]);
        assert_eq!(shown(&["a", "b", "c"], "")[1], "a,b,c");
        assert_eq!(shown(&["a", "b", "c", "d", ""], "")[1], "a,b,c + 2 more...");
    }

    #[test]
    fn the_rest() {
        let of = |plural: &str| format!("{plural}.networking.k8s.io");
        let class = r#"{"metadata":{"name":"c","annotations":{"ingressclass.kubernetes.io/is-default-class":"true"}},
            "spec":{"controller":"example.com/x","parameters":{"apiGroup":"acme.io","kind":"P","name":"p"}}}"#;
        assert_eq!(row(&of("ingressclasses"), class)[..3], ["c (default)", "example.com/x", "P.acme.io/p"]);
        assert_eq!(row(&of("ingressclasses"), "{}")[..3], ["", "", "<none>"]);
        let address =
            |parent: &str| row(&of("ipaddresses"), &format!(r#"{{"spec":{{"parentRef":{parent}}}}}"#))[1].clone();
        assert_eq!(address(r#"{"resource":"services","namespace":"a","name":"b"}"#), "services/a/b");
        assert_eq!(address(r#"{"group":"acme.io","resource":"Gates","name":"b"}"#), "gates.acme.io/b");
        assert_eq!(address("null"), "<none>");
        let policy = r#"{"spec":{"podSelector":{"matchLabels":{"a":"b"}}}}"#;
        assert_eq!(row(&of("networkpolicies"), policy)[1], "a=b");
        assert_eq!(row(&of("servicecidrs"), r#"{"spec":{"cidrs":["10.0.0.0/8","fd::/64"]}}"#)[1], "10.0.0.0/8,fd::/64");
    }
}

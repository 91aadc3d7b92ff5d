//! EndpointSlices.

use super::{
    Builtin, Clock, Row,
    fields::{Fields, list_with_more},
    row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    (plural == "endpointslices").then_some(Builtin("Name, AddressType, Ports, Endpoints, Age", endpoint_slice))
}

/// `printEndpointSlice`.
fn endpoint_slice(slice: &Value<'_>, clock: Clock) -> Row {
    // `formatDiscoveryPorts`
    let ports: Vec<_> = slice
        .list("ports")
        .iter()
        .map(|port| match (port.int_at("port"), port.find("name")) {
            (Some(number), _) => number.to_string(),
            (None, Some(_)) => port.text("name").to_owned(),
            (None, None) => "*".to_owned(),
        })
        .collect();
    // `formatDiscoveryEndpoints`
    let addresses = slice.list("endpoints").iter().flat_map(|endpoint| endpoint.texts("addresses"));
    let addresses: Vec<_> = addresses.map(str::to_owned).collect();
    row![
        slice.name(),
        slice.text("addressType"),
        list_with_more(&ports, 3),
        list_with_more(&addresses, 3),
        clock.age(slice),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn a_slice_shows_three_of_each() {
        let slice = r#"{"metadata":{"name":"s"},"addressType":"IPv4","ports":[{"port":80},{"name":"web"},{},{"port":1}],
            "endpoints":[{"addresses":["1.1.1.1","2.2.2.2"]},{"addresses":["3.3.3.3"]},{},{"addresses":["4.4.4.4"]}]}"#;
        let want = ["s", "IPv4", "80,web,* + 1 more...", "1.1.1.1,2.2.2.2,3.3.3.3 + 1 more...", "<unknown>"];
        assert_eq!(row("endpointslices.discovery.k8s.io", slice), want);
        assert_eq!(row("endpointslices.discovery.k8s.io", "{}")[1..4], ["", "<unset>", "<unset>"]);
    }
}

//! EndpointSlices are stored as v1beta1 by Kubernetes 1.21 to 1.30, and served as v1
//! (`pkg/apis/discovery/v1beta1/conversion.go`).

use super::{
    release::Release,
    value::{Map, Value},
};

/// The first release that serves v1.
pub(super) const SERVED_AS_V1: Release = Release::new(21);

/// Turns a v1beta1 EndpointSlice into v1; any other object is not changed.
pub(super) fn to_v1(root: &mut Map<'_>) {
    let is = |name, text| root.get(name).and_then(Value::as_str) == Some(text);
    if !is("kind", "EndpointSlice") || !is("apiVersion", "discovery.k8s.io/v1beta1") {
        return;
    }
    root.insert("apiVersion", Value::str("discovery.k8s.io/v1"));
    if let Some(Value::List(endpoints)) = root.get_mut("endpoints") {
        endpoints.iter_mut().filter_map(Value::as_object_mut).for_each(endpoint);
    }
}

/// `Convert_v1beta1_Endpoint_To_discovery_Endpoint`.
fn endpoint(endpoint: &mut Map<'_>) {
    let mut topology = match endpoint.remove("topology") {
        Some(Value::Object(topology)) => topology,
        _ => return,
    };
    if let Some(zone) = topology.remove("topology.kubernetes.io/zone") {
        endpoint.insert("zone", zone);
    }
    let host = topology.get("kubernetes.io/hostname");
    if host.is_some() && host == endpoint.get("nodeName") {
        topology.remove("kubernetes.io/hostname");
    }
    if !topology.is_empty() {
        endpoint.insert("deprecatedTopology", Value::Object(topology));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Release, decode, json};

    #[test]
    fn slices_are_served_as_v1_since_there_is_one() {
        let stored = br#"{"apiVersion":"discovery.k8s.io/v1beta1","endpoints":[{"nodeName":"n","topology":{
            "kubernetes.io/hostname":"n","rack":"r","topology.kubernetes.io/zone":"z"}},{"nodeName":"m",
            "topology":{"kubernetes.io/hostname":"m"}}],"kind":"EndpointSlice"}"#;
        let served = |release| {
            let mut object = decode(stored).unwrap();
            object.as_served_by(Release::new(release), 7);
            let mut text = Vec::new();
            json::compact(&mut text, &object.value);
            String::from_utf8(text).unwrap()
        };
        let endpoints = r#"[{"deprecatedTopology":{"rack":"r"},"nodeName":"n","zone":"z"},{"nodeName":"m"}]"#;
        let v1 = format!(r#"{{"apiVersion":"discovery.k8s.io/v1","endpoints":{endpoints},"kind":"EndpointSlice"}}"#);
        assert_eq!(served(21), v1);
        assert!(
            served(20)
                .starts_with(r#"{"apiVersion":"discovery.k8s.io/v1beta1","endpoints":[{"nodeName":"n","topology":"#)
        );
    }
}

//! The kinds that the rules look at, as kubectl writes them before a name, and the part of each that is kept.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    hash::{Sha256, hex},
    k8s::{Map, Value, json},
};

pub(super) const NAMESPACE: &str = "namespace";
pub(super) const VOLUME: &str = "persistentvolume";
pub(super) const ATTACHMENT: &str = "volumeattachment.storage.k8s.io";
pub(super) const NODE: &str = "node";
pub(super) const SECRET: &str = "secret";
pub(super) const CONFIG_MAP: &str = "configmap";
pub(super) const ACCOUNT: &str = "serviceaccount";
pub(super) const SERVICE: &str = "service";
pub(super) const POD: &str = "pod";
pub(super) const LEASE: &str = "lease.coordination.k8s.io";
pub(super) const DEFINITION: &str = "customresourcedefinition.apiextensions.k8s.io";
pub(super) const API_SERVICE: &str = "apiservice.apiregistration.k8s.io";
pub(super) const MUTATING: &str = "mutatingwebhookconfiguration.admissionregistration.k8s.io";
pub(super) const VALIDATING: &str = "validatingwebhookconfiguration.admissionregistration.k8s.io";

/// The ConfigMaps that hold the CA certificates of a cluster: namespace and name.
const AUTHORITIES: [(&str, &str); 3] = [
    ("kube-public", "cluster-info"),
    ("kube-system", "extension-apiserver-authentication"),
    ("kube-system", "kube-root-ca.crt"),
];

/// How much of an object is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    /// Only who the object is.
    Nothing,
    /// The metadata and the spec.
    Outline,
    /// All of the object.
    All,
}

/// How much the rules need of an object.
pub(super) fn needed(kind: &str, namespace: &str, name: &str) -> Needed {
    match kind {
        POD | LEASE | VOLUME | ATTACHMENT => Needed::Outline,
        // that of a ServiceAccount for the uid, which an encrypted one does not show
        SECRET | ACCOUNT | SERVICE | DEFINITION | API_SERVICE | MUTATING | VALIDATING => Needed::All,
        CONFIG_MAP if AUTHORITIES.contains(&(namespace, name)) => Needed::All,
        _ => Needed::Nothing,
    }
}

/// The part of an object that is kept. Of what is secret this is a digest.
pub(super) fn part_of(kind: &str, object: &Value<'_>) -> Value<'static> {
    let paths: &[&[&str]] = match kind {
        VOLUME => &[&["spec"]],
        ATTACHMENT => &[&["spec", "nodeName"], &["spec", "source", "persistentVolumeName"]],
        SERVICE => {
            &[&["spec", "type"], &["spec", "ports"], &["spec", "selector"], &["status", "loadBalancer", "ingress"]]
        }
        POD => &[&["metadata", "labels"], &["spec", "nodeName"]],
        LEASE => &[&["spec", "holderIdentity"]],
        API_SERVICE => &[&["spec", "service"], &["spec", "caBundle"]],
        SECRET => &[&["type"]],
        DEFINITION => &[&["spec", "conversion", "webhook", "clientConfig"]],
        MUTATING | VALIDATING => &[&["webhooks"]],
        _ => &[],
    };
    let mut kept = Map::default();
    for path in paths {
        if let Some(value) = object.at(path) {
            put(&mut kept, path, value.clone().into_owned());
        }
    }
    match kind {
        SECRET => {
            let token = object.at(&["data", "token"]).and_then(key_of_token);
            kept.insert("keyId", token.map_or(Value::Null, |id| Value::Str(id.into())));
            kept.insert("data", Value::Str(digest(object.get("data")).into()));
        }
        CONFIG_MAP => kept.insert("data", Value::Str(digest(object.get("data")).into())),
        DEFINITION => {
            let versions = object.at(&["spec", "versions"]).and_then(Value::as_list).unwrap_or_default();
            let names = versions.iter().filter_map(|version| version.get("name").cloned().map(Value::into_owned));
            kept.insert("versions", Value::List(names.collect()));
        }
        _ => {}
    }
    Value::Object(kept)
}

/// Sets the value at the end of a path of names.
fn put(map: &mut Map<'static>, path: &[&'static str], value: Value<'static>) {
    match path {
        [] => {}
        [name] => map.insert(*name, value),
        [name, rest @ ..] => {
            if map.get(name).and_then(Value::as_object).is_none() {
                map.insert(*name, Value::Object(Map::default()));
            }
            if let Some(inner) = map.get_mut(name).and_then(Value::as_object_mut) {
                put(inner, rest, value);
            }
        }
    }
}

/// The SHA-256 of a value's JSON; of no value that of an empty text.
fn digest(value: Option<&Value<'_>>) -> String {
    let mut text = Vec::new();
    if let Some(value) = value {
        json::compact(&mut text, value);
    }
    let mut sum = Sha256::default();
    sum.update(&text);
    hex(&sum.finish())
}

/// The id of the key that signed a token (`kid` in the header of the JWT).
fn key_of_token(token: &Value<'_>) -> Option<String> {
    let bytes = match token {
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Str(text) => BASE64_STANDARD.decode(text.as_bytes()).ok()?,
        _ => return None,
    };
    let header = BASE64_URL_SAFE_NO_PAD.decode(bytes.split(|byte| *byte == b'.').next()?).ok()?;
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header).ok()?;
    header.get("kid")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    fn part(kind: &str, object: &str) -> String {
        part_of(kind, &decode(object.as_bytes()).unwrap().value).to_json()
    }

    #[test]
    fn the_part_of_a_secret_does_not_hold_the_secret() {
        // {"alg":"RS256","kid":"k1"}
        let token = BASE64_STANDARD.encode("eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.payload.signature");
        let secret = format!(r#"{{"apiVersion":"v1","kind":"Secret","type":"T","data":{{"token":"{token}"}}}}"#);
        let kept = part(SECRET, &secret);
        assert!(kept.contains(r#""keyId":"k1""#) && kept.contains(r#""type":"T""#), "{kept}");
        assert!(!kept.contains(&token) && !kept.contains("payload"), "{kept}");
        let other = part(SECRET, &secret.replace("cGF5", "cGF6"));
        assert_ne!(kept, other);
        assert!(
            part(SECRET, r#"{"apiVersion":"v1","kind":"Secret","data":{"token":"?"}}"#).contains(r#""keyId":null"#)
        );
    }

    #[test]
    fn of_a_definition_the_names_of_its_versions_are_kept() {
        let definition = r#"{"apiVersion":"x/v1","kind":"CustomResourceDefinition","spec":{"conversion":{"webhook":
            {"clientConfig":{"caBundle":"Yg=="},"conversionReviewVersions":["v1"]}},"versions":[{"name":"v1","schema":{}}]}}"#;
        assert_eq!(
            part(DEFINITION, definition),
            r#"{"spec":{"conversion":{"webhook":{"clientConfig":{"caBundle":"Yg=="}}}},"versions":["v1"]}"#
        );
    }
}

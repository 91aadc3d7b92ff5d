//! Names of objects and namespaces, replaced by other words of the same length, wherever they are: the same word by the
//! same one, so that what refers to an object still does.
//!
//! A name is replaced word by word: `web-1.shop` is `web-1` and `shop`. Two words never become one, else two objects
//! would have the same key.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
};

use super::{super::key::Key, fill};

/// Words that Kubernetes itself uses as names, and the ends of domains.
const KEPT: [&str; 33] = [
    "admin",
    "cluster",
    "cluster-admin",
    "cluster-info",
    "com",
    "crt",
    "default",
    "edit",
    "extension-apiserver-authentication",
    "internal",
    "io",
    "kube-aggregator",
    "kube-apiserver",
    "kube-apiserver-legacy-service-account-token-tracking",
    "kube-controller-manager",
    "kube-dns",
    "kube-node-lease",
    "kube-proxy",
    "kube-public",
    "kube-root-ca",
    "kube-scheduler",
    "kube-system",
    "kubeadm-config",
    "kubelet-config",
    "kubernetes",
    "local",
    "net",
    "node",
    "org",
    "svc",
    "system",
    "v1",
    "view",
];

/// Kinds whose names the API server gives a meaning.
const KINDS: [&str; 4] = ["apiservices", "customresourcedefinitions", "flowschemas", "prioritylevelconfigurations"];

/// Fields whose texts are no names of objects.
const FIELDS: [&str; 14] = [
    "apiGroup",
    "apiGroups",
    "apiVersion",
    "fieldsType",
    "group",
    "kind",
    "operation",
    "protocol",
    "resourceVersion",
    "resources",
    "type",
    "uid",
    "verbs",
    "version",
];

/// Fields with keys that the user chooses: what is under one of them is no field of Kubernetes, whatever its name is.
const FREE: [&str; 13] = [
    "annotations",
    "attachmentMetadata",
    "auditAnnotations",
    "deprecatedTopology",
    "extra",
    "labels",
    "matchLabels",
    "nodeSelector",
    "options",
    "selector",
    "topology",
    "userAnnotations",
    "volumeAttributes",
];

/// The same where they are fields of the object itself: those of a ConfigMap, of a Secret and of a StorageClass.
const FREE_AT_ROOT: [&str; 4] = ["binaryData", "data", "parameters", "stringData"];

/// Fields whose keys are names of fields, in the schema of a definition: the `type` of a field `labels` is no label.
const OF_SCHEMA: [&str; 3] = ["definitions", "patternProperties", "properties"];

/// Whether a text at `path` may hold names.
pub(super) fn may_be_at(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [.., name] if !FIELDS.contains(name) => true,
        [of, _] if FREE_AT_ROOT.contains(of) => true,
        [.., schema, of, _] => FREE.contains(of) && !OF_SCHEMA.contains(schema),
        [of, _] => FREE.contains(of),
        [_] => false,
        [] => true,
    }
}

fn is_kept(word: &[u8]) -> bool {
    KEPT.iter().any(|kept| kept.as_bytes() == word) || !word.iter().any(u8::is_ascii_alphabetic)
}

/// The words of a text: letters, digits and the `-` between them.
fn words(text: &[u8]) -> Vec<Range<usize>> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let (mut all, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| is_word(**byte)).count();
        if len == 0 {
            at = at.saturating_add(1);
            continue;
        }
        let (mut start, mut end) = (at, at.saturating_add(len));
        at = end;
        // the letters of an escape are not of the word: \n and \u003c of JSON, %2f of a URL
        start = start.saturating_add(match (start.checked_sub(1).and_then(|at| text.get(at)), text.get(start)) {
            (Some(b'\\'), Some(b'u')) => 5,
            (Some(b'\\'), _) => 1,
            (Some(b'%'), _) => 2,
            _ => 0,
        });
        while start < end && text.get(start) == Some(&b'-') {
            start = start.saturating_add(1);
        }
        while start < end && end.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'-') {
            end = end.saturating_sub(1);
        }
        if start < end {
            all.push(start..end);
        }
    }
    all
}

/// The names in the keys of a keyspace.
#[derive(Debug, Default)]
pub(crate) struct KnownNames(BTreeSet<Box<[u8]>>);

impl KnownNames {
    /// Adds the namespace and the name in a key of etcd.
    pub(crate) fn learn(&mut self, etcd_key: &[u8]) {
        let Key::Object(object) = Key::new(etcd_key) else { return };
        self.add(object.namespace.unwrap_or_default());
        let name = match object.resource.as_ref() {
            kind if KINDS.contains(&kind) => return,
            _ if object.name.starts_with("system:") => return,
            // the end is a number
            "events" => object.name.rsplit_once('.').map_or(object.name, |(name, _)| name),
            _ => object.name,
        };
        self.add(name);
    }

    fn add(&mut self, name: &str) {
        for word in words(name.as_bytes()).into_iter().filter_map(|range| name.as_bytes().get(range)) {
            if !is_kept(word) && !self.0.contains(word) {
                self.0.insert(word.into());
            }
        }
    }
}

/// What each word of a name is replaced by.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Box<[u8]>, Box<[u8]>>);

impl Names {
    /// Other words, random without `key`. The second number is that of the words for which no other was found: those of
    /// one letter, where there are many.
    pub(super) fn new(key: &[u8], known: &KnownNames) -> (Self, u64) {
        let (mut names, mut used, mut without) = (HashMap::new(), HashSet::new(), 0_u64);
        for word in &known.0 {
            let new = (0..=u8::MAX).map(|n| other(key, word, n));
            match new.into_iter().find(|new| !known.0.contains(new) && !is_kept(new) && !used.contains(new)) {
                Some(new) => {
                    used.insert(new.clone());
                    names.insert(word.clone(), new);
                }
                None => without = without.saturating_add(1),
            }
        }
        (Self(names), without)
    }

    /// Replaces the names in a text; returns the number of words and their bytes.
    pub(super) fn replace(&self, text: &mut [u8]) -> (u64, usize) {
        let (mut count, mut bytes) = (0_u64, 0_usize);
        for range in words(text) {
            if let Some(new) = text.get(range.clone()).and_then(|word| self.0.get(word)) {
                fill::put(text, range.start, new);
                (count, bytes) = (count.saturating_add(1), bytes.saturating_add(new.len()));
            }
        }
        (count, bytes)
    }
}

/// The `n`th other word for a word: each `-` stays, and it begins with a letter that is no hexadecimal digit.
fn other(key: &[u8], word: &[u8], n: u8) -> Box<[u8]> {
    let mut new = fill::renamed(key, &[word, &[n]].concat());
    new.truncate(word.len());
    if let Some(first) = new.first_mut() {
        *first = b'g'.saturating_add(*first % 20);
    }
    new.iter().zip(word).map(|(new, old)| if *old == b'-' { b'-' } else { *new }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        words(text.as_bytes()).into_iter().filter_map(|range| text.get(range)).collect()
    }

    #[test]
    fn words_are_between_what_cannot_be_in_a_name() {
        assert_eq!(found("pod \"web-1.shop\" is gone: -a- --"), ["pod", "web-1", "shop", "is", "gone", "a"]);
        assert_eq!(found(r"\nweb \u003cdb\u003e /x%2fy_z"), ["web", "db", "x", "y", "z"]);
        assert_eq!(found(""), Vec::<&str>::new());
    }

    #[test]
    fn a_field_is_one_only_outside_of_maps_with_free_keys() {
        let may = |path: &str| may_be_at(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
        for path in [
            "metadata/name",
            "metadata/labels/type",
            "spec/selector/kind",
            "data/version",
            "spec/selector/matchLabels/group",
        ] {
            assert!(may(path), "{path}");
        }
        for path in ["kind", "spec/type", "spec/parameters/kind", "spec/schema/properties/labels/type"] {
            assert!(!may(path), "{path}");
        }
        assert!(may_be_at(&[]));
        assert!(is_kept(b"kube-system") && !is_kept(b"kube-hr"));
    }

    #[test]
    fn no_two_names_become_one() {
        let mut known = KnownNames::default();
        for n in 0..500 {
            known.learn(format!("/registry/pods/n{}/web-{n}", n % 7).as_bytes());
        }
        known.learn(b"/registry/events/n1/gone-pod.17a3");
        known.learn(b"/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.acme.io");
        known.learn(b"/registry/clusterroles/system:node");
        let (names, without) = Names::new(b"key", &known);
        assert_eq!((names.0.len(), without), (508, 0));
        let new: HashSet<_> = names.0.values().collect();
        assert!(new.len() == 508 && names.0.iter().all(|(old, new)| old.len() == new.len() && !known.0.contains(new)));
        let mut text = b"pod web-12 of n1, default, widgets.acme.io, gone-pod, web-500".to_vec();
        assert_eq!(names.replace(&mut text).0, 3);
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("pod ") && text.ends_with(", web-500") && !text.contains("web-12"), "{text}");
        // of one letter there are twenty
        let mut letters = KnownNames::default();
        (b'a'..=b'z').for_each(|letter| letters.learn(&[b"/registry/pods/default/", &[letter][..]].concat()));
        assert!(Names::new(b"key", &letters).1 > 5);
    }
}

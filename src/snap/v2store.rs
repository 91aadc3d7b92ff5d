//! What the v2store in a `.snap` file holds: the members and the cluster's version, as etcd before 3.6 reads them, and
//! what users of the v2 API stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{document::Id, proto::Malformed};

/// The v2store (`v2store.store`), as far as etcd reads it again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V2Store {
    /// The members, by id.
    pub members: Vec<V2Member>,
    /// The ids of those that were removed.
    pub removed: Vec<Id>,
    /// The cluster's version, such as `3.5.0`.
    pub version: Option<String>,
    /// Everything else: the users' own keys below `/1`, users and roles of the v2 API below `/2`. etcd 3.6 and later
    /// do not start on a store that has any.
    pub keys: Vec<V2Key>,
}

/// A member (`membership.RaftAttributes` and `Attributes`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V2Member {
    /// The id of the member.
    pub id: Id,
    /// The name of the member; empty until it has started.
    pub name: String,
    /// The URLs at which the other members reach it.
    pub peer_urls: Vec<String>,
    /// The URLs at which clients reach it.
    pub client_urls: Vec<String>,
    /// Whether the member is a learner, which does not vote.
    pub is_learner: bool,
}

/// A key of the v2 API, or an empty folder of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct V2Key {
    /// The path of the key, with the store's own prefix: `/1/a`.
    pub path: String,
    /// The value of the key; `None` for a folder.
    pub value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Store {
    root: Node,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    value: String,
    children: Option<BTreeMap<String, Self>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    name: String,
    #[serde(rename = "peerURLs")]
    peer_urls: Option<Vec<String>>,
    #[serde(rename = "clientURLs")]
    client_urls: Option<Vec<String>>,
    is_learner: bool,
}

impl Node {
    fn children(&self) -> impl Iterator<Item = (&String, &Self)> {
        self.children.iter().flatten()
    }

    /// All that is below it, at `path`.
    fn keys(&self, path: &str, keys: &mut Vec<V2Key>) {
        for (name, child) in self.children() {
            let path = format!("{path}/{name}");
            match &child.children {
                Some(children) if !children.is_empty() => child.keys(&path, keys),
                Some(_) => keys.push(V2Key { path, value: None }),
                None => keys.push(V2Key { path, value: Some(child.value.clone()) }),
            }
        }
    }
}

impl V2Store {
    /// Reads the JSON of [`super::Snap::store`].
    ///
    /// # Errors
    /// When it is no such JSON, or a member in it has no id or attributes.
    pub fn decode(json: &[u8]) -> Result<Self, Malformed> {
        let malformed = |what| Malformed { what, at: 0 };
        let store: Store = serde_json::from_slice(json).map_err(|_| malformed("not the JSON of a v2store"))?;
        let mut all = Self::default();
        for (name, top) in store.root.children() {
            if name != "0" {
                top.keys(&format!("/{name}"), &mut all.keys);
                continue;
            }
            for (name, node) in top.children() {
                match name.as_str() {
                    "version" => all.version = Some(node.value.clone()),
                    "members" => {
                        for (id, member) in node.children() {
                            all.members.push(member_of(id, member).ok_or(malformed("a member that is none"))?);
                        }
                    }
                    "removed_members" => {
                        for (id, _) in node.children() {
                            let id = u64::from_str_radix(id, 16);
                            all.removed.push(Id(id.map_err(|_| malformed("a removed member without an id"))?));
                        }
                    }
                    _ => node.keys(&format!("/0/{name}"), &mut all.keys),
                }
            }
        }
        all.members.sort_by_key(|member| member.id);
        all.removed.sort_unstable();
        Ok(all)
    }
}

/// `membership.nodeToMember`.
fn member_of(id: &str, node: &Node) -> Option<V2Member> {
    let mut member = V2Member { id: u64::from_str_radix(id, 16).ok().map(Id)?, ..V2Member::default() };
    for (name, child) in node.children() {
        let of: Attributes = serde_json::from_str(&child.value).ok()?;
        match name.as_str() {
            "raftAttributes" => {
                member.peer_urls = of.peer_urls.unwrap_or_default();
                member.is_learner = of.is_learner;
            }
            "attributes" => {
                member.name = of.name;
                member.client_urls = of.client_urls.unwrap_or_default();
            }
            _ => {}
        }
    }
    Some(member)
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    #[test]
    fn what_was_written_is_read() {
        let urls = ["http://a:2380".to_owned(), "http://b/?x&y".to_owned()];
        let one = StoreMember { id: Id(0xab), peer_urls: &urls, is_learner: true };
        let read = V2Store::decode(&store(&[one])).unwrap();
        let want = V2Member { id: Id(0xab), peer_urls: urls.to_vec(), is_learner: true, ..V2Member::default() };
        assert_eq!(read, V2Store { members: vec![want], ..V2Store::default() });
    }

    #[test]
    fn what_else_is_in_a_store() {
        let leaf = |value: &str| format!(r#"{{"Path":"","Value":{},"Children":null}}"#, serde_json::json!(value));
        let folder = |children: &str| format!(r#"{{"Path":"","Value":"","Children":{{{children}}}}}"#);
        let member = folder(&format!(
            r#""attributes":{},"raftAttributes":{}"#,
            leaf(r#"{"name":"m1","clientURLs":["http://c"]}"#),
            leaf(r#"{"peerURLs":["http://p"]}"#)
        ));
        let cluster = folder(&format!(
            r#""members":{},"removed_members":{},"version":{}"#,
            folder(&format!(r#""1f":{member}"#)),
            folder(&format!(r#""2e":{}"#, leaf(""))),
            leaf("3.5.0")
        ));
        let users = folder(&format!(r#""a":{},"d":{}"#, leaf("v"), folder("")));
        let json = |cluster: &str| format!(r#"{{"Root":{}}}"#, folder(&format!(r#""0":{cluster},"1":{users}"#)));
        let read = V2Store::decode(json(&cluster).as_bytes()).unwrap();
        let (name, url) = (|s: &str| s.to_owned(), |s: &str| vec![s.to_owned()]);
        let (peer_urls, client_urls) = (url("http://p"), url("http://c"));
        let want = V2Member { id: Id(0x1f), name: name("m1"), peer_urls, client_urls, is_learner: false };
        assert_eq!((read.members, read.removed, read.version), (vec![want], vec![Id(0x2e)], Some(name("3.5.0"))));
        let keys = [("/1/a", Some(name("v"))), ("/1/d", None)];
        assert_eq!(read.keys, keys.map(|(path, value)| V2Key { path: name(path), value }));
        let bad = folder(&format!(r#""members":{}"#, folder(&format!(r#""zz":{}"#, folder("")))));
        assert_eq!(V2Store::decode(json(&bad).as_bytes()).unwrap_err().what, "a member that is none");
        assert!(V2Store::decode(b"{}").is_err());
        let deep = format!(r#"{{"Root":{}{}"#, r#"{"Children":{"1":"#.repeat(1000), "}}".repeat(1000));
        assert!(V2Store::decode(deep.as_bytes()).is_err());
    }
}

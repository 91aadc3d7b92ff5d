//! The new cluster: its members, their URLs and ids (`membership.NewClusterFromURLsMap`).

use serde::Serialize;
use sha1::{Digest as _, Sha1};

use crate::{
    Error, Result,
    document::Id,
    etcd::{
        State, peer_urls,
        state::{Member, cluster_id},
    },
};

/// The most members of a cluster; the v2store's event history ends at 1000.
const MAX_MEMBERS: usize = 100;

/// A new member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewMember {
    /// The member's id, from its URLs and the token.
    pub id: Id,
    /// The member's name.
    pub name: String,
    /// The member's peer URLs, sorted.
    #[serde(rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Whether the member is a learner, which does not vote.
    pub is_learner: bool,
}

/// As in the bucket `members` and raft's first entries, before it has published its client URLs.
impl From<&NewMember> for Member {
    fn from(member: &NewMember) -> Self {
        Self {
            id: member.id,
            peer_urls: member.peer_urls.clone(),
            is_learner: member.is_learner,
            name: member.name.clone(),
            client_urls: Vec::new(),
        }
    }
}

/// A new cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCluster {
    /// The cluster's id, from its members' ids.
    pub id: Id,
    /// The token that distinguishes clusters with the same URLs (`--initial-cluster-token`).
    pub token: String,
    /// The members, ascending by id: the order of raft's first entries.
    pub members: Vec<NewMember>,
}

fn usage(what: impl Into<String>) -> Error {
    Error::usage(what)
}

impl NewCluster {
    /// The cluster that `--initial-cluster` names, such as `m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380`; the
    /// members that `learners` names do not vote.
    ///
    /// # Errors
    /// In etcdutl's words, where it has some.
    pub fn parse(initial_cluster: &str, token: &str, learners: &[String]) -> Result<Self> {
        let mut named: Vec<(String, Vec<String>)> = Vec::new();
        for piece in initial_cluster.split(',').filter(|piece| !piece.trim().is_empty()) {
            let (name, url) = piece.split_once('=').unwrap_or((piece, ""));
            match named.iter_mut().find(|(known, _)| known == name) {
                Some((_, urls)) => urls.push(url.to_owned()),
                None => named.push((name.to_owned(), vec![url.to_owned()])),
            }
        }
        Self::of(named, token, learners)
    }

    /// The cluster of the snapshot's own members, learners as learners. Members that never started have no name and
    /// are left out.
    ///
    /// # Errors
    /// When there are none, or two of one name.
    pub fn of_snapshot(state: &State, token: &str, learners: &[String]) -> Result<Self> {
        let started: Vec<_> = state.members.iter().filter(|member| member.started()).collect();
        if started.is_empty() {
            let hint = "`etcdsnap verify` shows whether it is damaged; --name and --initial-cluster name the member";
            let what = "no member that has started is known to the snapshot".to_owned();
            return Err(Error::refused(what).hinted(hint));
        }
        let mut names: Vec<_> = started.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) {
            let hint = "name the members with --name, --initial-cluster and --initial-advertise-peer-urls";
            let what = format!("two of the snapshot's members are called {twice:?}");
            return Err(Error::usage(what).hinted(hint));
        }
        let named = started.iter().map(|member| (member.name.clone(), member.peer_urls.clone())).collect();
        let mut learners = learners.to_vec();
        learners.extend(started.iter().filter(|member| member.is_learner).map(|member| member.name.clone()));
        Self::of(named, token, &learners)
    }

    fn of(named: Vec<(String, Vec<String>)>, token: &str, learners: &[String]) -> Result<Self> {
        let mut members = Vec::new();
        for (name, urls) in named {
            let peer_urls = peer_urls(urls.iter().map(String::as_str))?;
            let is_learner = learners.contains(&name);
            members.push(NewMember { id: member_id(&peer_urls, token), name, peer_urls, is_learner });
        }
        if members.is_empty() {
            return Err(usage("the initial cluster configuration has no members"));
        }
        if members.len() > MAX_MEMBERS {
            return Err(usage(format!("{} members: no cluster has more than {MAX_MEMBERS}", members.len())));
        }
        if let Some(name) = learners.iter().find(|name| members.iter().all(|member| member.name != **name)) {
            return Err(usage(format!("couldn't find learner {name:?} in the initial cluster configuration")));
        }
        let mut urls: Vec<_> = members.iter().flat_map(|member| &member.peer_urls).collect();
        urls.sort_unstable();
        if urls.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            let cluster = members.iter().flat_map(|m| m.peer_urls.iter().map(move |url| format!("{}={url}", m.name)));
            let mut cluster: Vec<_> = cluster.collect();
            cluster.sort();
            return Err(usage(format!("initial cluster {} has duplicate url", cluster.join(","))));
        }
        if members.iter().all(|member| member.is_learner) {
            return Err(usage("every member would be a learner: nobody would vote"));
        }
        members.sort_by_key(|member| member.id);
        if let Some([same, _]) = members.windows(2).find(|pair| matches!(pair, [a, b] if a.id == b.id)) {
            return Err(usage(format!("member exists with identical ID {}", same.id)));
        }
        let id = cluster_id(members.iter().map(|member| member.id));
        Ok(Self { id, token: token.to_owned(), members })
    }

    /// The member called `name`.
    ///
    /// # Errors
    /// When there is none, in etcdutl's words.
    pub fn member(&self, name: &str) -> Result<&NewMember> {
        let found = self.members.iter().find(|member| member.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = self.members.iter().map(|member| member.name.as_str()).collect();
            let what = format!("couldn't find local name {name:?} in the initial cluster configuration");
            Error::usage(what).hinted(format!(
                "the members of this cluster are {}; --name {name} --initial-cluster {name}=http://HOST:2380 makes others",
                names.join(", ")
            ))
        })
    }

    /// The cluster as `--initial-cluster` takes it.
    #[must_use]
    pub(crate) fn initial_cluster(&self) -> String {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|member| &member.name);
        let urls = members.iter().flat_map(|m| m.peer_urls.iter().map(move |url| format!("{}={url}", m.name)));
        urls.collect::<Vec<_>>().join(",")
    }
}

/// Compares `--initial-advertise-peer-urls` with the member's URLs in `--initial-cluster`, as text: etcdutl resolves
/// host names.
///
/// # Errors
/// In etcdutl's words.
pub fn check_advertised(member: &NewMember, advertised: &str) -> Result<()> {
    let advertised = peer_urls(advertised.split(','))?;
    let of_cluster: Vec<_> = member.peer_urls.iter().map(|url| format!("{}={url}", member.name)).collect();
    let hint = Some("the URLs are compared as text: no name is resolved".to_owned());
    if let Some(url) = member.peer_urls.iter().find(|url| !advertised.contains(url)) {
        let (name, all) = (&member.name, advertised.join(","));
        let what = format!("--initial-cluster has {name}={url} but missing from --initial-advertise-peer-urls={all}");
        return Err(Error::usage(what).hinted_if(hint));
    }
    if let Some(url) = advertised.iter().find(|url| !member.peer_urls.contains(url)) {
        let cluster = of_cluster.join(",");
        let what = format!("--initial-advertise-peer-urls has {url} but missing from --initial-cluster={cluster}");
        return Err(Error::usage(what).hinted_if(hint));
    }
    Ok(())
}

/// A member's id (`membership.computeMemberID`): the URLs sorted.
fn member_id(peer_urls: &[String], token: &str) -> Id {
    let sha = peer_urls.iter().fold(Sha1::new(), Sha1::chain_update).chain_update(token).finalize();
    Id(sha.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(cluster: &str) -> Result<NewCluster> {
        NewCluster::parse(cluster, "tok", &[])
    }

    #[test]
    fn ids_are_those_of_etcd() {
        let one = NewCluster::parse("default=http://localhost:2380", "etcd-cluster", &[]).unwrap();
        assert_eq!((one.id.0, one.members[0].id.0), (0xcdf8_1819_4e3a_8c32, 0x8e9e_05c5_2164_694d));
        let three = parse("m1=http://10.0.0.1:2380, m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380,").unwrap();
        let ids: Vec<_> = three.members.iter().map(|m| (m.name.trim(), m.id.0)).collect();
        let want = [("m2", 0x61b0_46c1_789d_11d8), ("m3", 0x7aa1_8119_1753_809e), ("m1", 0x9852_1e8c_6c48_c6da)];
        assert_eq!((three.id.0, ids), (0x8e67_f3b9_7769_8ab3, want.to_vec()));
    }

    #[test]
    fn what_is_wrong_with_urls_is_told_as_etcdutl_does() {
        for (cluster, said) in [
            ("default", "URL scheme must be http, https, unix, or unixs: "),
            ("a=ftp://b:1", "URL scheme must be http, https, unix, or unixs: ftp://b:1"),
            ("a=http://b", "URL address does not have the form \"host:port\": http://b"),
            ("a=http://b:c", "URL address does not have the form \"host:port\": http://b:c"),
            ("a=http://::1:2380", "URL address does not have the form \"host:port\": http://::1:2380"),
            ("a=http://b:1/", "URL must not contain a path: http://b:1/"),
            ("a=http://b:1,c=http://b:1", "initial cluster a=http://b:1,c=http://b:1 has duplicate url"),
            ("", "the initial cluster configuration has no members"),
        ] {
            assert_eq!(parse(cluster).unwrap_err().to_string(), said, "{cluster}");
        }
        assert!(parse("a=http://[::1]:2380,b=unix://sock,c=HTTPS://x:1").is_ok());
    }

    #[test]
    fn advertised_urls_are_those_of_the_cluster() {
        let cluster = parse("a=http://b:1,a=http://b:2").unwrap();
        let member = cluster.member("a").unwrap();
        assert!(check_advertised(member, "http://b:2, http://b:1").is_ok());
        let missing = check_advertised(member, "http://b:1").unwrap_err().to_string();
        assert_eq!(
            missing,
            "--initial-cluster has a=http://b:2 but missing from --initial-advertise-peer-urls=http://b:1"
        );
        assert!(check_advertised(member, "http://b:1,http://b:2,http://b:3").is_err());
        assert!(cluster.member("c").is_err());
    }
}

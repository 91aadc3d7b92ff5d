//! The `.snap` file: raft's snapshot, which holds the v2store as JSON and the voters.
//!
//! ```text
//! snap/<term>-<index>.snap     crc | raftpb.Snapshot: v2store JSON | ConfState, index, term
//! ```
//!
//! etcd 3.4 and 3.5 take the members from the v2store, 3.6 the voters from the ConfState; 3.7 does not open the file.
//!
//! Mirrors `server/etcdserver/api/snap`, `v2store` and `membership/storev2.go` of `go.etcd.io/etcd`.

mod choice;
mod v2store;

pub(crate) use choice::taken;
pub use v2store::{V2Key, V2Member, V2Store};

use std::{fmt::Write as _, io::Write as _, path::Path};

use crate::{
    bytes::go_json,
    document::Id,
    hash::Crc32c,
    proto::{Malformed, Reader, Writer},
    publish::{create, fault},
    wal::ConfState,
};

/// The content of a `.snap` file (`raftpb.Snapshot`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snap {
    /// The raft index of the last entry in it.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
    /// Who votes.
    pub conf_state: ConfState,
    /// The v2store, JSON.
    pub store: Vec<u8>,
}

/// A member, as the v2store has it (`membership.RaftAttributes`).
#[derive(Debug, Clone, Copy)]
pub struct StoreMember<'a> {
    /// The id of the member.
    pub id: Id,
    /// Where the others reach it.
    pub peer_urls: &'a [String],
    /// Whether the member is a learner, which does not vote.
    pub is_learner: bool,
}

impl Snap {
    /// The name of the `.snap` file.
    #[must_use]
    pub(crate) fn file_name(&self) -> String {
        format!("{:016x}-{:016x}.snap", self.term, self.index)
    }

    /// Decodes a file.
    ///
    /// # Errors
    /// [`Malformed`]; a checksum that does not hold is one.
    pub fn decode(file: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut crc, mut data) = (Reader::new(file), 0, &[][..]);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => crc = field.varint()? as u32,
                2 => data = field.bytes()?,
                _ => {}
            }
        }
        if crc == 0 || data.is_empty() {
            return Err(Malformed { what: "empty snapshot", at: 0 });
        }
        if crc != Crc32c::of(data).sum() {
            return Err(Malformed { what: "crc mismatch", at: 0 });
        }
        let (mut reader, mut snap) = (Reader::new(data), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => snap.store = field.bytes()?.to_vec(),
                2 => snap.take_metadata(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(snap)
    }

    fn take_metadata(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => self.conf_state = ConfState::decode(field.bytes()?)?,
                2 => self.index = field.varint()?,
                3 => self.term = field.varint()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Encodes the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let metadata = Writer::new().bytes(1, &self.conf_state.encode()).varint(2, self.index).varint(3, self.term);
        let data = Writer::new().bytes(1, &self.store).bytes(2, &metadata.finish()).finish();
        Writer::new().varint(1, Crc32c::of(&data).sum().into()).bytes(2, &data).finish()
    }

    /// Writes it to the new file `path`, and syncs that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> crate::Result<()> {
        let mut file = create(path)?;
        file.write_all(&self.encode()).map_err(fault(path, "write"))?;
        file.sync_all().map_err(fault(path, "sync"))
    }
}

/// Slots of the v2store's event history.
const EVENTS: usize = 1000;

/// The v2store's JSON after these members were added to an empty one, each by the entry of its place, from 1
/// (`store.Save`, as etcd 3.5 has it).
#[must_use]
pub fn store(members: &[StoreMember<'_>]) -> Vec<u8> {
    let node = |path: &str, index: usize, value: &str, children: &str| {
        format!(
            r#"{{"Path":"{path}","CreatedIndex":{index},"ModifiedIndex":{index},"ExpireTime":"0001-01-01T00:00:00Z","Value":{value},"Children":{children}}}"#
        )
    };
    let (mut children, mut events) = (Vec::new(), String::new());
    for (index, member) in (1_usize..).zip(members) {
        let path = format!("/0/members/{:x}", member.id);
        let learner = if member.is_learner { r#","isLearner":true"# } else { "" };
        let attributes = format!(r#"{{"peerURLs":{}{learner}}}"#, serde_json::json!(member.peer_urls));
        let value = serde_json::Value::String(go_json(&attributes)).to_string();
        let leaf = node(&format!("{path}/raftAttributes"), index, &value, "null");
        let folder = node(&path, index, "\"\"", &format!(r#"{{"raftAttributes":{leaf}}}"#));
        children.push((format!("{:x}", member.id), folder));
        let _ = write!(
            events,
            r#"{{"action":"create","node":{{"key":"{path}/raftAttributes","value":{value},"modifiedIndex":{index},"createdIndex":{index}}}}},"#
        );
    }
    children.sort();
    let children: Vec<_> = children.iter().map(|(id, folder)| format!(r#""{id}":{folder}"#)).collect();
    let members_node = node("/0/members", 1, "\"\"", &format!("{{{}}}", children.join(",")));
    let cluster = node("/0", 0, "\"\"", &format!(r#"{{"members":{members_node}}}"#));
    let keys = node("/1", 0, "\"\"", "{}");
    let root = node("/", 0, "\"\"", &format!(r#"{{"0":{cluster},"1":{keys}}}"#));
    let n = members.len();
    let unused = vec!["null"; EVENTS.saturating_sub(n)].join(",");
    format!(
        r#"{{"Root":{root},"WatcherHub":{{"EventHistory":{{"Queue":{{"Events":[{events}{unused}],"Size":{n},"Front":0,"Back":{n},"Capacity":{EVENTS}}},"StartIndex":1,"LastIndex":{n}}}}},"CurrentIndex":{n},"Stats":{{"getsSuccess":0,"getsFail":0,"setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":0,"updateFail":0,"createSuccess":{n},"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":0}},"CurrentVersion":2}}"#
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(members: &[(u64, &str)]) -> Vec<u8> {
        let urls: Vec<_> = members.iter().map(|(_, url)| vec![(*url).to_owned()]).collect();
        let of: Vec<_> = members.iter().zip(&urls).map(|((id, _), urls)| (*id, urls)).collect();
        let members: Vec<_> =
            of.iter().map(|(id, urls)| StoreMember { id: Id(*id), peer_urls: urls, is_learner: false }).collect();
        let voters = members.iter().map(|member| member.id).collect();
        let conf_state = ConfState { voters, ..ConfState::default() };
        Snap { index: members.len() as u64, term: 1, conf_state, store: store(&members) }.encode()
    }

    /// The checksums of what etcdutl 3.5 writes.
    #[test]
    fn restored_members_snap_is_written() {
        let one = restored(&[(0x8e9e_05c5_2164_694d, "http://localhost:2380")]);
        assert_eq!((one.len(), one[..6].to_vec()), (6490, vec![8, 0xb6, 0xf8, 0x81, 0x8f, 1]));
        let three = restored(&[
            (0x61b0_46c1_789d_11d8, "http://10.0.0.2:2380"),
            (0x7aa1_8119_1753_809e, "http://10.0.0.3:2380"),
            (0x9852_1e8c_6c48_c6da, "http://10.0.0.1:2380"),
        ]);
        let snap = Snap::decode(&three).unwrap();
        assert_eq!((three.len(), snap.index, snap.term, snap.conf_state.voters.len()), (7558, 3, 1, 3));
        assert_eq!(Reader::new(&three).next_field().unwrap().unwrap().varint(), Ok(0xaf21_943b));
    }
}

//! Requests of the v2 API (`etcdserverpb.Request`), up to etcd 3.5: its keys, and the attributes that members publish.

use crate::proto::{Malformed, Reader};

/// `etcdserverpb.Request`. etcd 3.4 and 3.5 publish a member's name and the cluster's version by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2Request<'a> {
    /// The number that the proposer gave the request.
    pub id: u64,
    /// The method.
    pub method: V2Method,
    /// Path of the node, such as `/0/members/8e9e05c52164694d/attributes`; the users' nodes are below `/1`.
    pub path: &'a [u8],
    /// The value that is written.
    pub val: &'a [u8],
    /// With [`V2Method::Sync`]: nodes that expired by then are removed. Nanoseconds since 1970, else 0.
    pub time: i64,
}

/// `Request.Method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V2Method {
    /// Create a node with a name in order.
    Post,
    /// Write a node.
    Put,
    /// Delete a node.
    Delete,
    /// Read a node, in the order of the log.
    Qget,
    /// Read a node.
    Get,
    /// Remove expired nodes.
    Sync,
}

impl V2Method {
    /// Name of the method in the message.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Qget => "QGET",
            Self::Get => "GET",
            Self::Sync => "SYNC",
        }
    }

    fn of(name: &[u8]) -> Option<Self> {
        [Self::Post, Self::Put, Self::Delete, Self::Qget, Self::Get, Self::Sync]
            .into_iter()
            .find(|method| method.name().as_bytes() == name)
    }
}

impl<'a> V2Request<'a> {
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut id, mut method, mut time) = (Reader::new(message), 0, None, 0);
        let [mut path, mut val] = [&[][..]; 2];
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => id = field.varint()?,
                2 => {
                    let unknown = Malformed { what: "a method that the v2 API does not have", at: field.at };
                    method = Some(V2Method::of(field.bytes()?).ok_or(unknown)?);
                }
                3 => path = field.bytes()?,
                4 => val = field.bytes()?,
                6 => drop(field.bytes()?),
                15 => time = field.int64()?,
                5 | 7..=14 | 16 | 17 => drop(field.varint()?),
                _ => return Err(Malformed { what: "a field that is not its own", at: field.at }),
            }
        }
        let method = method.ok_or(Malformed { what: "no method", at: message.len() })?;
        Ok(Self { id, method, path, val, time })
    }
}

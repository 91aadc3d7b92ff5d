//! Requests of the v2 API (`etcdserverpb.Request`), up to etcd 3.5: of its keys, and of what members say of themselves.

use crate::proto::{Malformed, Reader};

/// `etcdserverpb.Request`. etcd 3.4 and 3.5 publish a member's name and the cluster's version by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2Request<'a> {
    /// The number that the proposer gave it.
    pub id: u64,
    /// What is asked for.
    pub method: V2Method,
    /// Of which node, such as `/0/members/8e9e05c52164694d/attributes`; the users' own are below `/1`.
    pub path: &'a [u8],
    /// What is written.
    pub val: &'a [u8],
    /// With [`V2Method::Sync`]: nodes that ran out by then are gone. Nanoseconds since 1970, else 0.
    pub time: i64,
}

/// `Request.Method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V2Method {
    /// To make a node with a name in order.
    Post,
    /// To write a node.
    Put,
    /// To delete a node.
    Delete,
    /// To read a node, in order with what is written.
    Qget,
    /// To read a node.
    Get,
    /// To let nodes run out.
    Sync,
}

impl V2Method {
    /// As it is written.
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

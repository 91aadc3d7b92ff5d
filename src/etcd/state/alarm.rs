//! The bucket `alarm`: each key is an `etcdserverpb.AlarmMember`, the values are empty (`schema/alarm.go`).

use std::fmt;

use super::values::malformed;
use crate::{
    Code, Finding,
    document::Id,
    proto::{Reader, Writer},
};

/// An alarm that a member raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// The member that raised the alarm.
    pub member: Id,
    /// The type of the alarm.
    pub kind: AlarmKind,
}

/// `etcdserverpb.AlarmType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlarmKind {
    /// 0, which no alarm in a backend has.
    None,
    /// NOSPACE: the space quota is used up, and writes are refused.
    NoSpace,
    /// CORRUPT: the members' data differ, and all requests are refused.
    Corrupt,
    /// Another number.
    Other(u64),
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("NONE"),
            Self::NoSpace => f.pad("NOSPACE"),
            Self::Corrupt => f.pad("CORRUPT"),
            Self::Other(n) => n.fmt(f),
        }
    }
}

impl AlarmKind {
    pub(in crate::etcd) fn of(number: u64) -> Self {
        match number {
            0 => Self::None,
            1 => Self::NoSpace,
            2 => Self::Corrupt,
            n => Self::Other(n),
        }
    }

    /// The number of the type.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::None => 0,
            Self::NoSpace => 1,
            Self::Corrupt => 2,
            Self::Other(n) => n,
        }
    }
}

impl Alarm {
    /// The alarm's key in the bucket.
    pub(in crate::etcd) fn key(&self) -> Vec<u8> {
        let kind = self.kind.number();
        let message = if self.member == Id::NONE { Writer::new() } else { Writer::new().varint(1, self.member.0) };
        if kind == 0 { message.finish() } else { message.varint(2, kind).finish() }
    }

    pub(super) fn read(key: &[u8]) -> Result<Self, Finding> {
        let wrong = malformed(Code::Alarm, "AlarmMember");
        let (mut reader, mut alarm) = (Reader::new(key), Self { member: Id::NONE, kind: AlarmKind::None });
        while let Some(field) = reader.next_field().map_err(&wrong)? {
            match field.number {
                1 => alarm.member = Id(field.varint().map_err(&wrong)?),
                2 => alarm.kind = AlarmKind::of(field.varint().map_err(&wrong)?),
                _ => {}
            }
        }
        if alarm.key() == key && alarm.kind != AlarmKind::None {
            Ok(alarm)
        } else {
            Err(Finding::error(Code::Alarm, "an AlarmMember that etcd does not write"))
        }
    }
}

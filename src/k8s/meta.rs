//! The metadata that listings need of an object, without decoding the rest.

use std::borrow::Cow;

use super::{
    decode,
    error::{SealName, Undecodable},
    gofmt,
    json_pick::{Picked, pick},
    special::{field, timestamp},
    stored::{Envelope, Stored},
    value::{Value, text},
};
use crate::proto::{Malformed, Reader};

/// A moment as Kubernetes stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds, from 0 on.
    pub nanos: i32,
}

impl Moment {
    /// Parses an RFC 3339 time; `None` for Go's zero time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        let moment = Self { seconds: stamp.as_second(), nanos: stamp.subsec_nanosecond() };
        Some(moment).filter(|moment| *moment != Self { seconds: -62_135_596_800, nanos: 0 })
    }

    /// Nanoseconds since 1970; `None` for what is no time: 0, or less.
    #[must_use]
    pub(crate) fn of_nanos(nanos: i64) -> Option<Self> {
        const SECOND: i64 = 1_000_000_000;
        let rest = i32::try_from(nanos % SECOND).unwrap_or_default();
        (nanos > 0).then_some(Self { seconds: nanos / SECOND, nanos: rest })
    }

    /// The moment as text with milliseconds; the rest is cut off.
    #[must_use]
    pub fn millis(&self) -> String {
        let mut text = gofmt::rfc3339_micro(self.seconds, self.nanos);
        text.truncate(text.len().saturating_sub("000Z".len()));
        text.push('Z');
        text
    }

    /// The moment as text with microseconds; the rest is cut off.
    #[must_use]
    pub fn micros(&self) -> String {
        gofmt::rfc3339_micro(self.seconds, self.nanos)
    }

    /// Microseconds since 1970; the rest is cut off.
    #[must_use]
    pub fn microseconds(&self) -> i64 {
        self.seconds.saturating_mul(1_000_000).saturating_add(i64::from(self.nanos) / 1000)
    }

    /// The moment plus a number of nanoseconds.
    #[must_use]
    pub(crate) fn plus(self, nanos: i64) -> Self {
        const SECOND: i64 = 1_000_000_000;
        let nanos = i64::from(self.nanos).saturating_add(nanos);
        let seconds = self.seconds.saturating_add(nanos.div_euclid(SECOND));
        Self { seconds, nanos: i32::try_from(nanos.rem_euclid(SECOND)).unwrap_or_default() }
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn nanoseconds(&self) -> i128 {
        i128::from(self.seconds).saturating_mul(1_000_000_000).saturating_add(self.nanos.into())
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&gofmt::rfc3339(self.seconds))
    }
}

/// The type of an object.
static TYPE: Picked = Picked::Members(&[("apiVersion", Picked::All), ("kind", Picked::All)]);

/// What [`Meta::tree`] reads of an object.
static METADATA: Picked = Picked::Members(&[
    ("apiVersion", Picked::All),
    ("kind", Picked::All),
    (
        "metadata",
        Picked::Members(&[
            ("namespace", Picked::All),
            ("name", Picked::All),
            ("uid", Picked::All),
            ("ownerReferences", Picked::All),
            ("creationTimestamp", Picked::All),
            ("deletionTimestamp", Picked::All),
            ("deletionGracePeriodSeconds", Picked::All),
            ("managedFields", Picked::Items(&Picked::Members(&[("time", Picked::All)]))),
        ]),
    ),
    ("spec", Picked::Members(&[("acquireTime", Picked::All), ("renewTime", Picked::All), ("pingTime", Picked::All)])),
    ("firstTimestamp", Picked::All),
    ("lastTimestamp", Picked::All),
    ("eventTime", Picked::All),
    ("series", Picked::All),
]);

/// The part of an object's metadata that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// The type and the times.
    Times,
}

/// A reference to the owner of an object (`metav1.OwnerReference`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owner<'a> {
    /// `ReplicaSet`.
    pub kind: Cow<'a, str>,
    /// The owner's name; it is in the same namespace or cluster-scoped.
    pub name: Cow<'a, str>,
    /// The owner's uid, which distinguishes it from a later object of the same name.
    pub uid: Cow<'a, str>,
}

/// Identity of an object, and the times in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta<'a> {
    /// `apps/v1`.
    pub api_version: Cow<'a, str>,
    /// `Deployment`.
    pub kind: Cow<'a, str>,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: Cow<'a, str>,
    /// The name.
    pub name: Cow<'a, str>,
    /// The uid.
    pub uid: Cow<'a, str>,
    /// The owners (`metadata.ownerReferences`).
    pub owners: Vec<Owner<'a>>,
    /// The creation time.
    pub created: Option<Moment>,
    /// The newest time in `metadata.managedFields`.
    pub managed: Option<Moment>,
    /// The time of the request to delete it: `metadata.deletionTimestamp` without the grace period.
    pub deleted: Option<Moment>,
    /// The newest of the own times of a Lease or an Event, which the client sets.
    pub client: Option<Moment>,
}

impl<'a> Meta<'a> {
    /// The newest time set by an API server: of the creation, of managedFields, of a request to delete it.
    #[must_use]
    pub(crate) fn stamped(&self) -> Option<Moment> {
        self.created.max(self.managed).max(self.deleted)
    }

    /// The newest time in the object, without those that are in the future by design, such as a deletion's deadline or
    /// a certificate's end.
    #[must_use]
    pub(crate) fn newest(&self) -> Option<Moment> {
        self.stamped().max(self.client)
    }

    /// Reads the metadata of a stored value.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn read(value: &'a [u8]) -> Result<Self, Undecodable> {
        Self::read_part(value, Part::All)
    }

    /// Reads `api_version`, `kind` and the times; the rest need not be there.
    ///
    /// # Errors
    /// As [`decode`].
    pub(crate) fn read_times(value: &'a [u8]) -> Result<Self, Undecodable> {
        Self::read_part(value, Part::Times)
    }

    fn read_part(value: &'a [u8], part: Part) -> Result<Self, Undecodable> {
        match Stored::new(value)? {
            Stored::Protobuf(envelope) => Ok(Self::protobuf(&envelope, part)?),
            Stored::Json(text) => Ok(Self::tree(&pick(text, &METADATA)?)),
            Stored::Cbor(_) => Ok(Self::tree(&decode(value)?.value)),
            Stored::Encrypted(seal) => Err(Undecodable::Encrypted(Box::new(SealName::from(&seal)))),
            Stored::Opaque => Err(Undecodable::Opaque(value.len())),
        }
    }

    /// Reads `api_version` and `kind`; of a value in protobuf or JSON no more.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn read_type(value: &'a [u8]) -> Result<Self, Undecodable> {
        match Stored::new(value)? {
            Stored::Protobuf(Envelope { api_version, kind, .. }) => {
                Ok(Self { api_version: api_version.into(), kind: kind.into(), ..Self::default() })
            }
            Stored::Json(text) => Ok(Self::tree(&pick(text, &TYPE)?)),
            _ => Self::read(value),
        }
    }

    fn protobuf(envelope: &Envelope<'a>, part: Part) -> Result<Self, Malformed> {
        let mut meta = Self { api_version: envelope.api_version.into(), kind: envelope.kind.into(), ..Self::default() };
        let mut reader = Reader::new(envelope.raw);
        // the own times of kinds, by field number: in the object, or one message below
        let (own, inner): (&[u32], Option<(u32, &[u32])>) = match envelope.kind {
            "Event" if envelope.api_version == "v1" => (&[6, 7, 10], Some((11, &[2]))),
            "Lease" => (&[], Some((2, &[3, 4]))),
            "LeaseCandidate" => (&[], Some((2, &[2, 3]))),
            _ => (&[], None),
        };
        while let Some(f) = reader.next_field()? {
            if f.number == 1 {
                meta.object_meta(f.bytes()?, part)?;
            } else if own.contains(&f.number) {
                meta.client = meta.client.max(moment(f.bytes()?)?);
            } else if let Some((number, times)) = inner
                && f.number == number
            {
                let mut reader = Reader::new(f.bytes()?);
                while let Some(f) = reader.next_field()? {
                    if times.contains(&f.number) {
                        meta.client = meta.client.max(moment(f.bytes()?)?);
                    }
                }
            }
        }
        Ok(meta)
    }

    fn object_meta(&mut self, data: &'a [u8], part: Part) -> Result<(), Malformed> {
        let (mut reader, mut deadline, mut grace) = (Reader::new(data), None, 0);
        while let Some(f) = reader.next_field()? {
            match f.number {
                1 | 3 | 5 | 13 if part == Part::Times => {}
                1 => self.name = text(f.bytes()?),
                3 => self.namespace = text(f.bytes()?),
                5 => self.uid = text(f.bytes()?),
                8 => self.created = moment(f.bytes()?)?,
                9 => deadline = moment(f.bytes()?)?,
                10 => grace = f.int64()?,
                13 => {
                    let (mut reader, mut owner) = (Reader::new(f.bytes()?), Owner::default());
                    while let Some(f) = reader.next_field()? {
                        match f.number {
                            1 => owner.kind = text(f.bytes()?),
                            3 => owner.name = text(f.bytes()?),
                            4 => owner.uid = text(f.bytes()?),
                            _ => {}
                        }
                    }
                    self.owners.push(owner);
                }
                17 => {
                    if let Some(time) = field(f.bytes()?, 4)? {
                        self.managed = self.managed.max(moment(time.bytes()?)?);
                    }
                }
                _ => {}
            }
        }
        self.deleted = deadline.map(|deadline| requested(deadline, grace));
        Ok(())
    }

    /// The metadata in a decoded tree.
    #[must_use]
    pub fn tree(value: &Value<'_>) -> Self {
        let owned = |path: &[&str]| {
            value.at(path).and_then(Value::as_str).map_or(Cow::Borrowed(""), |t| Cow::Owned(t.to_owned()))
        };
        let owner = |value: &Value<'_>| {
            let owned =
                |name| value.get(name).and_then(Value::as_str).map_or(Cow::Borrowed(""), |t| t.to_owned().into());
            Owner { kind: owned("kind"), name: owned("name"), uid: owned("uid") }
        };
        let owners = value.at(&["metadata", "ownerReferences"]).and_then(Value::as_list).unwrap_or_default();
        let time = |v: Option<&Value<'_>>| v.and_then(Value::as_str).and_then(Moment::parse);
        let managed = value.at(&["metadata", "managedFields"]).and_then(Value::as_list).unwrap_or_default();
        let grace = match value.at(&["metadata", "deletionGracePeriodSeconds"]) {
            Some(Value::Int(grace)) => *grace,
            _ => 0,
        };
        let own: &[&[&str]] = match value.get("kind").and_then(Value::as_str) {
            Some("Event") => {
                &[&["firstTimestamp"], &["lastTimestamp"], &["eventTime"], &["series", "lastObservedTime"]]
            }
            Some("Lease" | "LeaseCandidate") => {
                &[&["spec", "acquireTime"], &["spec", "renewTime"], &["spec", "pingTime"]]
            }
            _ => &[],
        };
        Self {
            api_version: owned(&["apiVersion"]),
            kind: owned(&["kind"]),
            namespace: owned(&["metadata", "namespace"]),
            name: owned(&["metadata", "name"]),
            uid: owned(&["metadata", "uid"]),
            owners: owners.iter().map(owner).collect(),
            created: time(value.at(&["metadata", "creationTimestamp"])),
            managed: managed.iter().filter_map(|entry| time(entry.get("time"))).max(),
            deleted: time(value.at(&["metadata", "deletionTimestamp"])).map(|deadline| requested(deadline, grace)),
            client: own.iter().filter_map(|path| time(value.at(path))).max(),
        }
    }
}

fn moment(time: &[u8]) -> Result<Option<Moment>, Malformed> {
    Ok(timestamp(time)?.map(|(seconds, nanos)| Moment { seconds, nanos }))
}

/// The time of the request for a deletion that is due at `deadline`, after `grace` seconds (`rest.BeforeDelete`).
fn requested(deadline: Moment, grace: i64) -> Moment {
    Moment { seconds: deadline.seconds.saturating_sub(grace), ..deadline }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_and_json_say_the_same() {
        for name in ["core.v1.Pod", "core.v1.Event", "apps.v1.StatefulSet"] {
            let read = |ext| std::fs::read(format!("fixtures/k8s/{name}.{ext}")).unwrap();
            let (pb, json) = (read("pb"), read("json"));
            let (pb, json) = (Meta::read(&pb).unwrap(), Meta::read(&json).unwrap());
            assert_eq!(pb, json);
            assert_eq!(pb.created.unwrap().to_string(), "2008-01-01T01:01:01Z");
        }
    }
}

//! What an object's bookkeeping takes of its value: managedFields, and the manifest that `kubectl apply` keeps.

use std::borrow::Cow;

use super::{
    budget::Budget,
    error::Undecodable,
    json_read::{Parser, parse},
    object::decode,
    special::timestamp,
    stored::Stored,
    value::{Value, text},
};
use crate::proto::{Malformed, Reader};

/// The annotation in which `kubectl apply` keeps the manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Bytes of parts of an object, as they are stored, and who wrote it last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Weights<'a> {
    /// Bytes of `metadata.managedFields`.
    pub managed_fields: u64,
    /// Bytes of the annotation with the manifest of `kubectl apply`.
    pub last_applied: u64,
    /// The manager whose entry in managedFields is the newest; empty when there is none.
    pub manager: Cow<'a, str>,
    /// The value of the label that was asked for.
    pub label: Option<Cow<'a, str>>,
}

impl<'a> Weights<'a> {
    /// Weighs a value that is not encrypted, and looks for a label.
    ///
    /// # Errors
    /// As [`decode`].
    pub(crate) fn of(value: &'a [u8], label: Option<&str>) -> Result<Self, Undecodable> {
        match Stored::new(value)? {
            Stored::Protobuf(envelope) => Ok(Self::protobuf(envelope.raw, label)?),
            Stored::Json(text) => Self::json(text, label),
            Stored::Cbor(_) => {
                // JSON of about the same length
                let object = decode(value)?.value;
                let metadata = object.get("metadata").map(Value::to_json).unwrap_or_default();
                let text = format!("{{\"metadata\":{metadata}}}");
                let weights = Self::json(text.as_bytes(), label)?;
                let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
                Ok(Weights { manager: owned(weights.manager), label: weights.label.map(owned), ..weights })
            }
            Stored::Encrypted(_) | Stored::Opaque => Err(Undecodable::Opaque(value.len())),
        }
    }

    fn protobuf(raw: &'a [u8], label: Option<&str>) -> Result<Self, Malformed> {
        let (mut weights, mut newest) = (Self::default(), None);
        let mut object = Reader::new(raw);
        while let Some(f) = object.next_field()? {
            if f.number != 1 {
                continue;
            }
            let mut metadata = Reader::new(f.bytes()?);
            while let Some(f) = metadata.next_field()? {
                let size = f.end.saturating_sub(f.at) as u64;
                match f.number {
                    11 | 12 => {
                        let (mut entry, mut name, mut value) = (Reader::new(f.bytes()?), &[][..], &[][..]);
                        while let Some(f) = entry.next_field()? {
                            match f.number {
                                1 => name = f.bytes()?,
                                2 => value = f.bytes()?,
                                _ => {}
                            }
                        }
                        if f.number == 12 && name == LAST_APPLIED.as_bytes() {
                            weights.last_applied = weights.last_applied.saturating_add(size);
                        } else if f.number == 11 && label.is_some_and(|label| label.as_bytes() == name) {
                            weights.label = Some(text(value));
                        }
                    }
                    17 => {
                        weights.managed_fields = weights.managed_fields.saturating_add(size);
                        let (mut entry, mut manager, mut time) = (Reader::new(f.bytes()?), &[][..], None);
                        while let Some(f) = entry.next_field()? {
                            match f.number {
                                1 => manager = f.bytes()?,
                                4 => time = timestamp(f.bytes()?)?,
                                _ => {}
                            }
                        }
                        if weights.manager.is_empty() || time > newest {
                            (weights.manager, newest) = (text(manager), time);
                        }
                    }
                    _ => {}
                }
            }
            break;
        }
        Ok(weights)
    }

    fn json<'t>(json: &'t [u8], label: Option<&str>) -> Result<Weights<'t>, Undecodable> {
        let (mut weights, mut managed, mut labels) = (Weights::default(), &[][..], &[][..]);
        let mut budget = Budget::default();
        let mut annotations = &[][..];
        let mut parser = Parser::new(json, &mut budget);
        // the rest of the object is most of its bytes
        if parser.enter("metadata", 0)? {
            parser.texts(1, &mut |name, text: &'t [u8]| match name {
                "managedFields" => managed = text,
                "labels" => labels = text,
                "annotations" => annotations = text,
                _ => {}
            })?;
        }
        weights.managed_fields = managed.len() as u64;
        if !annotations.is_empty() {
            Parser::new(annotations, &mut budget).texts(0, &mut |name, text: &'t [u8]| {
                if name == LAST_APPLIED {
                    weights.last_applied = text.len() as u64;
                }
            })?;
        }
        if let Some(label) = label.filter(|_| !labels.is_empty()) {
            let mut found = parse(labels)?;
            weights.label = found.as_object_mut().and_then(|labels| labels.remove(label)).and_then(into_text);
        }
        if !managed.is_empty()
            && let Value::List(entries) = parse(managed)?
        {
            let mut newest: Option<Cow<'_, str>> = None;
            for mut entry in entries {
                let mut member = |name| entry.as_object_mut().and_then(|map| map.remove(name)).and_then(into_text);
                let (manager, time) = (member("manager"), member("time"));
                if weights.manager.is_empty() || time > newest {
                    (weights.manager, newest) = (manager.unwrap_or_default(), time);
                }
            }
        }
        Ok(weights)
    }
}

fn into_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_weighed_by_its_text() {
        let json = br#"{"kind":"A","metadata":{"labels":{"app":"w\u0065b"},"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}\n"},"managedFields":[{"manager":"b","time":"2026-01-02T00:00:00Z"},{"manager":"a","time":"2026-01-01T00:00:00Z"}]},"spec":{}}"#;
        let weights = Weights::of(json, Some("app")).unwrap();
        assert_eq!((weights.manager.as_ref(), weights.label.as_deref()), ("b", Some("web")));
        assert_eq!((weights.managed_fields, weights.last_applied), (93, 6));
        assert_eq!(Weights::of(b"{}", None), Ok(Weights::default()));
        assert!(Weights::of(b"{\"metadata\":{\"labels\":}}", None).is_err());
    }

    #[test]
    fn protobuf_is_weighed_by_its_fields() {
        for name in ["core.v1.Pod", "apps.v1.StatefulSet"] {
            let value = std::fs::read(format!("fixtures/k8s/{name}.pb")).unwrap();
            let weights = Weights::of(&value, Some("labelsKey")).unwrap();
            assert_eq!((weights.manager.as_ref(), weights.label.as_deref()), ("managerValue", Some("labelsValue")));
            assert!(weights.managed_fields > 50 && weights.last_applied == 0, "{weights:?}");
        }
    }
}

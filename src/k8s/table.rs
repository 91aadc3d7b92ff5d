//! The Kubernetes API as a table: for every message its fields by number, with the content of Go's struct tags.
//!
//! `kinds.txt` is the union over Kubernetes 1.16 to 1.38, written by `tools/kinds`. It has three kinds of lines:
//!
//! ```text
//! = apps/v1 Deployment apps/v1.Deployment deployments namespaced     a kind, its message, its resource, its scope
//! @ apps/v1.DeploymentSpec                                           a message, whose fields follow
//! 1 replicas int32 ?*                                                number, JSON name, type, flags
//! 11 availableReplicas int32 - 23-                                   and the releases that print it so
//! 11 availableReplicas int32 ? 22-22
//! ```
//!
//! A type is a scalar, one of Kubernetes' special types, or a message (it has a dot), after `[]` or `{}` when there
//! are many. `?` is an omitempty that has a meaning, `*` a pointer, the name `-` a struct inlined into its owner.
//! Where releases print a field in several ways, it has a line for each, the newest first: number, name and type are
//! the same in all of them.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use super::release::Release;

/// The type of a field; the names are those of the Go types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    String,
    Int32,
    Int64,
    Bool,
    Bytes,
    Double,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    /// `RawExtension`, `FieldsV1`, apiextensions' `JSON`: a message whose field 1 is JSON.
    Raw,
    /// `ExtraValue`, `Verbs`: a message whose field 1 is repeated, and a plain list in JSON.
    Strings,
    /// `JSONSchemaPropsOrBool`.
    OrBool(u32),
    /// `JSONSchemaPropsOrArray`.
    OrArray(u32),
    /// `JSONSchemaPropsOrStringArray`.
    OrStrings(u32),
    Message(u32),
}

/// The cardinality of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    Map,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    /// The name in JSON, empty when the field is inlined.
    pub(super) name: &'static str,
    pub(super) of: Type,
    pub(super) shape: Shape,
    /// Not printed when empty.
    pub(super) omit: bool,
    pub(super) pointer: bool,
    /// An id shared by all forms of one field, and by no other field of the message.
    pub(super) slot: u8,
    pub(super) since: Release,
    pub(super) until: Release,
}

impl Field {
    /// Whether a release has the field in this form.
    #[inline]
    pub(super) fn is_in(&self, release: Release) -> bool {
        (self.since..=self.until).contains(&release)
    }
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) fields: Vec<Field>,
}

impl Message {
    /// The field of this number in the form of `release`, or in its newest form, and its place; `hint` is the place of
    /// the field read before, as fields come in order.
    #[inline]
    pub(super) fn find(&self, number: u32, hint: usize, release: Release) -> Option<(usize, &Field)> {
        let from = |at| self.fields.iter().enumerate().skip(at);
        let near = from(hint).take(8).find(|(_, f)| f.number == number);
        let (at, first) = near.or_else(|| from(0).find(|(_, f)| f.number == number))?;
        let mut forms = from(at).take_while(|(_, f)| f.number == number);
        forms.find(|(_, f)| f.is_in(release)).or(Some((at, first)))
    }
}

/// A kind of object, such as `apps/v1 Deployment`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KindEntry {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    /// The plural name of its resource; `None` for a kind that is never stored.
    pub(super) plural: Option<&'static str>,
    pub(super) namespaced: bool,
    pub(super) message: u32,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    messages: Vec<Message>,
    kinds: Vec<KindEntry>,
    by_kind: HashMap<(&'static str, &'static str), u32>,
    object_meta: u32,
}

static TEXT: &str = include_str!("kinds.txt");

/// The table, read at the first use (about a millisecond).
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::read(TEXT))
}

impl Table {
    pub(super) fn message(&self, id: u32) -> Option<&Message> {
        self.messages.get(id as usize)
    }

    pub(super) fn kinds(&self) -> &[KindEntry] {
        &self.kinds
    }

    /// The kind of an envelope's TypeMeta.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<&KindEntry> {
        // the keys are 'static, and a map of them can only be asked with a shorter life through a reborrow
        let by_kind: &HashMap<(&str, &str), u32> = &self.by_kind;
        by_kind.get(&(api_version, kind)).and_then(|at| self.kinds.get(*at as usize))
    }

    /// The message `ObjectMeta`, which every object has as its field 1.
    pub(super) fn object_meta(&self) -> u32 {
        self.object_meta
    }

    /// Whether an object with this message may hold JSON besides its managedFields.
    pub(super) fn may_hold_json(&self, message: u32) -> bool {
        static HOLDERS: OnceLock<HashSet<u32>> = OnceLock::new();
        let holders = || self.kinds.iter().map(|kind| kind.message).filter(|of| self.leads_to_json(*of)).collect();
        HOLDERS.get_or_init(holders).contains(&message)
    }

    fn leads_to_json(&self, from: u32) -> bool {
        let (mut seen, mut next) = (HashSet::from([self.object_meta]), vec![from]);
        while let Some(id) = next.pop() {
            let fields = self.message(id).filter(|_| seen.insert(id)).into_iter().flat_map(|message| &message.fields);
            for field in fields {
                match field.of {
                    Type::Raw => return true,
                    Type::Message(id) | Type::OrBool(id) | Type::OrArray(id) | Type::OrStrings(id) => next.push(id),
                    _ => {}
                }
            }
        }
        false
    }

    fn read(text: &'static str) -> Self {
        let mut ids = HashMap::new();
        for name in text.lines().filter_map(|l| l.strip_prefix("@ ")) {
            let id = ids.len() as u32;
            ids.insert(name, id);
        }
        let mut table =
            Self { object_meta: ids.get("meta/v1.ObjectMeta").copied().unwrap_or_default(), ..Self::default() };
        for line in text.lines() {
            let mut words = line.split(' ');
            match words.next() {
                Some("=") => table.read_kind(&ids, words),
                Some("@") => table.messages.push(Message { fields: Vec::new() }),
                Some("#") | None => {}
                Some(number) => {
                    if let (Some(m), Some(f)) = (table.messages.last_mut(), read_field(&ids, number, words)) {
                        let slot = m
                            .fields
                            .last()
                            .map_or(0, |last| last.slot.saturating_add(u8::from(last.number != f.number)));
                        m.fields.push(Field { slot, ..f });
                    }
                }
            }
        }
        table
    }

    fn read_kind(&mut self, ids: &HashMap<&str, u32>, mut words: std::str::Split<'static, char>) {
        let mut word = || words.next().unwrap_or_default();
        let (api_version, kind, message, plural, scope) = (word(), word(), word(), word(), word());
        let Some(message) = ids.get(message).copied() else { return };
        let plural = Some(plural).filter(|p| *p != "-");
        self.by_kind.insert((api_version, kind), self.kinds.len() as u32);
        self.kinds.push(KindEntry { api_version, kind, plural, namespaced: scope == "namespaced", message });
    }
}

fn read_field(ids: &HashMap<&str, u32>, number: &str, mut words: std::str::Split<'static, char>) -> Option<Field> {
    let name = words.next()?;
    let (of, flags) = (words.next()?, words.next().unwrap_or_default());
    let (since, until) = words.next().and_then(|range| range.split_once('-')).unwrap_or_default();
    let (shape, of) = match (of.strip_prefix("[]"), of.strip_prefix("{}")) {
        (Some(of), _) => (Shape::List, of),
        (_, Some(of)) => (Shape::Map, of),
        _ => (Shape::One, of),
    };
    Some(Field {
        number: number.parse().ok()?,
        name: if name == "-" { "" } else { name },
        of: read_type(ids, of)?,
        shape,
        omit: flags.contains('?'),
        pointer: flags.contains('*'),
        slot: 0,
        since: Release::new(since.parse().unwrap_or(u8::MIN)),
        until: Release::new(until.parse().unwrap_or(u8::MAX)),
    })
}

fn read_type(ids: &HashMap<&str, u32>, name: &str) -> Option<Type> {
    let message = |name: &str| ids.get(name).copied();
    Some(match name {
        "string" => Type::String,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "bool" => Type::Bool,
        "bytes" => Type::Bytes,
        "double" => Type::Double,
        "time" => Type::Time,
        "microtime" => Type::MicroTime,
        "duration" => Type::Duration,
        "quantity" => Type::Quantity,
        "intorstring" => Type::IntOrString,
        "raw" => Type::Raw,
        "strings" => Type::Strings,
        _ => match name.split_once(':') {
            Some(("orbool", of)) => Type::OrBool(message(of)?),
            Some(("orarray", of)) => Type::OrArray(message(of)?),
            Some(("orstringarray", of)) => Type::OrStrings(message(of)?),
            _ => Type::Message(message(name)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let fields = TEXT.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).count();
        assert_eq!(table().messages.iter().map(|m| m.fields.len()).sum::<usize>(), fields);
        assert_eq!(table().kinds.len(), TEXT.lines().filter(|l| l.starts_with("= ")).count());
        assert!(table().messages.iter().flat_map(|m| &m.fields).all(|f| f.slot < 128), "fields are marked in a u128");
        let pod = table().kind("v1", "Pod").unwrap();
        assert_eq!((pod.plural, pod.namespaced), (Some("pods"), true));
    }
}

//! Requests about keys and values: `RangeRequest`, `PutRequest`, `DeleteRangeRequest`, `TxnRequest` of `rpc.proto`.

use std::cmp::Ordering;

use crate::{
    etcd::{KeyValue, Range},
    proto::{Field, Malformed, Reader},
};

/// The deepest nesting of transactions that is read: etcd has no limit, and real transactions are far from this one.
const MAX_DEPTH: u32 = 100;

/// `etcdserverpb.RangeRequest`: which keys are read. How the answer is sorted and limited does not matter for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RangeRead<'a> {
    /// The first key of the range.
    pub key: &'a [u8],
    /// The end, as [`Range::new`] takes it.
    pub range_end: &'a [u8],
    /// The revision to read at; 0 for the last.
    pub revision: i64,
}

/// `etcdserverpb.PutRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Put<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// The lease that the key is attached to, or 0.
    pub lease: i64,
    /// Whether the answer returns the previous key-value pairs.
    pub prev_kv: bool,
    /// Whether the value is kept; the key has to exist.
    pub ignore_value: bool,
    /// Whether the lease is kept; the key has to exist.
    pub ignore_lease: bool,
}

/// `etcdserverpb.DeleteRangeRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeleteRange<'a> {
    /// The first key of the range.
    pub key: &'a [u8],
    /// The end, as [`Range::new`] takes it.
    pub range_end: &'a [u8],
    /// Whether the answer returns the previous key-value pairs.
    pub prev_kv: bool,
}

/// `etcdserverpb.TxnRequest`. Its parts are decoded again each time they are used, so that they take no memory, however
/// many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Txn<'a> {
    message: &'a [u8],
}

/// One step of a transaction (`etcdserverpb.RequestOp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOp<'a> {
    /// 1: read keys.
    Range(RangeRead<'a>),
    /// 2: write a key.
    Put(Put<'a>),
    /// 3: delete keys.
    DeleteRange(DeleteRange<'a>),
    /// 4: a nested transaction.
    Txn(Txn<'a>),
    /// Nothing, or an operation of a later etcd, which the versions known here ignore.
    Empty,
}

/// A condition of a transaction on some keys (`etcdserverpb.Compare`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compare<'a> {
    /// The comparison of the stored value with the given one that has to hold.
    pub result: CompareResult,
    /// The attribute of the key that is compared, and the given value.
    pub target: CompareTarget<'a>,
    /// The first key of the range.
    pub key: &'a [u8],
    /// The end, as [`Range::new`] takes it: the condition has to hold for all keys.
    pub range_end: &'a [u8],
}

/// `etcdserverpb.Compare_CompareResult`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareResult {
    /// 0: equal.
    Equal,
    /// 1: greater.
    Greater,
    /// 2: less.
    Less,
    /// 3: not equal.
    NotEqual,
    /// Another number: the condition always holds.
    Unknown(i32),
}

/// `etcdserverpb.Compare_CompareTarget`, with the given value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareTarget<'a> {
    /// 0: the key's version, the number of times it was written since its creation.
    Version(i64),
    /// 1: the revision that created the key; 0 when it does not exist.
    Create(i64),
    /// 2: the revision that wrote the key last; 0 when it does not exist.
    Mod(i64),
    /// 3: the key's value.
    Value(&'a [u8]),
    /// 4: the key's lease.
    Lease(i64),
    /// Another number: always equal.
    Unknown(i32),
}

impl<'a> RangeRead<'a> {
    /// The keys that the request reads.
    #[must_use]
    pub(crate) fn range(&self) -> Range<'a> {
        Range::new(self.key, self.range_end)
    }

    pub(super) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut range) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => range.key = field.bytes()?,
                2 => range.range_end = field.bytes()?,
                4 => range.revision = field.int64()?,
                3 | 5..=13 => drop(field.varint()?),
                _ => {}
            }
        }
        Ok(range)
    }
}

impl<'a> Put<'a> {
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut put) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => put.key = field.bytes()?,
                2 => put.value = field.bytes()?,
                3 => put.lease = field.int64()?,
                4 => put.prev_kv = field.varint()? != 0,
                5 => put.ignore_value = field.varint()? != 0,
                6 => put.ignore_lease = field.varint()? != 0,
                _ => {}
            }
        }
        Ok(put)
    }
}

impl<'a> DeleteRange<'a> {
    /// The keys that the request deletes.
    #[must_use]
    pub(crate) fn range(&self) -> Range<'a> {
        Range::new(self.key, self.range_end)
    }

    pub(super) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut delete) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => delete.key = field.bytes()?,
                2 => delete.range_end = field.bytes()?,
                3 => delete.prev_kv = field.varint()? != 0,
                _ => {}
            }
        }
        Ok(delete)
    }
}

impl<'a> Txn<'a> {
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        check(message, 0)?;
        Ok(Self { message })
    }

    /// The conditions; all have to hold for [`Txn::success`].
    pub(crate) fn compares(self) -> impl Iterator<Item = Compare<'a>> {
        parts(self.message, 1, Compare::decode)
    }

    /// The operations that are executed when all conditions hold.
    pub(crate) fn success(self) -> impl Iterator<Item = RequestOp<'a>> {
        parts(self.message, 2, RequestOp::decode)
    }

    /// The operations that are executed when a condition does not hold.
    pub(crate) fn failure(self) -> impl Iterator<Item = RequestOp<'a>> {
        parts(self.message, 3, RequestOp::decode)
    }
}

/// The fields of one number. They were checked when the transaction was decoded: none is malformed here.
fn parts<'a, T>(
    message: &'a [u8],
    number: u32,
    decode: impl Fn(&'a [u8]) -> Result<T, Malformed>,
) -> impl Iterator<Item = T> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next_field().ok().flatten())
        .filter(move |field| field.number == number)
        .filter_map(move |field| decode(field.bytes().ok()?).ok())
}

/// Checks a transaction that is nested `depth` transactions deep.
fn check(message: &[u8], depth: u32) -> Result<(), Malformed> {
    if depth >= MAX_DEPTH {
        return Err(Malformed { what: "transactions nested too deep", at: 0 });
    }
    let mut reader = Reader::new(message);
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => drop(field.message(Compare::decode)?),
            2 | 3 => field.message(|op| {
                RequestOp::decode(op)?;
                let mut reader = Reader::new(op);
                while let Some(field) = reader.next_field()? {
                    if field.number == 4 {
                        field.message(|txn| check(txn, depth.saturating_add(1)))?;
                    }
                }
                Ok(())
            })?,
            _ => {}
        }
    }
    Ok(())
}

impl<'a> RequestOp<'a> {
    /// Decodes the operation. The content of a nested transaction is not checked: [`check`] does that.
    fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut op) = (Reader::new(message), Self::Empty);
        while let Some(field) = reader.next_field()? {
            op = match field.number {
                1 => Self::Range(field.message(RangeRead::decode)?),
                2 => Self::Put(field.message(Put::decode)?),
                3 => Self::DeleteRange(field.message(DeleteRange::decode)?),
                4 => Self::Txn(Txn { message: field.bytes()? }),
                _ => continue,
            }
        }
        Ok(op)
    }
}

impl<'a> Compare<'a> {
    /// The keys that are compared.
    #[must_use]
    pub(crate) fn range(&self) -> Range<'a> {
        Range::new(self.key, self.range_end)
    }

    /// Whether the condition holds for `kv` (`compareKV`).
    pub(crate) fn holds(&self, kv: &KeyValue<'_>) -> bool {
        let order = match self.target {
            CompareTarget::Version(version) => kv.version.cmp(&version),
            CompareTarget::Create(revision) => kv.create_revision.cmp(&revision),
            CompareTarget::Mod(revision) => kv.mod_revision.cmp(&revision),
            CompareTarget::Value(value) => kv.value.cmp(value),
            CompareTarget::Lease(lease) => kv.lease.cmp(&lease),
            CompareTarget::Unknown(_) => Ordering::Equal,
        };
        match self.result {
            CompareResult::Equal => order.is_eq(),
            CompareResult::NotEqual => order.is_ne(),
            CompareResult::Greater => order.is_gt(),
            CompareResult::Less => order.is_lt(),
            CompareResult::Unknown(_) => true,
        }
    }

    /// Whether the condition holds where there is no key (`applyCompare`): zero is compared, but no value.
    pub(crate) fn holds_without_key(&self) -> bool {
        !matches!(self.target, CompareTarget::Value(_)) && self.holds(&KeyValue::default())
    }

    fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut target, mut with) = (Reader::new(message), 0, None);
        let mut compare =
            Self { result: CompareResult::Equal, target: CompareTarget::Version(0), key: b"", range_end: b"" };
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => compare.result = CompareResult::of(field.varint()? as i32),
                2 => target = field.varint()? as i32,
                3 => compare.key = field.bytes()?,
                4..=6 | 8 => {
                    field.varint()?;
                    with = Some(field);
                }
                7 => {
                    field.bytes()?;
                    with = Some(field);
                }
                64 => compare.range_end = field.bytes()?,
                _ => {}
            }
        }
        compare.target = CompareTarget::of(target, with.as_ref());
        Ok(compare)
    }
}

impl CompareResult {
    pub(crate) fn of(number: i32) -> Self {
        match number {
            0 => Self::Equal,
            1 => Self::Greater,
            2 => Self::Less,
            3 => Self::NotEqual,
            other => Self::Unknown(other),
        }
    }
}

impl<'a> CompareTarget<'a> {
    /// A value given for another target than the named one counts as not given: zero, or empty.
    fn of(target: i32, with: Option<&Field<'a>>) -> Self {
        let with = |number| with.filter(|field| field.number == number);
        let number = |number| with(number).and_then(|field| field.int64().ok()).unwrap_or_default();
        match target {
            0 => Self::Version(number(4)),
            1 => Self::Create(number(5)),
            2 => Self::Mod(number(6)),
            3 => Self::Value(with(7).and_then(|field| field.bytes().ok()).unwrap_or_default()),
            4 => Self::Lease(number(8)),
            other => Self::Unknown(other),
        }
    }
}

//! The types that Kubernetes encodes by hand, each a small message that JSON shows as one value.

use super::{
    gofmt,
    value::{Value, text},
};
use crate::proto::{Field, Malformed, Reader};

/// The last field of this number: the one that decoding into a struct keeps.
pub(super) fn field(data: &[u8], number: u32) -> Result<Option<Field<'_>>, Malformed> {
    let (mut reader, mut found) = (Reader::new(data), None);
    while let Some(f) = reader.next_field()? {
        if f.number == number {
            found = Some(f);
        }
    }
    Ok(found)
}

fn int(data: &[u8], number: u32) -> Result<i64, Malformed> {
    field(data, number)?.map_or(Ok(0), |f| f.int64())
}

/// Go's zero time, January 1 of the year 1, in seconds since 1970; it is printed as null.
const ZERO_TIME: i64 = -62_135_596_800;

/// Seconds and nanoseconds of a `Time` or `MicroTime`, `None` for the zero time, which is an empty message.
pub(super) fn timestamp(data: &[u8]) -> Result<Option<(i64, i32)>, Malformed> {
    if data.is_empty() {
        return Ok(None);
    }
    let (mut reader, mut stamp) = (Reader::new(data), (0, 0));
    while let Some(f) = reader.next_field()? {
        match f.number {
            1 => stamp.0 = f.int64()?,
            2 => stamp.1 = f.int64()? as i32,
            _ => {}
        }
    }
    Ok(Some(stamp).filter(|s| s.0 != ZERO_TIME))
}

/// `meta/v1.Time`: whole seconds.
pub(super) fn time(data: &[u8]) -> Result<Value<'_>, Malformed> {
    Ok(timestamp(data)?.map_or(Value::Null, |(seconds, _)| Value::Str(gofmt::rfc3339(seconds).into())))
}

/// `meta/v1.MicroTime`: six digits.
pub(super) fn micro_time(data: &[u8]) -> Result<Value<'_>, Malformed> {
    Ok(timestamp(data)?.map_or(Value::Null, |(s, nanos)| Value::Str(gofmt::rfc3339_micro(s, nanos).into())))
}

/// `meta/v1.Duration`.
pub(super) fn duration(data: &[u8]) -> Result<Value<'_>, Malformed> {
    Ok(Value::Str(gofmt::duration(int(data, 1)?).into()))
}

/// `resource.Quantity`: the canonical string is what is stored.
pub(super) fn quantity(data: &[u8]) -> Result<Value<'_>, Malformed> {
    Ok(match field(data, 1)? {
        Some(f) => Value::Str(text(f.bytes()?)),
        None => Value::str("0"),
    })
}

/// `intstr.IntOrString`.
pub(super) fn int_or_string(data: &[u8]) -> Result<Value<'_>, Malformed> {
    if int(data, 1)? == 0 {
        return Ok(Value::Int(i64::from(int(data, 2)? as i32)));
    }
    Ok(match field(data, 3)? {
        Some(f) => Value::Str(text(f.bytes()?)),
        None => Value::str(""),
    })
}

/// Named slices of strings, such as `ExtraValue`: a list, even an empty one, where the field is present.
pub(super) fn strings(data: &[u8]) -> Result<Value<'_>, Malformed> {
    let (mut reader, mut list) = (Reader::new(data), Vec::new());
    while let Some(f) = reader.next_field()? {
        if f.number == 1 {
            list.push(Value::Str(text(f.bytes()?)));
        }
    }
    Ok(Value::List(list))
}

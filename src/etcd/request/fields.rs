//! Messages of a few fields, read by their numbers.

use crate::proto::{Malformed, Reader};

/// A reader of a message whose fields of these numbers are integers.
pub(super) fn numbers<'a, const N: usize, T>(
    fields: &'static [u32; N],
    make: impl FnOnce([u64; N]) -> T,
) -> impl FnOnce(&'a [u8]) -> Result<T, Malformed> {
    move |message| {
        let (mut reader, mut values) = (Reader::new(message), [0; N]);
        while let Some(field) = reader.next_field()? {
            for (_, value) in fields.iter().zip(&mut values).filter(|(number, _)| **number == field.number) {
                *value = field.varint()?;
            }
        }
        Ok(make(values))
    }
}

/// A reader of a message whose fields of these numbers are strings or bytes.
pub(super) fn strings<'a, const N: usize, T>(
    fields: &'static [u32; N],
    make: impl FnOnce([&'a [u8]; N]) -> T,
) -> impl FnOnce(&'a [u8]) -> Result<T, Malformed> {
    move |message| {
        let (mut reader, mut values) = (Reader::new(message), [&[][..]; N]);
        while let Some(field) = reader.next_field()? {
            for (_, value) in fields.iter().zip(&mut values).filter(|(number, _)| **number == field.number) {
                *value = field.bytes()?;
            }
        }
        Ok(make(values))
    }
}

pub(super) fn checkpoints(message: &[u8]) -> Result<Vec<(i64, i64)>, Malformed> {
    let (mut reader, mut all) = (Reader::new(message), Vec::new());
    while let Some(field) = reader.next_field()? {
        if field.number == 1 {
            let one = numbers(&[1, 2], |[id, remaining]| (id.cast_signed(), remaining.cast_signed()));
            all.push(field.message(one)?);
        }
    }
    Ok(all)
}

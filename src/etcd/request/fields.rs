//! Messages of a few fields, read by their numbers.

use super::Op;
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

pub(super) fn member_attributes(message: &[u8]) -> Result<Op<'_>, Malformed> {
    let (mut reader, mut member, mut name, mut client_urls) = (Reader::new(message), 0, &[][..], Vec::new());
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => member = field.varint()?,
            2 => field.message(|attributes| {
                let mut reader = Reader::new(attributes);
                while let Some(field) = reader.next_field()? {
                    match field.number {
                        1 => name = field.bytes()?,
                        2 => client_urls.push(field.bytes()?),
                        _ => {}
                    }
                }
                Ok(())
            })?,
            _ => {}
        }
    }
    Ok(Op::ClusterMemberAttrSet { member, name, client_urls })
}

pub(super) fn downgrade(message: &[u8]) -> Result<Op<'_>, Malformed> {
    let (mut reader, mut enabled, mut version) = (Reader::new(message), false, &[][..]);
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => enabled = field.varint()? != 0,
            2 => version = field.bytes()?,
            _ => {}
        }
    }
    Ok(Op::DowngradeInfoSet { enabled, version })
}

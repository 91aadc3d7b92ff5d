//! The one protobuf reader and writer: values, leases, raft messages, WAL records and Kubernetes objects all pass
//! through it.
//!
//! A message is a sequence of fields, each a varint tag `number << 3 | wire type` and a payload. The reader borrows
//! from the input, copies nothing and trusts no length. The writer leaves nothing out by itself: which zeros are
//! written is decided by the message, since gogo-proto writes those that Go's own leaves out.

/// A message that cannot be read further, and where: `at` counts bytes from the start of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at} of the message")]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// Where the field that is wrong begins.
    pub at: usize,
}

/// A field's payload, by wire type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wire<'a> {
    /// Wire type 0: integers, bools, enums.
    Varint(u64),
    /// Wire type 1: fixed64, double.
    Fixed64(u64),
    /// Wire type 2: bytes, strings, messages, packed fields.
    Len(&'a [u8]),
    /// Wire types 3 and 4: the bytes between a group's start and its end.
    Group(&'a [u8]),
    /// Wire type 5: fixed32, float.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// The field number, 1 or more.
    pub number: u32,
    /// The payload.
    pub wire: Wire<'a>,
    /// Where the field's tag begins in the message.
    pub at: usize,
    /// Where the field ends in the message.
    pub end: usize,
}

impl<'a> Field<'a> {
    /// The payload as an integer; a field of this number with another wire type is malformed, as in Go.
    pub fn varint(&self) -> Result<u64, Malformed> {
        match self.wire {
            Wire::Varint(v) => Ok(v),
            _ => Err(self.mismatch()),
        }
    }

    /// The payload as a signed integer (`int64`: two's complement in the varint).
    pub(crate) fn int64(&self) -> Result<i64, Malformed> {
        self.varint().map(u64::cast_signed)
    }

    /// The payload as bytes.
    pub fn bytes(&self) -> Result<&'a [u8], Malformed> {
        match self.wire {
            Wire::Len(b) => Ok(b),
            _ => Err(self.mismatch()),
        }
    }

    /// The payload as a message that `decode` reads; what is malformed in it is reported with its place in the message
    /// around it.
    pub(crate) fn message<T>(&self, decode: impl FnOnce(&'a [u8]) -> Result<T, Malformed>) -> Result<T, Malformed> {
        let bytes = self.bytes()?;
        let start = self.end.saturating_sub(bytes.len());
        decode(bytes).map_err(|inner| Malformed { at: start.saturating_add(inner.at), ..inner })
    }

    fn mismatch(&self) -> Malformed {
        Malformed { what: "field with another wire type than its own", at: self.at }
    }
}

/// Groups nested deeper than this are refused, as Go's reader does (it allows 10,000; nothing here has even one).
const MAX_GROUP_DEPTH: u32 = 64;

/// Reads a message field by field.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `data`, which holds one whole message.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next field, or `None` at the end of the message.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes left are not a field; nothing after it can be read.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.at >= self.data.len() {
            return Ok(None);
        }
        let at = self.at;
        let (number, wire_type) = self.tag(at)?;
        let wire = self.payload(number, wire_type, at, 0)?;
        Ok(Some(Field { number, wire, at, end: self.at }))
    }

    #[inline]
    fn tag(&mut self, at: usize) -> Result<(u32, u8), Malformed> {
        let tag = self.varint(at)?;
        let number = u32::try_from(tag >> 3).unwrap_or(0);
        if number == 0 || number > 0x1fff_ffff {
            return Err(Malformed { what: "illegal field number", at });
        }
        Ok((number, (tag & 7) as u8))
    }

    #[inline]
    fn payload(&mut self, number: u32, wire_type: u8, at: usize, depth: u32) -> Result<Wire<'a>, Malformed> {
        Ok(match wire_type {
            0 => Wire::Varint(self.varint(at)?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.fixed(at)?)),
            2 => {
                let len = self.varint(at)?;
                let truncated = Malformed { what: "length beyond the end", at };
                let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len)).ok_or(truncated)?;
                let bytes = self.data.get(self.at..end).ok_or(truncated)?;
                self.at = end;
                Wire::Len(bytes)
            }
            3 => Wire::Group(self.group(number, at, depth)?),
            5 => Wire::Fixed32(u32::from_le_bytes(self.fixed(at)?)),
            4 => return Err(Malformed { what: "group end without its start", at }),
            _ => return Err(Malformed { what: "illegal wire type", at }),
        })
    }

    fn group(&mut self, number: u32, at: usize, depth: u32) -> Result<&'a [u8], Malformed> {
        if depth >= MAX_GROUP_DEPTH {
            return Err(Malformed { what: "groups nested too deep", at });
        }
        let start = self.at;
        loop {
            let end = self.at;
            if end >= self.data.len() {
                return Err(Malformed { what: "group without an end", at });
            }
            let (inner, wire_type) = self.tag(end)?;
            if wire_type == 4 {
                if inner != number {
                    return Err(Malformed { what: "group ended by another's end", at: end });
                }
                return Ok(self.data.get(start..end).unwrap_or_default());
            }
            self.payload(inner, wire_type, end, depth.saturating_add(1))?;
        }
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, at: usize) -> Result<[u8; N], Malformed> {
        let bytes = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<N>).copied();
        let bytes = bytes.ok_or(Malformed { what: "fixed field beyond the end", at })?;
        self.at = self.at.saturating_add(N);
        Ok(bytes)
    }

    #[inline]
    fn varint(&mut self, at: usize) -> Result<u64, Malformed> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        // Most are tags and lengths of one byte.
        if let Some(byte @ ..0x80) = rest.first() {
            self.at = self.at.saturating_add(1);
            return Ok(u64::from(*byte));
        }
        let mut value = 0_u64;
        for (i, byte) in rest.iter().take(10).enumerate() {
            if i == 9 && *byte > 1 {
                return Err(Malformed { what: "varint of more than 64 bits", at });
            }
            value |= u64::from(byte & 0x7f) << (7 * (i as u32));
            if byte & 0x80 == 0 {
                self.at = self.at.saturating_add(i).saturating_add(1);
                return Ok(value);
            }
        }
        Err(Malformed {
            what: if rest.len() < 10 { "varint without an end" } else { "varint of more than 64 bits" },
            at,
        })
    }
}

/// Writes a message field by field.
#[derive(Debug, Clone, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With an integer, a bool or an enum.
    #[must_use]
    pub fn varint(mut self, number: u32, value: u64) -> Self {
        self.raw(u64::from(number) << 3);
        self.raw(value);
        self
    }

    /// With bytes, a string or a message.
    #[must_use]
    pub fn bytes(mut self, number: u32, value: &[u8]) -> Self {
        self.raw(u64::from(number) << 3 | 2);
        self.raw(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// The message.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn raw(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let message = Writer::new().varint(1, 0).varint(2, u64::MAX).bytes(4, b"hi").varint(200, 300).finish();
        let fields =
            [(1, Wire::Varint(0)), (2, Wire::Varint(u64::MAX)), (4, Wire::Len(b"hi")), (200, Wire::Varint(300))];
        assert_eq!(all(&message), Ok(fields.to_vec()));
        assert_eq!(message[..2], [0x08, 0]);
    }

    fn all(data: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, Malformed> {
        let (mut reader, mut out) = (Reader::new(data), Vec::new());
        while let Some(f) = reader.next_field()? {
            out.push((f.number, f.wire));
        }
        Ok(out)
    }

    #[test]
    fn what_is_malformed_in_a_message_is_told_with_its_place_around_it() {
        let inner = |bytes| all(bytes).map(|fields| fields.len());
        let outer = |data| Reader::new(data).next_field().unwrap().unwrap().message(inner);
        assert_eq!(outer(&[0x12, 4, 0x08, 1, 0x08, 2]), Ok(2));
        assert_eq!(outer(&[0x12, 4, 0x08, 1, 0x12, 9]).unwrap_err().at, 4);
        assert_eq!(outer(&[0x08, 4]).unwrap_err().at, 0);
    }

    #[test]
    fn every_wire_type_is_read() {
        let fields = all(&[0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0]);
        let want = vec![(1, Wire::Varint(150)), (2, Wire::Len(b"hi")), (3, Wire::Fixed32(1)), (4, Wire::Fixed64(2))];
        assert_eq!(fields, Ok(want));
        assert_eq!(all(&[0x0b, 0x10, 7, 0x0c]), Ok(vec![(1, Wire::Group(&[0x10, 7]))]));
        let max = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(all(&max), Ok(vec![(1, Wire::Varint(u64::MAX))]));
    }

    #[test]
    fn what_is_malformed_is_told_with_its_place() {
        let cases: &[(&[u8], &str, usize)] = &[
            (&[0x08, 1, 0x12, 9, b'x'], "length beyond the end", 2),
            (&[0x08, 0xff], "varint without an end", 0),
            (&[0x00, 0x00], "illegal field number", 0),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], "varint of more than 64 bits", 0),
            (&[0x0e], "illegal wire type", 0),
            (&[0x0b, 0x14], "group ended by another's end", 1),
            (&[0x0b, 0x10, 7], "group without an end", 0),
            (&[0x0c], "group end without its start", 0),
            (&[0x1d, 1, 0], "fixed field beyond the end", 0),
            (&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "length beyond the end", 0),
        ];
        for (data, what, at) in cases {
            assert_eq!(all(data), Err(Malformed { what, at: *at }), "{data:02x?}");
        }
        assert_eq!(all(&[0x0b; 100]).unwrap_err().what, "groups nested too deep");
    }
}

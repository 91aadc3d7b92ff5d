//! Bytes in the formats of bbolt.

use std::io::{self, Write};

use clap::ValueEnum;
use etcdsnap::hash::Sha256;

use crate::render::{is_printable, write_quoted};

/// How bytes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// As text if every byte is printable, else as hex
    Auto,
    /// In quotes, with bytes that are not printable as \xNN
    AsciiEncoded,
    /// As hex
    Hex,
    /// As they are
    Bytes,
    /// Their length and SHA-256, from which a short secret can be guessed
    Redacted,
}

impl Format {
    /// Writes `bytes`.
    pub(super) fn write(self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Auto if is_printable(bytes) => out.write_all(bytes),
            Self::Auto | Self::Hex => hex(out, bytes),
            Self::AsciiEncoded => write_quoted(out, bytes),
            Self::Bytes => out.write_all(bytes),
            Self::Redacted => {
                let mut sum = Sha256::default();
                sum.update(bytes);
                write!(out, "<redacted len:{} sha256:", bytes.len())?;
                hex(out, &sum.finish())?;
                out.write_all(b">")
            }
        }
    }

    /// Writes `bytes` and a line feed.
    pub(super) fn line(self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        self.write(out, bytes)?;
        out.write_all(b"\n")
    }
}

/// Writes a key of a page as bbolt does: in quotes, or as hex.
pub(super) fn key(out: &mut impl Write, key: &[u8]) -> io::Result<()> {
    if is_printable(key) { write_quoted(out, key) } else { hex(out, key) }
}

/// Writes lowercase hex, however long `bytes` are.
pub(super) fn hex(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let digit = |n: u8| if n < 10 { b'0'.wrapping_add(n) } else { b'a'.wrapping_add(n).wrapping_sub(10) };
    let mut text = [[0; 2]; 512];
    for chunk in bytes.chunks(text.len()) {
        text.iter_mut().zip(chunk).for_each(|(pair, b)| *pair = [digit(b >> 4), digit(b & 0xf)]);
        out.write_all(text.get(..chunk.len()).unwrap_or_default().as_flattened())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `formatBytes` of bbolt has them.
    #[test]
    fn every_format() {
        let written = |format: Format, bytes: &[u8]| {
            let mut out = Vec::new();
            format.write(&mut out, bytes).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Format::Auto, b"a b"), "a b");
        assert_eq!(written(Format::Auto, b""), "");
        assert_eq!(written(Format::Auto, b"a\n"), "610a");
        assert_eq!(written(Format::Auto, "é\u{a0}".as_bytes()), "c3a9c2a0");
        assert_eq!(written(Format::Auto, b"\xff"), "ff");
        assert_eq!(written(Format::AsciiEncoded, b"a\"\n\xff"), r#""a\"\n\xff""#);
        assert_eq!(written(Format::Bytes, b"a\n"), "a\n");
        let empty = "<redacted len:0 sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855>";
        assert_eq!(written(Format::Redacted, b""), empty);
        assert_eq!(written(Format::Hex, &[0xab; 5000]), "ab".repeat(5000));
    }
}

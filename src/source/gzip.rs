//! gzip, as `gzip -d` reads it.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The content of a gzip file of one or more members. Zeros after a member are padding, as on a tape.
#[derive(Debug)]
pub(crate) struct Gzip<R> {
    /// The member that is read; `None` after the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let input = self.member.take().map(GzDecoder::into_inner);
            let next = input.map(after_zeros).transpose()?.flatten();
            self.member = next.map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// The input after zeros; `None` at its end.
fn after_zeros<R: BufRead>(mut input: R) -> io::Result<Option<R>> {
    loop {
        let rest = input.fill_buf()?;
        let (zeros, len) = (rest.iter().take_while(|byte| **byte == 0).count(), rest.len());
        input.consume(zeros);
        if zeros < len {
            return Ok(Some(input));
        }
        if len == 0 {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn members_are_joined_and_padding_is_passed_over() {
        let read = |parts: &[&[u8]]| {
            let (bytes, mut text) = (parts.concat(), String::new());
            Gzip::new(bytes.as_slice()).read_to_string(&mut text).map(|_| text).map_err(|e| e.kind())
        };
        let (one, two, zeros) = (member("one "), member("two"), [0; 70_000]);
        assert_eq!(read(&[&one, &two]).unwrap(), "one two");
        assert_eq!(read(&[&one, &zeros, &two, &zeros]).unwrap(), "one two");
        assert_eq!(read(&[&one, &zeros, b"more"]), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(read(&[&one, &two[..two.len() - 1]]), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(read(&[&one, b"neither gzip nor zeros"]), Err(io::ErrorKind::InvalidInput));
    }
}

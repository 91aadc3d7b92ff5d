//! Bytes made from a source, such as unpacked or joined ones, kept as long as the source: small ones in memory, others
//! in a nameless file.

use std::{fs::File, io::Write as _, sync::OnceLock};

use super::{Options, Part, locator::Origin};
use crate::{Error, Result};

/// Data up to this size stay in memory.
const FEW: usize = 4 << 20;

/// A list that only grows, so that its items can be borrowed while others are added.
#[derive(Debug, Default)]
pub(super) struct Kept(OnceLock<Box<(Bytes, Self)>>);

#[derive(Debug)]
enum Bytes {
    Few(Vec<u8>),
    Many(Part),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Few(bytes) => bytes,
            Self::Many(part) => part.bytes(),
        }
    }
}

impl Kept {
    /// Appends the bytes written to `spool`.
    pub(super) fn keep(&self, spool: Spool) -> Result<&[u8]> {
        let (mut end, mut bytes) = (self, spool.finish()?);
        loop {
            match end.0.set(Box::new((bytes, Self::default()))) {
                Ok(()) => return Ok(end.0.get().map(|last| last.0.get()).unwrap_or_default()),
                Err(unset) => bytes = unset.0,
            }
            let Some(next) = end.0.get() else { return Ok(&[]) };
            end = &next.1;
        }
    }
}

/// A buffer to which bytes are appended: in memory, or in a nameless file when they are many.
#[derive(Debug)]
pub(crate) struct Spool {
    options: Options,
    few: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    pub(super) fn new(options: &Options) -> Self {
        Self { options: options.clone(), few: Vec::new(), file: None }
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.few.extend_from_slice(bytes);
        if self.few.len() > FEW { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.options.scratch()?),
        };
        let dir = &self.options.tmp_dir;
        let fault = |source| Error::io(dir.display().to_string(), "write to", source);
        file.write_all(&self.few).map_err(fault)?;
        self.few.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Bytes> {
        if self.file.is_some() {
            self.flush()?;
        }
        match self.file {
            None => Ok(Bytes::Few(self.few)),
            Some(file) => {
                Part::own(Origin::file(&self.options.tmp_dir).inside("bytes added by the log"), file).map(Bytes::Many)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_where_it_is() {
        let (kept, options) = (Kept::default(), Options::default());
        let keep = |n: u8| {
            let mut spool = Spool::new(&options);
            // every third is too much for memory
            let times = if n.is_multiple_of(3) { FEW / 1000 + 2 } else { 1 };
            (0..times).for_each(|_| spool.write(&[n; 1000]).unwrap());
            (times * 1000, kept.keep(spool).unwrap())
        };
        let all: Vec<_> = (0..9).map(keep).collect();
        assert!(all.iter().zip(0..9_u8).all(|((len, bytes), n)| bytes.len() == *len && bytes.iter().all(|b| *b == n)));
    }
}

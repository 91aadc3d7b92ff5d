//! The bytes of a file: mapped while it is open, or read to memory.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::map::Map;

/// The content of a file.
#[derive(Debug)]
pub(super) enum Content {
    /// An open file; an empty one has no map.
    Mapped(File, Option<Map>),
    /// A file that is closed.
    Read(Vec<u8>),
}

impl Content {
    /// Maps the first `size` bytes of a file.
    pub(super) fn mapped(file: File, size: u64) -> io::Result<Self> {
        let map = if size == 0 { None } else { Some(Map::new(&file, size)?) };
        Ok(Self::Mapped(file, map))
    }

    /// A second one for the same file.
    pub(super) fn again(&self, size: u64) -> io::Result<Self> {
        match self {
            Self::Mapped(file, _) => Self::mapped(file.try_clone()?, size),
            Self::Read(bytes) => Ok(Self::Read(bytes.clone())),
        }
    }

    /// Reads the first `size` bytes of the file to memory, and closes it.
    pub(super) fn read(&self, size: u64) -> io::Result<Self> {
        let Self::Mapped(file, _) = self else { return self.again(size) };
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self::Read(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(_, map) => map.as_ref().map(Map::bytes).unwrap_or_default(),
            Self::Read(bytes) => bytes,
        }
    }

    /// The file, while it is open.
    pub(super) fn file(&self) -> Option<&File> {
        match self {
            Self::Mapped(file, _) => Some(file),
            Self::Read(_) => None,
        }
    }

    /// Reads from an offset, as `pread(2)`.
    pub(super) fn read_at(&self, window: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::Mapped(file, _) => file.read_at(window, at),
            Self::Read(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                io::Read::read(&mut &*rest, window)
            }
        }
    }

    /// Offset of the first byte of the map that is lost.
    pub(super) fn hole(&self) -> Option<u64> {
        match self {
            Self::Mapped(_, map) => map.as_ref().and_then(Map::hole),
            Self::Read(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_closed_reads_as_an_open_one() {
        for path in ["fixtures/small.db", "/dev/null"] {
            let bytes = std::fs::read(path).unwrap();
            let open = Content::mapped(File::open(path).unwrap(), bytes.len() as u64).unwrap();
            let read = open.read(bytes.len() as u64).unwrap();
            let again = read.again(bytes.len() as u64).unwrap();
            assert!(open.file().is_some() && read.file().is_none());
            for content in [&open, &read, &again] {
                assert_eq!((content.bytes(), content.hole()), (&bytes[..], None));
                for at in [0, 7, bytes.len() as u64, 1 << 40] {
                    let mut window = [0; 9];
                    let n = content.read_at(&mut window, at).unwrap();
                    let want = bytes.get(usize::try_from(at).unwrap()..).unwrap_or_default();
                    assert_eq!(&window[..n], &want[..n]);
                    assert_eq!(n, want.len().min(9), "{path} {at}");
                }
            }
        }
    }
}

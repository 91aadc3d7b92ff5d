//! The bytes of a file, mapped.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use super::map::{Map, is_locked};

/// The content of a file. A clone shares the file and the map.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// None of an empty file. Its guard looks at the file, while that is open.
    map: Option<Arc<Map>>,
    /// The file, while it is open.
    file: Option<Arc<File>>,
    /// Whether a running etcd held the file when it was closed.
    was_locked: bool,
}

impl Content {
    /// Maps the first `size` bytes of a file.
    pub(super) fn mapped(file: File, size: u64) -> io::Result<Self> {
        let map = if size == 0 { None } else { Some(Arc::new(Map::new(&file, size)?)) };
        Ok(Self { map, file: Some(Arc::new(file)), was_locked: false })
    }

    /// Closes the file, and keeps the map.
    pub(super) fn close(&mut self) {
        self.was_locked = self.is_locked();
        self.map.iter().for_each(|map| map.forget_file());
        self.file = None;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.map.as_ref().map(|map| map.bytes()).unwrap_or_default()
    }

    /// Up to `len` bytes of the map at an offset, which are in memory now; `None` where that is not possible.
    pub(super) fn in_memory(&self, at: u64, len: usize) -> Option<&[u8]> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.bytes().get(at..at.checked_add(len)?)?;
        self.map.as_ref().is_some_and(|map| map.read_ahead(at, len)).then_some(bytes)
    }

    /// The file, while it is open.
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_deref()
    }

    /// Whether a running etcd holds the file.
    pub(super) fn is_locked(&self) -> bool {
        self.file().map_or(self.was_locked, is_locked)
    }

    /// Reads from an offset, as `pread(2)`.
    pub(super) fn read_at(&self, window: &mut [u8], at: u64) -> io::Result<usize> {
        if let Some(file) = self.file() {
            return file.read_at(window, at);
        }
        let rest = usize::try_from(at).ok().and_then(|at| self.bytes().get(at..)).unwrap_or_default();
        io::Read::read(&mut &*rest, window)
    }

    /// Offset of the first byte of the map that is lost.
    pub(super) fn hole(&self) -> Option<u64> {
        self.map.as_ref().and_then(|map| map.hole())
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
            let mut closed = Content::mapped(File::open(path).unwrap(), bytes.len() as u64).unwrap();
            closed.close();
            assert!(open.file().is_some() && closed.file().is_none());
            for content in [&open, &closed, &closed.clone()] {
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

    #[test]
    fn a_closed_file_that_is_cut_has_a_hole_where_it_ends() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(5 * 4096).unwrap();
        let mut closed = Content::mapped(file.reopen().unwrap(), 5 * 4096).unwrap();
        closed.close();
        file.as_file().set_len(2 * 4096).unwrap();
        assert!(closed.bytes().iter().all(|byte| *byte == 0));
        assert_eq!(closed.hole(), Some(2 * 4096));
    }
}

//! Nameless files for what is unpacked or comes from a pipe.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom, Write as _},
};

use super::{Options, map};
use crate::{Error, Result};

/// Copies data into nameless files. It stops at the allowed total, and before the disk is full.
pub(super) struct Scratch<'o> {
    options: &'o Options,
    written: u64,
    /// Bytes that can be written before the free space is checked again.
    room: u64,
}

impl<'o> Scratch<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self { options, written: 0, room: 0 }
    }

    /// Copies `from`, a part of `name`, into a file of its own. Runs of zeros are left out: a log's last segment has
    /// 64 MB of them.
    ///
    /// # Errors
    /// The error that `broken` makes of one of `from`; when `name` `is` too large; when there is no space.
    pub(super) fn take(
        &mut self,
        mut from: impl Read,
        name: &str,
        is: &str,
        broken: impl Fn(io::Error) -> Error,
    ) -> Result<File> {
        let mut file = self.options.scratch()?;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(broken(e)),
            };
            self.written = self.written.saturating_add(n as u64);
            if self.written > self.options.max_unpacked {
                let what = format!("{name}: it {is} more than {} bytes", self.options.max_unpacked);
                return Err(Error::usage(what).hinted("--max-unpacked BYTES raises the limit"));
            }
            let chunk = buffer.get(..n).unwrap_or_default();
            let done = if chunk.iter().all(|b| *b == 0) {
                file.seek(SeekFrom::Current(n as i64)).map(|_| ())
            } else {
                self.check_room(&file, n as u64).and_then(|()| file.write_all(chunk))
            };
            done.map_err(|e| self.unwritable(e))?;
        }
        let end = file.stream_position().and_then(|end| file.set_len(end));
        end.map_err(|e| self.unwritable(e))?;
        Ok(file)
    }

    /// Checks the free space from time to time, to fail before the disk is full.
    fn check_room(&mut self, file: &File, n: u64) -> io::Result<()> {
        const STEP: u64 = 64 << 20;
        if self.room < n {
            self.room = map::free_space(file)?.min(STEP);
            if self.room < n {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.room = self.room.saturating_sub(n);
        Ok(())
    }

    fn unwritable(&self, source: io::Error) -> Error {
        Error::io(
            self.options.tmp_dir.display().to_string(),
            "write to it; choose another folder with --tmp-dir",
            source,
        )
    }
}

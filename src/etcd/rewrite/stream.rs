//! A file that is written, summed and synced at the same time, each on a thread of its own.

use std::{
    fs::File,
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

use super::Unwritten;
use crate::hash::Sha256;

/// Bytes that are written and handed over at a time.
const WINDOW: usize = 1 << 20;

/// Windows that the sum may lag behind.
const WINDOWS: usize = 4;

/// New windows after which there is another sync: the disk writes while the rest is made.
const SYNCED: usize = 32;

/// Calls `write` with what writes to `file`, which is empty. Returns the sum of all that was written, with the result.
pub(super) fn stream<T>(
    file: &File,
    write: impl FnOnce(&mut Stream<'_>) -> Result<T, Unwritten>,
) -> Result<(Sha256, T), Unwritten> {
    thread::scope(|scope| {
        let (full, windows) = sync_channel::<Vec<u8>>(WINDOWS);
        let (back, empty) = channel();
        let (dirty, syncs) = sync_channel(1);
        let summer = scope.spawn(move || {
            let mut sum = Sha256::default();
            for window in windows {
                sum.update(&window);
                // The writer may have ended.
                let _ = back.send(window);
            }
            sum
        });
        let syncer = scope.spawn(move || syncs.into_iter().try_for_each(|()| file.sync_data()));
        let mut to = Stream { file, full, empty, dirty, window: Vec::with_capacity(WINDOW), handed: 0 };
        let written = write(&mut to).and_then(|written| Ok(to.hand().map(|()| written)?));
        drop(to);
        let (sum, synced) = (joined(summer.join()), joined(syncer.join()));
        let written = written?;
        synced?;
        Ok((sum, written))
    })
}

fn joined<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Writes to the file, and hands what was written over to be summed.
pub(super) struct Stream<'f> {
    file: &'f File,
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    dirty: SyncSender<()>,
    window: Vec<u8>,
    handed: usize,
}

impl Stream<'_> {
    /// Writes the window, and hands it over.
    fn hand(&mut self) -> io::Result<()> {
        if self.window.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.window)?;
        let mut next = self.empty.try_recv().unwrap_or_default();
        next.clear();
        let full = std::mem::replace(&mut self.window, next);
        self.full.send(full).map_err(|_| io::Error::other("the sum has ended"))?;
        self.handed = self.handed.saturating_add(1);
        if self.handed.is_multiple_of(SYNCED) {
            // When the last sync is not done yet, the next one takes these, too.
            let _ = self.dirty.try_send(());
        }
        Ok(())
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.window.len().saturating_add(bytes.len()) > WINDOW {
            self.hand()?;
        }
        // A page that is longer than a window is handed over in pieces.
        let taken = bytes.get(..WINDOW).unwrap_or(bytes);
        self.window.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Memory map with a guard: when the file shrinks, or its disk is bad, the process is not killed.
//!
//! The kernel answers a read after the end of a mapped file, or of a sector that cannot be read, with SIGBUS. The
//! handler here maps zero pages over the hole, notes the first byte that is lost, and lets the read continue. The
//! result is then wrong; [`Map::hole`] reports it, and is checked before a command reports success.
//! systemd's journal does the same.
//!
//! Only this file has `unsafe` code.

#![allow(unsafe_code)]

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _},
    path::Path,
    ptr,
    sync::{
        Once,
        atomic::{AtomicI32, AtomicPtr, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use memmap2::{Advice, Mmap, MmapOptions};

/// A read-only memory map of a file.
#[derive(Debug)]
pub(super) struct Map {
    map: Mmap,
    guard: &'static Guard,
}

/// The handler's record of one map. `start` is 0 while the slot is free, 1 while it is being filled.
#[derive(Debug)]
struct Guard {
    start: AtomicUsize,
    len: AtomicUsize,
    fd: AtomicI32,
    hole: AtomicU64,
}

const NO_HOLE: u64 = u64::MAX;
/// The file of a guard that has none.
const NO_FILE: i32 = -1;

/// Guards, and more of them: a signal handler can go along such a list, which only grows.
struct Guards {
    some: [Guard; 256],
    more: AtomicPtr<Self>,
}

static GUARDS: Guards = Guards::new();

impl Guards {
    const fn new() -> Self {
        Self { some: [const { Guard::free() }; 256], more: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The guards after these, if there are any.
    fn next(&self) -> Option<&'static Self> {
        // SAFETY: null, or from `Box::into_raw` in `grow`, and never freed after it was set.
        unsafe { self.more.load(SeqCst).as_ref() }
    }

    /// The guards after these.
    fn grow(&self) -> &'static Self {
        let new = Box::into_raw(Box::new(Self::new()));
        match self.more.compare_exchange(ptr::null_mut(), new, SeqCst, SeqCst) {
            // SAFETY: just made, and never freed from now on.
            Ok(_) => unsafe { &*new },
            Err(other) => {
                // SAFETY: `new` is nobody else's; `other` is as in `next`.
                unsafe {
                    drop(Box::from_raw(new));
                    &*other
                }
            }
        }
    }
}

impl Map {
    /// Maps the first `len` bytes of `file`, which is not empty.
    pub(super) fn new(file: &File, len: u64) -> io::Result<Self> {
        install_handler();
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the map is read-only and every access is to bytes that may take any value. Another process may
        // change them at any time: nothing above keeps a `&str` into it or reads a length twice, and
        // `Source::intact` is called before a result counts. Holes are closed by the handler.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        // Only advice: without it cold files are read in smaller steps.
        let _ = map.advise(Advice::Sequential);
        let guard = Guard::take(map.as_ptr() as usize, len, file.as_raw_fd());
        Ok(Self { map, guard })
    }

    /// The bytes of the file; zeros where there is a hole.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Maps some of it at once, and reads it from the disk where that is needed. Whether that was possible: a kernel
    /// before Linux 5.14 cannot.
    pub(super) fn read_ahead(&self, at: usize, len: usize) -> bool {
        self.map.advise_range(Advice::PopulateRead, at, len).is_ok()
    }

    /// The file is going to be closed.
    pub(super) fn forget_file(&self) {
        self.guard.fd.store(NO_FILE, SeqCst);
    }

    /// Offset of the first lost byte that was found.
    pub(super) fn hole(&self) -> Option<u64> {
        Some(self.guard.hole.load(SeqCst)).filter(|hole| *hole != NO_HOLE)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.guard.start.store(0, SeqCst);
    }
}

impl Guard {
    const fn free() -> Self {
        Self {
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            fd: AtomicI32::new(NO_FILE),
            hole: AtomicU64::new(NO_HOLE),
        }
    }

    fn take(start: usize, len: usize, fd: i32) -> &'static Self {
        let mut guards = &GUARDS;
        let is_free =
            |guard: &&Self| guard.start.load(SeqCst) == 0 && guard.start.compare_exchange(0, 1, SeqCst, SeqCst).is_ok();
        let guard = loop {
            match guards.some.iter().find(is_free) {
                Some(guard) => break guard,
                None => guards = guards.next().unwrap_or_else(|| guards.grow()),
            }
        };
        guard.len.store(len, SeqCst);
        guard.fd.store(fd, SeqCst);
        guard.hole.store(NO_HOLE, SeqCst);
        guard.start.store(start, SeqCst);
        guard
    }

    /// Puts zeros over the hole around `address`: to the end of the map when the file was cut, one page when a
    /// sector cannot be read, or the file is closed. Only calls that are safe in a signal handler.
    fn close_hole(&self, address: usize) -> bool {
        let (start, len) = (self.start.load(SeqCst), self.len.load(SeqCst));
        // SAFETY: sysconf and fstat are async-signal-safe; `stat` is a plain struct that fstat fills.
        let (page, size) = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            let known = libc::fstat(self.fd.load(SeqCst), &raw mut stat) == 0;
            (libc::sysconf(libc::_SC_PAGESIZE) as usize, known.then_some(stat.st_size as usize))
        };
        let offset = (address - start) & !(page - 1);
        let cut = size.filter(|size| *size < len && *size <= offset + page);
        let hole = if cut.is_some() { len.next_multiple_of(page) - offset } else { page };
        self.hole.fetch_min(cut.map_or(offset, |size| size.min(offset + page)) as u64, SeqCst);
        // SAFETY: the range lies in a map that this process owns (page-aligned, not beyond its last page), and
        // nobody writes to it; mmap is a bare system call.
        let zeros = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
            libc::mmap((start + offset) as *mut libc::c_void, hole, libc::PROT_READ, flags, -1, 0)
        };
        zeros != libc::MAP_FAILED
    }
}

fn install_handler() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the handler has the signature that SA_SIGINFO asks for, and does only what a handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_sigbus;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    });
}

extern "C" fn on_sigbus(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel hands over a valid siginfo; errno belongs to this thread.
    let (address, errno) = unsafe { ((*info).si_addr() as usize, libc::__errno_location()) };
    // SAFETY: as above.
    let before = unsafe { *errno };
    let inside = |guard: &&Guard| {
        let start = guard.start.load(SeqCst);
        start > 1 && address >= start && address - start < guard.len.load(SeqCst)
    };
    let mut all = std::iter::successors(Some(&GUARDS), |guards| guards.next());
    let closed = all.find_map(|guards| guards.some.iter().find(inside)).is_some_and(|guard| guard.close_hole(address));
    // SAFETY: as above; with the default action back in place the fault occurs again and ends the process, as it
    // should when it is none of ours.
    unsafe {
        *errno = before;
        if !closed {
            libc::signal(libc::SIGBUS, libc::SIG_DFL);
        }
    }
}

/// Opens `path` for reading: without waiting for a writer, closed on exec, and without a change of its atime where
/// that is allowed.
pub(super) fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let with = |flags| std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | flags).open(path);
    match with(libc::O_NOATIME) {
        // Only the owner may leave the atime alone.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => with(0),
        opened => opened,
    }
}

/// Whether another process holds the file's lock, as a running etcd does: of its db by flock, which is given back at
/// once, of its log by a lock of the open file (`fileutil.TryLockFile`), which can be queried.
pub(super) fn is_locked(file: &File) -> bool {
    // SAFETY: both calls take a descriptor that is open; a flock of zeros is a lock of nothing.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_RDLCK as libc::c_short;
        let asked = libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock);
        if asked == 0 && lock.l_type != libc::F_UNLCK as libc::c_short {
            return true;
        }
        if libc::flock(file.as_raw_fd(), libc::LOCK_SH | libc::LOCK_NB) == 0 {
            libc::flock(file.as_raw_fd(), libc::LOCK_UN);
            return false;
        }
    }
    io::Error::last_os_error().raw_os_error() == Some(libc::EWOULDBLOCK)
}

/// Makes a write past the limit on file sizes (`ulimit -f`) an error, EFBIG. Without this the kernel ends the process
/// with SIGXFSZ, and what was written so far stays. For a program, at its start.
pub fn ignore_file_size_signal() {
    // SAFETY: constants; no handler runs.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// A file in `dir` without a name, removed when it is closed, readable by nobody else.
pub(super) fn nameless(dir: &Path) -> io::Result<File> {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = std::ffi::CString::new(dir.as_os_str().as_bytes())?;
    // SAFETY: a path that ends in zero, and constants.
    let fd = unsafe { libc::open(dir.as_ptr(), libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC, 0o600) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just opened and belongs to nobody else.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Bytes that can still be written in the file system of `file`.
///
/// # Errors
/// The system's error.
pub(crate) fn free_space(file: &File) -> io::Result<u64> {
    let stat = rustix::fs::fstatvfs(file)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

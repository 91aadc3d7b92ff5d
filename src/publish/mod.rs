//! All-or-nothing writing: a result is staged where nobody looks, and renamed into place when it is whole.
//!
//! ```text
//! Staging   a locked folder beside the destination, removed when the run ends; one left by a kill or a power cut is
//!           cleaned up by the next run
//! Journal   the renames, written down before the first is done, so that the next run can finish or undo them
//! Draft     one new file or folder, staged and renamed into place:
//!               let draft = Draft::create(to, run)?;       write to draft.path()
//!               draft.publish(doubt)?;
//! replace   a small file, written or replaced by one rename
//! MemberDirs    the same for members' directories, `member/` and logs elsewhere
//! Doubt     NAME.etcdsnap.json beside a result: what is known against the backup that it was made from
//! DirLock       one writer of a data directory at a time
//! Rehearsal     what a run is going to rename, and whether it has the rights and the room for it
//! Watch     progress and interruption of a long job
//! ```

mod data_dir;
mod disk;
mod doubt;
mod draft;
mod journal;
mod json_path;
mod lock;
mod owner;
mod rehearsal;
mod run;
mod stage;
mod watch;
mod zone;

pub use data_dir::{Destination, MemberDir, MemberDirs, Place};
pub(crate) use data_dir::{check_names, real, start_command};
pub(crate) use disk::{check_room, copy, create, create_in, fault, free_name, make_dir, now, sync_dir};
pub use doubt::Doubt;
pub use draft::replace;
pub(crate) use draft::{Draft, target};
pub(crate) use journal::{Journal, Step};
pub(crate) use lock::DirLock;
pub use owner::Owner;
pub(crate) use owner::settle_one;
pub(crate) use rehearsal::Blocks;
pub use rehearsal::{Denied, Move, Rehearsal, Room};
pub use run::Run;
pub use stage::recover;
pub(crate) use stage::{Staging, has_journal};
pub use watch::Watch;

//! Data directories, all or nothing. The unit is `member/`: nothing else in a data directory is touched.
//!
//! ```text
//! DIR exists       DIR/.etcdsnap-restore/new/member            -> DIR/member
//! DIR does not     PARENT/.DIR.etcdsnap-restore/new/member     new -> DIR
//! ```

mod destination;
mod member_dir;
mod member_dirs;
mod mounts;
mod place;
mod renames;
mod steps;

pub use destination::Destination;
pub use member_dir::MemberDir;
pub use member_dirs::MemberDirs;
pub use place::Place;
pub(crate) use place::{check_names, real, start_command};

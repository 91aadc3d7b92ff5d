//! The db into the staging: copied, synced and summed at the same time, and checked when it is complete. The copy is
//! what is summed and checked: nobody else can write to it.

use std::{
    fs::File,
    path::Path,
    sync::{Condvar, Mutex, PoisonError, atomic::Ordering::SeqCst},
    thread,
};

use super::plan::Plan;
use crate::{
    Error, Result,
    publish::{Watch, check_room, create, fault},
    source::Source,
    verify::{self, Report},
};

/// New bytes after which there is another sync: the disk writes while the sum is taken.
const SYNCED: u64 = 32 << 20;

/// How far the copy is.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    copied: u64,
    ended: bool,
    failed: bool,
}

#[derive(Debug, Default)]
struct Copied(Mutex<State>, Condvar);

impl Copied {
    fn update(&self, update: impl FnOnce(&mut State)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.1.notify_all();
    }

    /// Waits until the state is as wanted, or the copy has ended.
    fn wait(&self, wanted: impl Fn(&State) -> bool) -> State {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = self.1.wait_while(state, |state| !wanted(state) && !state.ended && !state.failed);
        *until.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the file `path` from the plan's db: an unpacked one is linked, any other copied. The second value is the
/// report on it and on the log of `source`.
pub(super) fn copy(source: &Source, plan: &Plan<'_>, path: &Path, watch: Watch<'_>) -> Result<(File, Report)> {
    let (db, copied) = (plan.db, Copied::default());
    let name = path.display().to_string();
    let linked = db.link_to(path);
    let file = match linked {
        true => File::options().read(true).write(true).open(path).map_err(fault(path, "open"))?,
        false => create(path)?,
    };
    let (to, stop) = (&file, watch.stop);
    let shared = linked || db.clone_to(to);
    if shared {
        copied.update(|state| *state = State { copied: db.len(), ended: true, failed: false });
    } else {
        check_room(to, path, db.len().saturating_add(plan.changes.log_records.len() as u64))?;
        to.set_len(db.len()).map_err(fault(path, "write"))?;
    }
    let staged = source.copy(to.try_clone().map_err(fault(path, "open"))?)?;
    let report = thread::scope(|scope| {
        let copier = scope.spawn(|| {
            if shared {
                return Ok(());
            }
            let done = db.copy_to(to, &name, |at| {
                copied.update(|state| state.copied = at);
                !stop.load(SeqCst) && !copied.wait(|_| true).failed
            });
            copied.update(|state| (state.ended, state.failed) = (true, state.failed || done.is_err()));
            done
        });
        let syncer = scope.spawn(|| {
            let mut synced = 0_u64;
            loop {
                let state = copied.wait(|state| state.copied >= synced.saturating_add(SYNCED));
                let done = to.sync_data().map_err(fault(path, "sync"));
                if done.is_err() {
                    copied.update(|state| state.failed = true);
                }
                if done.is_err() || state.ended || state.failed {
                    return done;
                }
                synced = state.copied;
            }
        });
        let checker = scope.spawn(|| match copied.wait(|state| state.ended).failed {
            true => Err(Error::Interrupted),
            false => verify::check(&staged, &plan.load),
        });
        let ready = |until| {
            let state = copied.wait(|state| state.copied >= until);
            state.copied >= until && !state.failed && !stop.load(SeqCst)
        };
        let digests = staged.db().digests_when(|done| (watch.progress)(done, db.len()), ready);
        if digests.is_err() {
            copied.update(|state| state.failed = true);
        }
        // The first failure is the reason; the others were only stopped.
        let copied = joined(copier.join());
        let synced = joined(syncer.join());
        let report = joined(checker.join());
        match (copied, synced) {
            (Err(Error::Interrupted), Err(error)) => return Err(error),
            (copied, synced) => copied.and(synced)?,
        }
        let digests = digests?;
        let mut report = report?;
        report.conclude(&staged, &digests);
        Ok(report)
    })?;
    Ok((file, report))
}

fn joined<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

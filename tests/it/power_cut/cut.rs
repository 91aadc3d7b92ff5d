//! What a disk may hold after the power went at some moment of a run.
//!
//! ```text
//! content   lasts after a sync of the file; before that any of it may be there, whatever the names are (Lag)
//! modes     last after a sync of the inode; before that each may be there or not
//! names     last after a sync of the folder; before that some of them may be there, those of one folder in their
//!           order. A rename between two folders is there in both or in none, and after what came before it in both
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    disk::{Content, Data, Disk, Held, Ino},
    trace::{Event, Trace},
};
use crate::common::random::Random;

/// As many ways to lose names are tried at one moment at most.
const WAYS: usize = 64;

/// How much of the content that is not synced is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lag {
    /// All of it.
    Nothing,
    /// None of it: an empty file, when it is new.
    All,
    /// The first half of the writes, and half of the next one.
    Half,
    /// The last write without the others.
    Early,
    /// The lengths, with zeros in them.
    Blocks,
}

const LAGS: [Lag; 5] = [Lag::Nothing, Lag::All, Lag::Half, Lag::Early, Lag::Blocks];

/// A moment and what is lost there.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The number of events before it.
    pub at: usize,
    /// The events of names that are lost.
    pub lost: BTreeSet<usize>,
    /// What lags, in all files or in the one.
    pub lag: (Lag, Option<Ino>),
    /// Whether the modes that are not synced are lost.
    pub modes: bool,
}

/// Which of the events before a moment are sure to last.
struct Sure(Vec<bool>);

/// The folders that an event of names is about.
fn folders(event: &Event) -> impl Iterator<Item = Ino> {
    let names = if let Event::Names(names) = event { names.as_slice() } else { &[] };
    names.iter().map(|(folder, ..)| *folder)
}

impl Sure {
    fn at(trace: &Trace, at: usize) -> Self {
        let events = &trace.events[..at];
        let mut sure = vec![false; at];
        for event in events {
            let Event::Sync(of, since) = event else { continue };
            for (n, event) in events[..*since].iter().enumerate() {
                sure[n] |= match event {
                    Event::Names(_) => of.is_none_or(|of| folders(event).any(|folder| folder == of)),
                    Event::Data(ino, _) | Event::Mode(ino, _) => of.is_none_or(|of| of == *ino),
                    Event::Sync(..) => false,
                };
            }
        }
        // What lasts takes with it what came before it in the same folders.
        let mut needed = HashSet::new();
        for (n, event) in events.iter().enumerate().rev() {
            if matches!(event, Event::Names(_)) {
                sure[n] |= folders(event).any(|folder| needed.contains(&folder));
                if sure[n] {
                    needed.extend(folders(event));
                }
            }
        }
        Self(sure)
    }

    fn open(&self, trace: &Trace, which: impl Fn(&Event) -> bool) -> Vec<usize> {
        (0..self.0.len()).filter(|n| !self.0[*n] && which(&trace.events[*n])).collect()
    }
}

/// Which names may be lost together: with one, all later ones in its folders.
fn losses(trace: &Trace, open: &[usize]) -> HashSet<BTreeSet<usize>> {
    let mut losses = HashSet::new();
    let lose = |starts: &mut dyn FnMut(usize) -> bool| {
        let (mut lost, mut broken) = (BTreeSet::new(), HashSet::new());
        for n in open {
            let event = &trace.events[*n];
            if folders(event).any(|folder| broken.contains(&folder)) || starts(*n) {
                lost.insert(*n);
                broken.extend(folders(event));
            }
        }
        lost
    };
    losses.insert(lose(&mut |_| false));
    losses.insert(lose(&mut |_| true));
    for first in open {
        // all from one moment on, and as few as possible with the one
        losses.insert(lose(&mut |n| n >= *first));
        losses.insert(lose(&mut |n| n == *first));
    }
    let mut random = Random::default();
    let mut tries = 0;
    while losses.len() < WAYS && tries < WAYS {
        losses.insert(lose(&mut |_| random.next().is_multiple_of(4)));
        tries += 1;
    }
    losses
}

/// All that may be there after the run was cut off at each moment, each with one way to come to it. `check` is shown
/// what has a name, once for each difference.
pub fn each(trace: &Trace, mut check: impl FnMut(&Cut, &Disk)) -> Counts {
    let (mut counts, mut seen, mut contents) = (Counts::default(), HashSet::new(), Contents::default());
    for at in 0..=trace.events.len() {
        counts.moments += 1;
        let sure = Sure::at(trace, at);
        contents.update(trace, &sure, at);
        let modes = sure.open(trace, |event| matches!(event, Event::Mode(..)));
        let names = sure.open(trace, |event| matches!(event, Event::Names(_)));
        let lagging: Vec<_> = contents.lagging().collect();
        let mut lags: Vec<(Lag, Option<Ino>)> = LAGS.iter().map(|lag| (*lag, None)).collect();
        if lagging.len() > 1 {
            lags.extend(lagging.iter().map(|ino| (Lag::All, Some(*ino))));
        }
        lags.retain(|lag| lag.0 == Lag::Nothing || !lagging.is_empty());
        for lost in losses(trace, &names) {
            let mut disk = named(trace, at, &lost);
            for lag in &lags {
                for modes in [false, true].into_iter().filter(|without| !without || !modes.is_empty()) {
                    let cut = Cut { at, lost: lost.clone(), lag: *lag, modes };
                    contents.fill(&mut disk, cut.lag);
                    set_modes(&mut disk, trace, &cut, &sure);
                    counts.states += 1;
                    if seen.insert((at == trace.events.len(), disk.key())) {
                        counts.different += 1;
                        check(&cut, &disk);
                    }
                }
            }
        }
    }
    counts
}

/// All inodes of a run, with the names that are there when `lost` are not.
fn named(trace: &Trace, at: usize, lost: &BTreeSet<usize>) -> Disk {
    let mut disk = trace.before.clone();
    disk.0.extend(trace.after.0[disk.0.len()..].iter().map(super::disk::Inode::anew));
    for (n, event) in trace.events[..at].iter().enumerate() {
        if let Event::Names(names) = event
            && !lost.contains(&n)
        {
            names.iter().for_each(|(folder, name, ino)| disk.set(*folder, name, *ino));
        }
    }
    disk
}

fn set_modes(disk: &mut Disk, trace: &Trace, cut: &Cut, sure: &Sure) {
    for (ino, inode) in disk.0.iter_mut().enumerate() {
        inode.mode = trace.before.0.get(ino).map_or(inode.made, |before| before.mode);
    }
    for (n, event) in trace.events[..cut.at].iter().enumerate() {
        if let Event::Mode(ino, mode) = event
            && (sure.0[n] || !cut.modes)
        {
            disk.0[*ino].mode = *mode;
        }
    }
}

/// How much was looked at.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub moments: usize,
    pub states: usize,
    pub different: usize,
    /// The next runs that were tried.
    pub runs: usize,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.moments += other.moments;
        self.states += other.states;
        self.different += other.different;
        self.runs += other.runs;
    }
}

/// What each file that was written may hold, by the lag.
#[derive(Default)]
struct Contents {
    files: HashMap<Ino, File>,
    /// Each content once.
    known: HashSet<Content>,
}

struct File {
    /// The writes, and how many of them are on the disk for sure.
    changes: Vec<usize>,
    sure: usize,
    by_lag: [Content; 5],
}

impl Contents {
    fn update(&mut self, trace: &Trace, sure: &Sure, at: usize) {
        let mut changes: HashMap<Ino, Vec<usize>> = HashMap::new();
        for (n, event) in trace.events[..at].iter().enumerate() {
            if let Event::Data(ino, _) = event {
                changes.entry(*ino).or_default().push(n);
            }
        }
        for (ino, changes) in changes {
            let synced = changes.iter().filter(|n| sure.0[**n]).count();
            let is = |file: &File| file.changes == changes && file.sure == synced;
            if self.files.get(&ino).is_some_and(is) {
                continue;
            }
            let data = |n: &usize| match &trace.events[*n] {
                Event::Data(_, data) => data.clone(),
                _ => panic!("no data"),
            };
            let (kept, open): (Vec<_>, Vec<_>) = changes.iter().partition(|n| sure.0[**n]);
            let mut start = match trace.before.0.get(ino).map(|inode| &inode.held) {
                Some(Held::File(content)) => content.clone(),
                _ => Content::default(),
            };
            kept.into_iter().for_each(|n| data(n).apply(&mut start));
            let open: Vec<_> = open.into_iter().map(data).collect();
            let by_lag = LAGS.map(|lag| {
                let content = lagged(start.clone(), &open, lag);
                self.known.get(&content).cloned().unwrap_or_else(|| {
                    self.known.insert(content.clone());
                    content
                })
            });
            self.files.insert(ino, File { changes, sure: synced, by_lag });
        }
    }

    /// The files of which not all is on the disk for sure.
    fn lagging(&self) -> impl Iterator<Item = Ino> {
        self.files.iter().filter(|(_, file)| file.sure < file.changes.len()).map(|(ino, _)| *ino)
    }

    fn fill(&self, disk: &mut Disk, (lag, only): (Lag, Option<Ino>)) {
        for (ino, file) in &self.files {
            let lag = if only.is_none_or(|only| only == *ino) { lag } else { Lag::Nothing };
            let at = LAGS.iter().position(|other| *other == lag).unwrap();
            *disk.content_mut(*ino) = file.by_lag[at].clone();
        }
    }
}

fn lagged(mut content: Content, open: &[Data], lag: Lag) -> Content {
    match lag {
        Lag::Nothing => open.iter().for_each(|data| data.apply(&mut content)),
        Lag::All => {}
        Lag::Half => {
            let (half, rest) = open.split_at(open.len() / 2);
            half.iter().for_each(|data| data.apply(&mut content));
            rest.iter().take(1).for_each(|data| data.torn().apply(&mut content));
        }
        Lag::Early => open.iter().next_back().into_iter().for_each(|data| data.apply(&mut content)),
        Lag::Blocks => open.iter().for_each(|data| data.hole().apply(&mut content)),
    }
    content
}

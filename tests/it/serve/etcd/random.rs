//! The same random requests to the overlay and to a real etcd on the restored backup: answers and events are equal.
//!
//! `ETCDSNAP_REQUESTS` is their number, `ETCDSNAP_SEED` the first seed.

use std::{collections::BTreeMap, fmt::Debug, path::Path};

use hyper::body::Bytes;
use prost::Message;

use super::restored;
use crate::common::{
    Peers,
    grpc::{
        Grpc, Refused, Watching,
        proto::{
            etcdserverpb::{watch_request::RequestUnion, *},
            mvccpb::Event,
        },
    },
    random::Random,
    serving::Serving,
};

/// The watch whose event shows that others have sent theirs.
const PROBE: i64 = 1 << 40;

fn watch(key: &'static str) -> WatchCreateRequest {
    WatchCreateRequest { key: key.into(), ..Default::default() }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn random_requests_are_answered_as_by_a_real_etcd() {
    let Some(peers) = Peers::find("random_requests_are_answered_as_by_a_real_etcd") else { return };
    let snapshot = Path::new("fixtures/three-members.db");
    let (_dir, etcd) = restored(&peers, "36", snapshot);
    // with the alarm of the backup it takes no writes; that is not of its keys
    etcd.ctl(&["alarm", "disarm"]);
    let serving = Serving::start(&[snapshot.to_str().unwrap(), "--reveal", "--etcd", "--overlay"]);
    let (ours, theirs) = (Grpc::connect(&serving.etcd()), Grpc::connect(&etcd.endpoint));
    let (count, seed) = (number("ETCDSNAP_REQUESTS", 300), number("ETCDSNAP_SEED", 1));
    let mut run = Run {
        random: Random::seeded(seed as u64),
        ours: &ours,
        theirs: &theirs,
        streams: [ours.watch(), theirs.watch()],
        seen: Default::default(),
        sent: 0,
        early: 0,
        head: 189,
        compacted: 167,
        leases: Vec::new(),
        watches: 0,
        done: 0,
        refused: 0,
    };
    for _ in 0..count {
        run.step();
        if run.done % 100 == 99 {
            run.checkpoint();
        }
    }
    run.checkpoint();
    let said = format!("{count} requests, {} refused, {} watches, {} events", run.refused, run.watches, run.sent);
    assert!(run.refused < count / 2 && run.sent > count / 10, "{said}");
    assert!(run.early <= 1 + count / 2000, "{said}, {} without prev_kv", run.early);
    println!("{said}, revision {}", run.head);
}

struct Run<'g> {
    random: Random,
    ours: &'g Grpc,
    theirs: &'g Grpc,
    streams: [Watching<'g>; 2],
    /// What the streams have sent since it was compared.
    seen: [Seen; 2],
    /// The events that were compared.
    sent: usize,
    /// The watches whose first events a real etcd sent before it knew that prev_kv was asked for.
    early: usize,
    head: i64,
    compacted: i64,
    leases: Vec<i64>,
    watches: i64,
    done: usize,
    refused: usize,
}

/// Without what names the member.
fn plain(header: &mut Option<ResponseHeader>) -> i64 {
    let revision = header.map_or(0, |header| header.revision);
    *header = header.map(|_| ResponseHeader { revision, ..Default::default() });
    revision
}

impl Run<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.random.next() % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn key(&mut self) -> Bytes {
        const OWN: [&str; 8] =
            ["/app/again", "/app/often", "/lease/one", "/many/12/x", "/many/none", "/txn/b", "a", "\0"];
        match self.below(3) {
            0 => OWN[self.below(OWN.len())].into(),
            _ => format!("/r/{:02}", self.below(30)).into(),
        }
    }

    fn end(&mut self, key: &Bytes) -> Bytes {
        match self.below(6) {
            0 => "/r0".into(),
            1 => "\0".into(),
            2 => self.key(),
            3 => [key, &b"9"[..]].concat().into(),
            _ => Bytes::new(),
        }
    }

    fn revision(&mut self) -> i64 {
        match self.below(8) {
            0..4 => 0,
            4 => self.head - self.below(5) as i64,
            5 => self.head - self.below(200) as i64,
            6 => self.compacted,
            _ => self.head + 1 - self.below(3) as i64,
        }
    }

    fn value(&mut self) -> Bytes {
        let size = if self.one_in(20) { self.below(20_000) } else { self.below(20) };
        let byte = b'a' + self.below(26) as u8;
        vec![byte; size].into()
    }

    fn lease(&mut self) -> i64 {
        match self.below(5) {
            0 if !self.leases.is_empty() => self.leases[self.random.next() % self.leases.len()],
            1 if self.one_in(8) => 12345,
            _ => 0,
        }
    }

    fn put(&mut self) -> PutRequest {
        let (ignore_value, ignore_lease) = (self.one_in(10), self.one_in(10));
        PutRequest {
            key: self.key(),
            value: if ignore_value && !self.one_in(9) { Bytes::new() } else { self.value() },
            lease: if ignore_lease && !self.one_in(9) { 0 } else { self.lease() },
            prev_kv: self.one_in(2),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        let key = self.key();
        let range_end = if self.one_in(4) { self.end(&key) } else { Bytes::new() };
        // what is needed for the rest is not deleted at once
        let range_end = if range_end == "\0" && !self.one_in(50) { "/r0".into() } else { range_end };
        DeleteRangeRequest { key, range_end, prev_kv: self.one_in(2) }
    }

    fn range(&mut self) -> RangeRequest {
        let key = self.key();
        let bound = |run: &mut Self| if run.one_in(8) { run.head - run.below(300) as i64 } else { 0 };
        // the order of equal ones is not defined, so what is cut off is not
        let (limit, sort_target) = if self.one_in(2) { (self.below(6) as i64, 0) } else { (0, self.below(6) as i32) };
        RangeRequest {
            range_end: self.end(&key),
            key,
            limit,
            revision: self.revision(),
            sort_order: self.below(if self.done.is_multiple_of(50) { 4 } else { 3 }) as i32,
            sort_target,
            serializable: self.one_in(2),
            keys_only: self.one_in(4),
            count_only: self.one_in(8),
            min_mod_revision: bound(self),
            max_mod_revision: bound(self),
            min_create_revision: bound(self),
            max_create_revision: bound(self),
        }
    }

    fn compare(&mut self) -> Compare {
        use compare::TargetUnion;
        let key = self.key();
        let target = self.below(5) as i32;
        let near = |run: &mut Self| if run.one_in(2) { run.below(4) as i64 } else { run.head - run.below(100) as i64 };
        let target_union = match target {
            _ if self.one_in(10) => None,
            0 => Some(TargetUnion::Version(self.below(4) as i64)),
            1 => Some(TargetUnion::CreateRevision(near(self))),
            2 => Some(TargetUnion::ModRevision(near(self))),
            3 => Some(TargetUnion::Value(self.value())),
            _ => Some(TargetUnion::Lease(self.lease())),
        };
        Compare { result: self.below(4) as i32, target, key: key.clone(), range_end: self.end(&key), target_union }
    }

    fn operations(&mut self, depth: usize) -> Vec<RequestOp> {
        use request_op::Request;
        let count = self.below(4);
        let one = |run: &mut Self| match run.below(if depth > 0 { 8 } else { 7 }) {
            0..2 => Request::RequestRange(RangeRequest { sort_target: 0, ..run.range() }),
            2..5 => Request::RequestPut(run.put()),
            5..7 => Request::RequestDeleteRange(run.delete()),
            _ => Request::RequestTxn(run.txn(depth - 1)),
        };
        (0..count).map(|_| RequestOp { request: Some(one(self)) }).collect()
    }

    fn txn(&mut self, depth: usize) -> TxnRequest {
        let compares = self.below(3);
        TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success: self.operations(depth),
            failure: self.operations(depth),
        }
    }

    /// Sends a request to both, and compares what `plain` leaves of the answers.
    #[track_caller]
    fn both<Q: Message + Debug, A: Message + Debug + Default + PartialEq>(
        &mut self,
        method: &str,
        request: &Q,
        plain: impl Fn(&mut A) -> i64,
    ) -> Result<A, Refused> {
        let mut revision = 0;
        let [a, b] = [self.ours, self.theirs].map(|grpc| {
            let mut answer = grpc.call::<A>(method, request);
            if let Ok(answer) = &mut answer {
                revision = plain(answer);
            }
            answer
        });
        assert_eq!(a, b, "after {} requests, {method}: {request:?}", self.done);
        match &a {
            Ok(_) => self.head = revision.max(self.head),
            Err(_) => self.refused += 1,
        }
        a
    }

    fn step(&mut self) {
        self.done += 1;
        match self.below(100) {
            0..30 => {
                let request = self.put();
                let _ = self.both("KV/Put", &request, |a: &mut PutResponse| plain(&mut a.header));
            }
            30..38 => {
                let request = self.delete();
                let _ = self.both("KV/DeleteRange", &request, |a: &mut DeleteRangeResponse| plain(&mut a.header));
            }
            38..56 => {
                let request = self.range();
                let _ = self.both("KV/Range", &request, |a: &mut RangeResponse| {
                    if request.sort_target != 0 {
                        a.kvs.sort_by(|a, b| a.key.cmp(&b.key));
                    }
                    plain(&mut a.header)
                });
            }
            56..80 => {
                let request = self.txn(3);
                let _ = self.both("KV/Txn", &request, |a: &mut TxnResponse| plain(&mut a.header));
            }
            80..81 => self.compact(),
            81..92 => self.leases(),
            92..94 => {
                let revision = if self.one_in(2) { 0 } else { self.head - self.below(9) as i64 };
                // at the revision of a compaction a real etcd returns the sum that it took before
                if revision != self.compacted && self.head != self.compacted {
                    let request = HashKvRequest { revision };
                    let _ = self.both("Maintenance/HashKV", &request, |a: &mut HashKvResponse| plain(&mut a.header));
                }
            }
            _ => self.watch(),
        }
    }

    fn compact(&mut self) {
        // watches that are not yet where the others are would be cancelled at another time
        self.checkpoint();
        let revision = if self.one_in(4) { self.revision() } else { self.head - self.below(60) as i64 };
        let request = CompactionRequest { revision, physical: true };
        if self.both("KV/Compact", &request, |a: &mut CompactionResponse| plain(&mut a.header)).is_ok() {
            self.compacted = revision;
        }
    }

    fn leases(&mut self) {
        match self.below(6) {
            0..2 => {
                let id = if self.one_in(6) { 777 } else { 1000 + self.below(1_000_000) as i64 };
                let ttl = if self.one_in(20) { i64::MAX } else { 100_000 + self.below(1000) as i64 };
                let request = LeaseGrantRequest { ttl, id };
                let granted =
                    self.both("Lease/LeaseGrant", &request, |a: &mut LeaseGrantResponse| plain(&mut a.header));
                if granted.is_ok() {
                    self.leases.push(id);
                }
            }
            2 => {
                let id = self.lease().max(1);
                self.leases.retain(|have| *have != id);
                let request = LeaseRevokeRequest { id };
                let _ = self.both("Lease/LeaseRevoke", &request, |a: &mut LeaseRevokeResponse| plain(&mut a.header));
            }
            3..5 => {
                let request = LeaseTimeToLiveRequest { id: self.lease().max(1), keys: self.one_in(2) };
                let _ = self.both("Lease/LeaseTimeToLive", &request, |a: &mut LeaseTimeToLiveResponse| {
                    // time goes on between the two
                    a.ttl = a.ttl.min(1);
                    a.keys.sort();
                    plain(&mut a.header)
                });
            }
            _ => {
                let _ = self.both("Lease/LeaseLeases", &LeaseLeasesRequest {}, |a: &mut LeaseLeasesResponse| {
                    a.leases.sort_by_key(|lease| lease.id);
                    plain(&mut a.header)
                });
            }
        }
    }

    fn watch(&mut self) {
        if self.watches > 3 && self.one_in(2) {
            // one that is behind would not send the rest
            self.checkpoint();
            let watch_id = self.below(self.watches as usize) as i64;
            self.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
            return;
        }
        let key = self.key();
        let start_revision = match self.below(4) {
            0 => 0,
            1 => self.head + 1 + self.below(3) as i64,
            2 => self.compacted + self.below(3) as i64,
            _ => self.head - self.below(100) as i64,
        };
        let filters = if self.one_in(5) { vec![self.below(2) as i32] } else { Vec::new() };
        let watch_id = if self.one_in(6) { 1 + self.below(3) as i64 } else { 0 };
        let (prev_kv, fragment) = (self.one_in(2), self.one_in(2));
        let range_end = self.end(&key);
        self.watches += 1;
        self.ask(RequestUnion::CreateRequest(WatchCreateRequest {
            range_end,
            key,
            start_revision,
            filters,
            prev_kv,
            fragment,
            watch_id,
            progress_notify: false,
        }));
    }

    /// Sends a request to both, and waits until it is done: a second one is refused after it.
    fn ask(&mut self, request: RequestUnion) {
        let wrong = WatchCreateRequest { start_revision: -1, ..watch("b") };
        for (stream, seen) in self.streams.iter_mut().zip(&mut self.seen) {
            stream.ask(request.clone());
            stream.ask(RequestUnion::CreateRequest(wrong.clone()));
            let mut response = stream.must();
            while !response.cancel_reason.contains("compacted") {
                seen.take(response);
                response = stream.must();
            }
        }
    }

    /// Waits until both have sent all events, and compares them.
    #[track_caller]
    fn checkpoint(&mut self) {
        let request = PutRequest { key: "mark".into(), ..Default::default() };
        let _ = self.both("KV/Put", &request, |a: &mut PutResponse| plain(&mut a.header));
        // A real etcd looks at the watches that are behind every now and then, at all of them: when the second of two
        // watches of the past has its event, the others have all theirs.
        for _ in 0..2 {
            let probe = WatchCreateRequest { watch_id: PROBE, start_revision: self.head, ..watch("mark") };
            self.ask(RequestUnion::CreateRequest(probe));
            for (stream, seen) in self.streams.iter_mut().zip(&mut self.seen) {
                while !seen.probed {
                    seen.take(stream.must());
                }
                seen.probed = false;
            }
            self.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: PROBE }));
        }
        let [ours, theirs] = std::mem::take(&mut self.seen);
        self.sent += ours.count();
        let done = self.done;
        for (id, events) in &ours.events {
            let other = theirs.events.get(id).map(Vec::as_slice).unwrap_or_default();
            // recvLoop notes that prev_kv is wanted after the watch is made: what is sent before then lacks it
            let early = other.iter().take_while(|event| event.prev_kv.is_none()).count();
            let equal = |a: &Event, b: &Event| a == b || Event { prev_kv: None, ..a.clone() } == *b;
            let same = |(at, (a, b)): &(usize, (&Event, &Event))| if *at < early { equal(a, b) } else { a == b };
            let first = events.iter().zip(other).enumerate().find(|pair| !same(pair));
            assert_eq!((events.len(), first), (other.len(), None), "after {done} requests, watch {id}");
            self.early += usize::from(events.iter().zip(other).any(|(a, b)| a != b));
        }
        assert_eq!((ours.control, ours.events.len()), (theirs.control, theirs.events.len()), "after {done} requests");
    }
}

/// What a stream has sent.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// The events of each watch.
    events: BTreeMap<i64, Vec<Event>>,
    /// What is no event, of each watch.
    control: BTreeMap<i64, Vec<WatchResponse>>,
    /// Whether the probe has sent its event.
    probed: bool,
}

impl Seen {
    fn take(&mut self, mut response: WatchResponse) {
        let id = response.watch_id;
        if id == PROBE {
            self.probed |= !response.events.is_empty();
        } else if response.events.is_empty() {
            plain(&mut response.header);
            self.control.entry(id).or_default().push(response);
        } else {
            self.events.entry(id).or_default().append(&mut response.events);
        }
    }

    fn count(&self) -> usize {
        let events: usize = self.events.values().map(Vec::len).sum();
        events + self.control.values().map(Vec::len).sum::<usize>()
    }
}

//! The names of all findings: stable, so that scripts may depend on them.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($(#[doc = $doc:literal] $code:ident = $name:literal,)+) => {
        /// The kind of a [`Finding`](super::Finding). Its name, such as `page-id`, never changes its meaning.
        ///
        /// Ordered by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $doc] $code,)+
        }

        impl Code {
            /// All codes, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The name that is printed, in kebab case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }

            /// What a finding of this kind means, in a sentence or two.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => $doc.trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// An alarm is recorded, and a restore keeps the alarm unless it is disarmed. CORRUPT: a member found that its data differ from the others', so the backup is doubtful; NOSPACE is no doubt about the data. As an error: a record of the bucket `alarm` is not an AlarmMember that etcd writes.
    Alarm = "alarm",
    /// A restore keeps auth enabled, with the users and their passwords.
    Auth = "auth",
    /// Auth is enabled; a restore keeps auth enabled.
    AuthEnabled = "auth-enabled",
    /// The log does not hold a user's password as it is stored, because etcd hashes the password when it applies the entry.
    AuthPassword = "auth-password",
    /// A record of the bucket `authRoles` is not a Role, or has another name than its key; or a user has a role that does not exist.
    AuthRole = "auth-role",
    /// A record of the bucket `authUsers` is not a User, or has another name than its key; or auth is enabled without a user `root`.
    AuthUser = "auth-user",
    /// A value of the bucket `auth` has a form that etcd does not write.
    AuthValue = "auth-value",
    /// A branch page has no elements.
    BranchEmpty = "branch-empty",
    /// The header of a bucket is damaged.
    BucketHeader = "bucket-header",
    /// A bucket that every etcd makes is missing; without the bucket `key` the file is not an etcd backend.
    BucketMissing = "bucket-missing",
    /// The last revision of the old cluster is not known, so `--bump-revision auto` is a guess.
    BumpGuess = "bump-guess",
    /// The raised revision is not above all that the old cluster handed out.
    BumpLow = "bump-low",
    /// The input changed while it was read.
    Changed = "changed",
    /// A value of the bucket `cluster` cannot be read, or the cluster version is below 3.0 or from 4.0 on.
    ClusterValue = "cluster-value",
    /// A compaction is recorded as finished that was never scheduled.
    Compaction = "compaction",
    /// A compaction was scheduled and not finished; etcd finishes it when it starts.
    CompactionPending = "compaction-pending",
    /// `meta/confState` keeps the ids of the old voters; no etcd reads it.
    ConfState = "conf-state",
    /// A compressed file or archive is damaged or cut short.
    Container = "container",
    /// Only the keys go back to the earlier revision; members, leases, users and alarms do not.
    Cut = "cut",
    /// The db holds entries that the log does not reach.
    DbAhead = "db-ahead",
    /// It is not known whether a doubt file is beside the object, because the store refuses the request.
    DoubtUnknown = "doubt-unknown",
    /// A downgrade of the cluster is in progress; a restore keeps it.
    Downgrade = "downgrade",
    /// No key begins with a prefix that a restore is to remove.
    DropKey = "drop-key",
    /// The keys and values of a page are not where bbolt writes them: back to back, after the elements.
    ElementLayout = "element-layout",
    /// An element of a page reaches outside the page.
    ElementOutOfPage = "element-out-of-page",
    /// The elements of a page overlap.
    ElementOverlap = "element-overlap",
    /// Values are encrypted at rest, listed by provider and key.
    Encryption = "encryption",
    /// The version of etcd named by `--for-etcd` does not start on the result.
    ForEtcd = "for-etcd",
    /// The file is not an etcd snapshot.
    Foreign = "foreign",
    /// Pages of the file are free; they may still hold deleted values, Secrets too.
    FreePages = "free-pages",
    /// The freelist lists a page that the file does not have.
    FreelistBounds = "freelist-bounds",
    /// The freelist lists more pages than fit into it.
    FreelistCount = "freelist-count",
    /// The freelist lists a page twice.
    FreelistTwice = "freelist-twice",
    /// The page of the freelist is a page of another type.
    FreelistType = "freelist-type",
    /// A running etcd holds the file, so what is read may be inconsistent.
    InUse = "in-use",
    /// A key is outside the range that its branch gives the page.
    KeyBounds = "key-bounds",
    /// A record does not continue the history of its key: its version or create_revision does not follow the record before, it deletes a key that does not exist, or the last compaction should have removed it.
    KeyHistory = "key-history",
    /// The keys of a page are not in order, or one is there twice.
    KeyOrder = "key-order",
    /// A key is empty or longer than bbolt allows.
    KeySize = "key-size",
    /// A value of the bucket `key` is not a KeyValue.
    KeyValue = "key-value",
    /// A leaf page below a branch has no elements.
    LeafEmpty = "leaf-empty",
    /// A member that was a learner becomes a voter.
    Learner = "learner",
    /// A record of the bucket `lease` is not a Lease, has another id than its key, or a TTL that etcd does not grant.
    Lease = "lease",
    /// Keys reference leases that do not exist; these keys never expire.
    LeaseMissing = "lease-missing",
    /// A restore keeps the leases.
    Leases = "leases",
    /// A member advertises a loopback address to the other members.
    Localhost = "localhost",
    /// The log does not begin with the first entry, and no snapshot covers the entries before.
    LogBegin = "log-begin",
    /// The file is the db of a data directory, and the log beside it, which may hold later entries, is not read.
    LogBeside = "log-beside",
    /// An entry of the log cannot be applied: etcd panics when it applies the entry.
    LogEntry = "log-entry",
    /// Entries of the log cannot be reached, because entries before them are missing.
    LogGap = "log-gap",
    /// Entries of the log are left out of the restored data.
    LogNotApplied = "log-not-applied",
    /// The log may be of another member, or of an earlier life of this one: the last entry in the db has another term in the log, or its last entries write other changes than the db holds; as an error: the log is of a member that is not in the backup, or the db was restored, and the log knows of no restore.
    LogOfAnother = "log-of-another",
    /// Entries of the log are past the last commit on disk; etcd may have acknowledged these writes to clients.
    LogPastCommit = "log-past-commit",
    /// The db does not hold all committed entries of the log; etcd applies them when it starts.
    LogUnapplied = "log-unapplied",
    /// The input was made from a doubtful or damaged backup, as the doubt file beside it records.
    MadeInDoubt = "made-in-doubt",
    /// The member's id, term and indexes; as an error: a record of the bucket `members` cannot be read.
    Member = "member",
    /// A key of the bucket `members` or `members_removed` is not a member id.
    MemberId = "member-id",
    /// A member is listed as removed from the cluster.
    MemberRemoved = "member-removed",
    /// The member lists of the db, the v2store and the log differ.
    MembersDiffer = "members-differ",
    /// Members of the snapshot are not members of the restored cluster.
    MembersGone = "members-gone",
    /// The file was written on a big-endian machine.
    MetaBigEndian = "meta-big-endian",
    /// Both meta pages are damaged, so nothing shows which pages are in use.
    MetaBothInvalid = "meta-both-invalid",
    /// One of the two meta pages is damaged; the other is used.
    MetaInvalid = "meta-invalid",
    /// The transaction number of the meta page is larger than any that bbolt reaches.
    MetaTxid = "meta-txid",
    /// A value of the bucket `meta` cannot be read, or no etcd writes the storage version: it is below 3.6 or from 4.0 on.
    MetaValue = "meta-value",
    /// A bucket contains a bucket; etcd writes none.
    NestedBucket = "nested-bucket",
    /// The revision is not raised, so watches from later revisions receive no events and no error.
    NoBump = "no-bump",
    /// A data directory has no log; writes that only the log held are missing.
    NoLog = "no-log",
    /// What was asked for is not in the backup: an object, a kind, or a revision that its log reaches.
    NotFound = "not-found",
    /// The input does not hold exactly one snapshot.
    NotOneSnapshot = "not-one-snapshot",
    /// One member's directory is restored, of a cluster with more than two voters; writes that the others acknowledged may be missing.
    OneOfSeveral = "one-of-several",
    /// Keys reference leases that had expired or were revoked by the last revision of the db.
    Orphans = "orphans",
    /// A page is beyond the end of the file.
    PageBeyondEnd = "page-beyond-end",
    /// The header of a page has the number of another page.
    PageId = "page-id",
    /// A page is referenced more than once.
    PageMultipleReferences = "page-multiple-references",
    /// A page number is beyond the high-water mark.
    PageOutOfBounds = "page-out-of-bounds",
    /// The overflow pages of a page reach beyond the high-water mark.
    PageOverflow = "page-overflow",
    /// A page is in use, but the freelist lists it.
    PageReachableFree = "page-reachable-free",
    /// A page has another type than its place requires.
    PageType = "page-type",
    /// A page is neither in use nor listed as free.
    PageUnreachable = "page-unreachable",
    /// A backup of `--past` is damaged: it may have held higher revisions than those that could be read.
    PastDamaged = "past-damaged",
    /// The db may be over the quota of etcd, so that the first write raises the alarm NOSPACE again.
    Quota = "quota",
    /// A record of the bucket `key` is inconsistent in itself.
    Record = "record",
    /// Records are missing between two revisions, or before the first.
    RevisionGap = "revision-gap",
    /// A key of the bucket `key` is not a revision.
    RevisionKey = "revision-key",
    /// The root bucket holds a key that is not a bucket.
    RootKey = "root-key",
    /// Members of the restored cluster have the ids of old members.
    SameIds = "same-ids",
    /// There are bytes between the end of the database and the trailer.
    SizeMismatch = "size-mismatch",
    /// A `.snap` file cannot be read.
    Snap = "snap",
    /// A snapshot of the log is ahead of the db, and its `.snap.db` file is missing.
    SnapAhead = "snap-ahead",
    /// A `.snap` file is damaged; etcd sets it aside.
    SnapBroken = "snap-broken",
    /// A snapshot of the log is ahead of the db; etcd uses its `.snap.db` file instead.
    SnapDb = "snap-db",
    /// A version of etcd does not start on the result.
    StartsOn = "starts-on",
    /// There is no SHA-256 trailer, so nothing proves the values.
    TrailerAbsent = "trailer-absent",
    /// The SHA-256 trailer does not match the content.
    TrailerMismatch = "trailer-mismatch",
    /// The file is shorter than its meta page requires.
    Truncated = "truncated",
    /// Entries past the last commit on disk are restored.
    Uncommitted = "uncommitted",
    /// A key is in a bucket that etcd does not have.
    UnknownBucket = "unknown-bucket",
    /// A key of a small bucket is not one that etcd writes.
    UnknownKey = "unknown-key",
    /// The system could not read the file.
    Unreadable = "unreadable",
    /// Members of the snapshot never started, and have no name.
    Unstarted = "unstarted",
    /// The log ends before the last committed entry.
    WalCommit = "wal-commit",
    /// The checksum of a log record does not match.
    WalCrc = "wal-crc",
    /// Intact entries follow the torn end of the log; etcd cuts them off when it starts.
    WalCutOff = "wal-cut-off",
    /// The log has no segment, or nothing in it can be read.
    WalEmpty = "wal-empty",
    /// A raft entry of the log is damaged, or none that etcd writes.
    WalEntry = "wal-entry",
    /// The length word of a log record is damaged.
    WalFrame = "wal-frame",
    /// Entries of the log are missing.
    WalGap = "wal-gap",
    /// The metadata record of the log is missing, damaged, or of another member.
    WalMetadata = "wal-metadata",
    /// Damaged records overlap each other; the rest of the segment is left out.
    WalOverlap = "wal-overlap",
    /// A record of the log cannot be decoded, or has a type that etcd does not know.
    WalRecord = "wal-record",
    /// An entry of the log is not a request that etcd makes.
    WalRequest = "wal-request",
    /// The name or the sequence number of a segment does not fit.
    WalSequence = "wal-sequence",
    /// A snapshot record of the log is damaged, or does not fit the entries.
    WalSnapshot = "wal-snapshot",
    /// A hard state of the log is damaged, or goes back.
    WalState = "wal-state",
    /// The end of the log is torn; etcd cuts the log off there when it starts.
    WalTorn = "wal-torn",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_the_order_of_their_names() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.name() < b.name() && a < b));
    }
}

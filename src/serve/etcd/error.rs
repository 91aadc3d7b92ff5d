//! etcd's errors, in its words (`api/v3rpc/rpctypes/error.go`), and those of a backup.

use tonic::{Code, Status};

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident: $code:ident, $text:literal;)*) => {
        $(
            $(#[$doc])*
            pub(super) fn $name() -> Status {
                Status::new(Code::$code, $text)
            }
        )*
    };
}

errors! {
    empty_key: InvalidArgument, "etcdserver: key is not provided";
    key_not_found: InvalidArgument, "etcdserver: key not found";
    value_provided: InvalidArgument, "etcdserver: value is provided";
    lease_provided: InvalidArgument, "etcdserver: lease is provided";
    too_many_ops: InvalidArgument, "etcdserver: too many operations in txn request";
    duplicate_key: InvalidArgument, "etcdserver: duplicate key given in txn request";
    invalid_sort: InvalidArgument, "etcdserver: invalid sort option";
    too_large: InvalidArgument, "etcdserver: request is too large";
    compacted: OutOfRange, "etcdserver: mvcc: required revision has been compacted";
    future_revision: OutOfRange, "etcdserver: mvcc: required revision is a future revision";
    no_space: ResourceExhausted, "etcdserver: mvcc: database space exceeded";
    lease_not_found: NotFound, "etcdserver: requested lease not found";
    lease_exists: FailedPrecondition, "etcdserver: lease already exists";
    lease_too_large: OutOfRange, "etcdserver: too large lease TTL";
    auth_not_enabled: FailedPrecondition, "etcdserver: authentication is not enabled";
    user_not_found: FailedPrecondition, "etcdserver: user name not found";
    role_not_found: FailedPrecondition, "etcdserver: role name not found";
}

/// A write, where there is no overlay.
pub(super) fn read_only() -> Status {
    Status::failed_precondition(
        "this is a backup, and nothing was changed; `etcdsnap serve --overlay` takes writes in memory",
    )
}

/// What a backup has nothing of.
pub(super) fn of_a_cluster() -> Status {
    Status::failed_precondition("this is a backup, not a cluster: nothing was changed")
}

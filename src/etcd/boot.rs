//! What each etcd version does when it starts on a backend.

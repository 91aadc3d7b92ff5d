//! The messages and services of etcd's v3 API, generated from the `.proto` files of `go.etcd.io/etcd/api/v3@v3.7.3` by
//! `tonic-prost-build` with `protox`: without clients and comments, `bytes` as `Bytes`, a default for each method.

#![allow(clippy::all, clippy::use_self, clippy::semicolon_if_nothing_returned, clippy::explicit_iter_loop)]
#![allow(clippy::redundant_closure_for_method_calls, clippy::arithmetic_side_effects)]
#![allow(missing_docs, unreachable_pub, dead_code, rustdoc::all)]

pub mod authpb;
pub mod etcdserverpb;
pub mod mvccpb;

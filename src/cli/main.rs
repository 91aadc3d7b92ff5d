//! etcdsnap: the command line.

fn main() {}

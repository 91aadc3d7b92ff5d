//! The fuzzer: one binary for all targets. `FUZZ_TARGET` names the target; `FUZZ_SEEDS=DIR` writes its seeds and ends.
//!
//! An input fails a target when it panics, when it takes more than libFuzzer's `-timeout`, or when the peak of the heap
//! is more than a multiple of its size ([`memory`]).

#![no_main]

mod memory;
mod mend;
mod seeds;
mod targets;

use std::{path::Path, process::exit, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

#[global_allocator]
static HEAP: memory::Counting = memory::Counting;

fuzz_target!(
    init: {
        let target = target();
        if let Some(dir) = std::env::var_os("FUZZ_SEEDS") {
            seeds::write(target.name, Path::new(&dir));
            exit(0);
        }
        // one thread: an input has the same coverage in every run, and no time goes to waking others
        let threads = rayon::ThreadPoolBuilder::new().num_threads(1);
        // `salvage` has a thread that waits for what it gives to the pool
        let threads = if target.name == "salvage" { threads } else { threads.use_current_thread() };
        threads.build_global().expect("a pool of one thread");
    },
    |data: &[u8]| {
        let target = target();
        let (peak, ()) = memory::peak(|| (target.run)(data));
        let limit = target.heap(data) + memory::FACTOR * data.len();
        assert!(peak <= limit, "{} bytes of input, {peak} bytes of heap, more than {limit}", data.len());
    }
);

/// The target that `FUZZ_TARGET` names.
fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("FUZZ_TARGET is one of: {}", names.join(" "));
            exit(2)
        })
    })
}

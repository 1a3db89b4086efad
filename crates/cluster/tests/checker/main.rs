//! Random calls of real processes over one engine, recorded by one clock and judged afterwards.
//!
//! `kit` knows no engine, and the tests of other engines run it as well. `COALESCER_STRESS_SECONDS` is the time of
//! each run; without it a run takes some seconds.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]

mod kit;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use coalescer_cluster::{Cluster, Files};

use kit::{Plan, work};

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("coalescer-checker-{}-{name}", std::process::id());
        // In memory: a rename on a disk may wait for the disk.
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        Self(place.join(name))
    }

    fn address(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn open(address: &str) -> Cluster {
    // On a busy machine a step takes long, and that is no fault.
    let cluster = Cluster::over(Files::open(address).unwrap()).op_timeout(Duration::from_secs(1));
    cluster.namespace("checker").open().unwrap()
}

#[test]
#[ignore = "a process of the other tests"]
fn worker() {
    work(open);
}

/// C1, C4, C5, C20, C24, and that everybody returns.
#[test]
fn no_promise_is_broken_by_four_processes_of_four_threads() {
    let folder = Folder::new("4x4");
    let plan = Plan { processes: 4, threads: 4, faults: false, seed: 1 };
    kit::run("worker", folder.address(), plan);
}

#[test]
fn no_promise_is_broken_by_eight_processes_of_eight_threads() {
    let folder = Folder::new("8x8");
    let plan = Plan { processes: 8, threads: 8, faults: false, seed: 2 };
    kit::run("worker", folder.address(), plan);
}

/// C4, C5, and that everybody returns: these hold always.
#[test]
fn processes_that_are_killed_or_stopped_make_no_answer_wrong() {
    let folder = Folder::new("faults");
    let plan = Plan { processes: 4, threads: 4, faults: true, seed: 3 };
    kit::run("worker", folder.address(), plan);
}

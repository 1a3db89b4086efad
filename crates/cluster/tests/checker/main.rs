//! Random calls of real processes over one engine, recorded by one clock and judged afterwards.
//!
//! `kit` knows no engine, and the tests of other engines run it as well. `COALESCER_STRESS_SECONDS` is the time of
//! each run; without it a run takes some seconds. `COALESCER_STRESS_SEED` chooses other faults.

#![cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod kit;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coalescer_cluster::{Cluster, Files};

use kit::{Dice, Fault, Faults, Plan, work};

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

/// A run over a folder of its own.
fn run(folder: &Folder, processes: usize, threads: u64, faults: Faults<'_>, seed: u64) {
    let addresses = &vec![folder.address().to_owned(); processes];
    kit::run(&Plan { worker: "worker", addresses, threads, faults, seed });
}

/// C1, C4, C5, C20, C24, and that everybody returns.
#[test]
fn no_promise_is_broken_by_four_processes_of_four_threads() {
    run(&Folder::new("4x4"), 4, 4, Faults::None, 1);
}

#[test]
fn no_promise_is_broken_by_eight_processes_of_eight_threads() {
    run(&Folder::new("8x8"), 8, 8, Faults::None, 2);
}

/// C4, C5, and that everybody returns: these hold always.
#[test]
fn processes_that_are_killed_or_stopped_make_no_answer_wrong() {
    run(&Folder::new("faults"), 4, 4, Faults::Random(&[]), kit::seed(3));
}

/// The same, while somebody writes over states and outcomes, or removes them.
#[test]
fn files_that_somebody_damages_make_no_answer_wrong() {
    let folder = Folder::new("damage");
    let damage: Fault<'_> = &|dice| damage(&folder.0, dice);
    run(&folder, 4, 4, Faults::Random(&[damage]), kit::seed(4));
}

/// Damages half of the files: by nothing, by bytes of anybody, or by a file of another key. (An older outcome of the same
/// key would be believed: who may write to the folder may answer for the function.)
fn damage(folder: &Path, dice: &mut Dice) {
    let inner = fs::read_dir(folder).into_iter().flatten().flatten();
    let all = inner.flat_map(|boot| fs::read_dir(boot.path()).into_iter().flatten().flatten());
    let is_known = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name != "lock" && !name.ends_with("new") && !name.ends_with("mark")
    };
    let files: Vec<_> = all.map(|file| file.path()).filter(is_known).collect();
    let key = |path: &Path| path.file_name().unwrap().to_str().unwrap()[..32].to_owned();
    for file in &files {
        // A file may go at any time.
        match dice.below(8) {
            0 => drop(fs::remove_file(file)),
            1 => drop(fs::write(file, [7; 100])),
            2 => drop(fs::write(file, [])),
            3 => {
                let other = &files[dice.below(files.len() as u64) as usize];
                if key(other) != key(file) {
                    fs::copy(other, file).ok();
                }
            }
            _ => {}
        }
    }
}

//! Every way out ends every process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{LIMIT, signal, stampede, turn};

const ENDLESS: [&str; 4] = ["--processes=3", "--threads=2", "--phase=10min", "--json"];

/// A run that does not end by itself.
struct Run {
    child: Child,
    /// The ids of its workers.
    workers: Vec<u32>,
    /// The folders that they use.
    folders: Vec<PathBuf>,
}

impl Drop for Run {
    fn drop(&mut self) {
        // After a test that failed, it would go on.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a run, and returns when its workers call. From then on its stderr is closed, as that of a terminal that has
/// gone.
fn started() -> Run {
    let mut child = stampede(&ENDLESS).spawn().expect("the program was built with its tests");
    let lines = BufReader::new(child.stderr.take().expect("stderr is a pipe")).lines();
    let calls = lines.map_while(Result::ok).find(|line| line.starts_with("off "));
    assert!(calls.is_some(), "the run did not begin");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    // The kernel lists the children of each thread; the main thread starts the workers.
    let children = fs::read_to_string(children).expect("the kernel lists children");
    let workers: Vec<u32> =
        children.split_whitespace().map(|id| id.parse().expect("an id")).collect();
    let folders = workers.iter().flat_map(|id| folders(*id)).collect();
    Run { child, workers, folders }
}

fn folders(worker: u32) -> [PathBuf; 2] {
    let variables = fs::read(format!("/proc/{worker}/environ")).expect("the worker runs");
    let variables = String::from_utf8_lossy(&variables).into_owned();
    let job = variables.split('\0').find_map(|line| line.strip_prefix("STAMPEDE_WORKER="));
    let job: Value = serde_json::from_str(job.expect("it is a worker")).expect("a job is JSON");
    let path = |value: &Value| PathBuf::from(value.as_str().expect("a path"));
    [path(&job["table"]), path(&job["address"]["Files"])]
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Run {
    /// Its exit code, when it has ended.
    fn code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the run does not end", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    fn assert_workers_ended(&self) {
        assert_eq!(self.workers.len(), 3);
        wait_until("a worker outlives the run", || self.workers.iter().all(|id| !is_alive(*id)));
    }

    fn assert_removed(&self) {
        assert!(self.folders.iter().all(|path| !path.exists()), "{:?}", self.folders);
    }
}

/// A process that has ended, and whom nobody has waited for, is not alive.
fn is_alive(id: u32) -> bool {
    let Ok(stat) = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")) else {
        return false;
    };
    !stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z'))
}

#[test]
fn a_signal_ends_all_processes_and_removes_their_folders() {
    let _turn = turn();
    for name in ["INT", "TERM"] {
        let mut run = started();
        signal(name, run.child.id());
        assert_eq!(run.code(), Some(130));
        run.assert_workers_ended();
        run.assert_removed();
    }
}

#[test]
fn a_worker_that_is_killed_by_somebody_ends_the_run() {
    let _turn = turn();
    let mut run = started();
    signal("KILL", run.workers[0]);
    assert_eq!(run.code(), Some(1));
    run.assert_workers_ended();
    run.assert_removed();
}

#[test]
fn the_workers_do_not_outlive_a_parent_that_is_killed() {
    let _turn = turn();
    let mut run = started();
    signal("KILL", run.child.id());
    assert_eq!(run.code(), None);
    run.assert_workers_ended();
    // Nobody is left who could remove them.
    for folder in &run.folders {
        let folder = folder.parent().expect("it is in a folder of the run");
        fs::remove_dir_all(folder).ok();
    }
}

//! Processors and classes of threads, set by the programs of util-linux.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::scene::Scene;
use crate::watchdog::wait_until;

/// One scene at a time: they all use one processor.
pub(crate) static PROCESSOR: Mutex<()> = Mutex::new(());

/// Returns true if this system lets a thread set its class and its processor.
pub(crate) fn can_set_priorities() -> bool {
    let can = cfg!(target_os = "linux")
        && thread::spawn(|| pin() && set_idle(&own_directory())).join().expect("it does not panic");
    if !can {
        let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        assert!(!is_ci || cfg!(not(target_os = "linux")), "`taskset` and `chrt` do not work here");
        eprintln!("SKIPPED: this test needs Linux, and `taskset` and `chrt` of util-linux");
    }
    can
}

/// Runs a scene on one processor, together with threads that never sleep once its herd sleeps.
pub(crate) fn on_one_processor(scene: Scene, threads: usize, idle: usize) -> Duration {
    let run = move || {
        assert!(pin(), "it has worked before");
        let is_over = AtomicBool::new(false);
        thread::scope(|s| {
            let busy = || (0..2).for_each(|_| drop(s.spawn(|| spin(&is_over))));
            let took = scene(threads, idle, &busy);
            is_over.store(true, Ordering::Relaxed);
            took
        })
    };
    thread::spawn(run).join().expect("no thread of the scene panics")
}

fn spin(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// The directory of the calling thread in `/proc`.
pub(crate) fn own_directory() -> PathBuf {
    let link = std::fs::read_link("/proc/thread-self").expect("Linux has it");
    PathBuf::from("/proc").join(link)
}

/// Waits until the thread with this directory sleeps.
pub(crate) fn wait_for_sleep(thread: &Path) {
    wait_until(|| {
        let stat = std::fs::read_to_string(thread.join("stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    });
}

/// Ties this thread, and those that it starts, to the first processor that it may use.
fn pin() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/thread-self/status") else { return false };
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = allowed.and_then(|list| list.trim().split([',', '-']).next());
    first.is_some_and(|first| set(&own_directory(), "taskset", &["-pc", first]))
}

/// Puts the thread with this directory into the class that runs when no other wants to.
pub(crate) fn set_idle(thread: &Path) -> bool {
    set(thread, "chrt", &["--idle", "--pid", "0"])
}

/// Puts it back into the class of the others, if this user may, so that the test soon ends.
pub(crate) fn set_ordinary(thread: &Path) {
    set(thread, "chrt", &["--other", "--pid", "0"]);
}

fn set(thread: &Path, program: &str, arguments: &[&str]) -> bool {
    let number = thread.file_name().expect("a thread has a number");
    let mut command = Command::new(program);
    command.args(arguments).arg(number).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

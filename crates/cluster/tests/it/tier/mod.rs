//! The tier: several clusters over one engine in one process are as several processes.

mod faults;
mod forgetting;
mod own_keys;
mod scripted;
mod settings;
mod sharing;
pub(crate) mod sites;
#[cfg(feature = "tracing")]
mod spans;
pub(crate) mod suite;
mod tables;
mod unsteady;
mod waiting;
mod words;

pub(crate) use sites::*;

/// Runs a test in a process of its own, which other tests do not disturb. Returns false in the first process.
#[cfg(any(target_os = "linux", feature = "tracing"))]
pub(crate) fn is_alone(test: &str) -> bool {
    const ALONE: &str = "COALESCER_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    let run = process.args(["--exact", test]).env(ALONE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "there is no test of this name: {printed}");
    false
}

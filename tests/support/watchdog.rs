//! A watchdog for the tests of all packages, because the failure to expect is a hang.

use std::io::Write;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than any test takes, even on a busy machine. `COALESCER_WATCHDOG` is another number of
/// seconds: fewer where a hang is expected, and more under an interpreter.
fn limit() -> Duration {
    let seconds = std::env::var("COALESCER_WATCHDOG").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

/// Runs a test on a thread of its own. If it hangs, says so by name and ends the process.
pub(crate) fn watched(test: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (done, is_done) = channel::<()>();
    let body = move || {
        // Dropped when the test returns and when it panics.
        let _done = done;
        test();
    };
    let running =
        thread::Builder::new().name(name.clone()).spawn(body).expect("a thread for the test");
    if is_done.recv_timeout(limit()) == Err(RecvTimeoutError::Timeout) {
        // Written past the capture of the test harness, which an abort would lose.
        let report =
            format!("{name} hangs; run it alone with --nocapture to see how far it gets\n");
        std::io::stderr().write_all(report.as_bytes()).ok();
        std::process::abort();
    }
    if let Err(panic) = running.join() {
        resume_unwind(panic);
    }
}

/// Waits for what another thread is about to do.
#[track_caller]
pub(crate) fn wait_until(happened: impl Fn() -> bool) {
    let (begin, patience) = (Instant::now(), limit() / 2);
    while !happened() {
        assert!(begin.elapsed() < patience, "what the test waits for does not happen");
        thread::yield_now();
    }
}

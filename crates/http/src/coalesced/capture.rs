//! [`Captured`]: the executor of a group whose runs are begun and ended by hooks.
//!
//! A flight of such a group is led by whoever holds its [`Job`]. The job of a request that leads is passed to this
//! executor while the request [`submit`s](capture), on the same thread, and is handed back there. It runs when the
//! response is there ([`run`]), and its function only takes the page.
//!
//! ```text
//! submit ── spawn ──┬─ within `capture` ───────────────────▶ the job is handed back
//!                   ├─ within `run` of an unshared page ───▶ runs: its call learns that the page is not for it
//!                   └─ else, when a leader was lost ───────▶ dropped: its call is told, and asks again
//! ```

use std::cell::RefCell;
use std::mem;

use coalescer::{Executor, Job, Rejected};

use crate::verdict::Unshared;

/// The way of a job that the group passes on to this thread.
#[derive(Default)]
enum Now {
    #[default]
    Drops,
    Runs(Unshared),
    Captures(Option<Job>),
}

thread_local! {
    static NOW: RefCell<Now> = const { RefCell::new(Now::Drops) };
}

/// Puts the thread's state back at the end, also if something unwinds.
struct Restore(Now);

impl Drop for Restore {
    fn drop(&mut self) {
        let before = mem::take(&mut self.0);
        // A job that is still there is dropped after the state is back: its drop can pass jobs on.
        let _left = NOW.with_borrow_mut(|now| mem::replace(now, before));
    }
}

fn set(now: Now) -> Restore {
    Restore(NOW.with_borrow_mut(|old| mem::replace(old, now)))
}

/// Runs `submit`, and returns the job that it passed on, if it did.
pub(super) fn capture<T>(submit: impl FnOnce() -> T) -> (T, Option<Job>) {
    let _restore = set(Now::Captures(None));
    let submitted = submit();
    let job = NOW.with_borrow_mut(|now| match now {
        Now::Captures(job) => job.take(),
        Now::Drops | Now::Runs(_) => None,
    });
    (submitted, job)
}

/// Runs the job of a leader, whose page is there. If that is for its own request alone, the functions of its followers
/// run too, and get the [`reason`] for a page.
pub(super) fn run(job: Job, unshared: Option<Unshared>) {
    let _restore = set(unshared.map_or(Now::Drops, Now::Runs));
    job.run();
}

/// The reason why the page is for its own request alone whose job runs now.
pub(super) fn reason() -> Option<Unshared> {
    NOW.with_borrow(|now| match now {
        Now::Runs(reason) => Some(*reason),
        Now::Drops | Now::Captures(_) => None,
    })
}

/// The executor. It never blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Captured;

impl Executor for Captured {
    fn spawn(&self, job: Job) -> Result<(), Rejected> {
        let job = NOW.with_borrow_mut(|now| match now {
            Now::Captures(captured @ None) => {
                *captured = Some(job);
                None
            }
            Now::Captures(Some(_)) | Now::Drops => Some((job, false)),
            Now::Runs(_) => Some((job, true)),
        });
        // Outside the borrow: both run code that may come back here.
        match job {
            Some((job, true)) => job.run(),
            Some((job, false)) => drop(job),
            None => {}
        }
        Ok(())
    }

    fn never_blocks(&self) -> bool {
        true
    }
}

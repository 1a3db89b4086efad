//! A function takes longer than results are kept. The situation shows if its own result is kept.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use super::crew::{Seen, call};
use super::{NO_API, Situation, Subject};
use crate::contender::{Answer, Wish};

/// How long results are kept.
const WINDOW: Duration = Duration::from_millis(100);

/// How long the function takes.
const LONGER: Duration = Duration::from_millis(150);

/// The number of tries, because the machine may be too slow for the second call in time.
const TRIES: usize = 5;

/// A call that comes right after a function that took longer than the window.
pub const OLD_VALUE: Situation = Situation {
    title: "Serves a value whose computation began longer ago than the window",
    key: "old_value",
    see: old_value,
};

fn old_value(subject: &Subject) -> String {
    if (subject.make)(Wish::Window(WINDOW)).is_none() {
        return format!("{NO_API} (no window)");
    }
    let seen: Vec<_> = (0..TRIES).map(|_| second_answer(subject)).collect();
    if seen.contains(&Seen::Returned(Answer::Value(1))) {
        return "yes".into();
    }
    if seen.iter().all(|seen| *seen == Seen::Returned(Answer::Value(2))) {
        return "no".into();
    }
    format!("{seen:?}")
}

/// Loads twice in a row, and returns the result of the second call.
fn second_answer(subject: &Subject) -> Seen<Answer> {
    let peer = subject.at_best(Wish::Window(WINDOW));
    let caller = call(move || {
        let executions = AtomicU64::new(0);
        let function = || {
            // A real sleep: moka's clock cannot be moved from outside.
            thread::sleep(LONGER);
            Ok(executions.fetch_add(1, SeqCst) + 1)
        };
        peer.load(1, &function);
        peer.load(1, &function)
    });
    caller.seen()
}

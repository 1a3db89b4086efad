//! One function is slow. The situations show which calls wait for it, and for how long.

use std::sync::Arc;
use std::time::Duration;

use super::crew::{Caller, Seen, call};
use super::{NO_API, Situation, Slow, Subject};
use crate::contender::{Answer, Watched, Wish};

/// How long a call is willing to wait, or a leader may take.
const SHORT: Duration = Duration::from_millis(50);

/// A call of a key other than the slow function's.
pub const OTHER_KEY: Situation = Situation {
    title: "A slow function holds up calls of other keys",
    key: "other_key",
    see: other_key,
};

/// A call with a bound on its wait for the slow function.
pub const DEADLINE: Situation =
    Situation { title: "A call's wait can have a deadline", key: "deadline", see: deadline };

/// Calls that wait for a function that does not return, where one of them could run its own.
pub const STUCK_LEADER: Situation = Situation {
    title: "Calls that wait for a stuck function",
    key: "stuck_leader",
    see: stuck_leader,
};

fn other_key(subject: &Subject) -> String {
    let equal_hashes = (subject.make)(Wish::EqualHashes).map(holds_up);
    match (holds_up(subject.plain()), equal_hashes) {
        (Some(false), Some(Some(false))) => "no, not even with equal hashes".into(),
        (Some(false), None) => "no".into(),
        (Some(true), None) => "yes".into(),
        other => format!("{other:?}"),
    }
}

/// True if a slow function of key 1 holds up a call of key 2.
fn holds_up(peer: Arc<dyn Watched>) -> Option<bool> {
    let _slow = Slow::start(&peer);
    match call(move || peer.load(2, &|| Ok(2))).seen() {
        Seen::Returned(Answer::Value(2)) => Some(false),
        Seen::Hangs => Some(true),
        _ => None,
    }
}

fn deadline(subject: &Subject) -> String {
    let peer = subject.plain();
    let _slow = Slow::start(&peer);
    match call(move || peer.load_for(1, SHORT, &|| Ok(2))).seen() {
        Seen::Returned(None) => NO_API.into(),
        Seen::Returned(Some(Answer::TimedOut)) => "yes".into(),
        other => format!("{other:?}"),
    }
}

fn stuck_leader(subject: &Subject) -> String {
    let peer = subject.at_best(Wish::LeaderTimeout(SHORT));
    let slow = Slow::start(&peer);
    let waiting = [2, 3].map(|own| {
        let peer = Arc::clone(&peer);
        call(move || peer.load(1, &|| Ok(own)))
    });
    match waiting.each_ref().map(Caller::seen) {
        [Seen::Hangs, Seen::Hangs] => {
            slow.end();
            let ends = waiting.each_ref().map(Caller::seen);
            let [Seen::Returned(_), Seen::Returned(_)] = ends else { return format!("{ends:?}") };
            format!("wait until it ends ({NO_API})")
        }
        [Seen::Returned(Answer::Value(a)), Seen::Returned(Answer::Value(b))] if a == b && a > 1 => {
            "one takes over, all get its value".into()
        }
        other => format!("{other:?}"),
    }
}

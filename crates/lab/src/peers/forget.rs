//! A key is forgotten while its function runs, as after a write. The situations show which later calls
//! get the old value.

use std::sync::Arc;

use super::crew::{Caller, Seen, call};
use super::{NO_API, Situation, Slow, Subject};
use crate::contender::{Answer, Watched, Wish};

/// A call that comes after the key was forgotten, while the old function still runs.
pub const JOINED: Situation = Situation {
    title: "Forgotten while loading: a call that comes before the old function ends",
    key: "forgotten_joined",
    see: joined,
};

/// A call that comes after the old function has ended, too.
pub const KEPT: Situation = Situation {
    title: "Forgotten while loading: a call that comes after it has ended",
    key: "forgotten_kept",
    see: kept,
};

fn joined(subject: &Subject) -> String {
    let peer = subject.at_best(Wish::Keeping);
    let slow = Slow::start(&peer);
    let Some(()) = forget(&peer) else { return NO_API.into() };
    let late = ask(&peer);
    value(match late.seen() {
        Seen::Hangs => {
            // The call waits for the old function. Its result shows if it gets the old value.
            slow.end();
            late.seen()
        }
        seen => seen,
    })
}

fn kept(subject: &Subject) -> String {
    let peer = subject.at_best(Wish::Keeping);
    let slow = Slow::start(&peer);
    let Some(()) = forget(&peer) else { return NO_API.into() };
    slow.end();
    value(ask(&peer).seen())
}

/// Forgets the key; a call that hung would count as one that cannot be made.
fn forget(peer: &Arc<dyn Watched>) -> Option<()> {
    let peer = Arc::clone(peer);
    match call(move || peer.forget(1)).seen() {
        Seen::Returned(done) => done,
        Seen::Panicked | Seen::Hangs => None,
    }
}

fn ask(peer: &Arc<dyn Watched>) -> Caller<Answer> {
    let peer = Arc::clone(peer);
    call(move || peer.load(1, &|| Ok(2)))
}

fn value(seen: Seen<Answer>) -> String {
    match seen {
        Seen::Returned(Answer::Value(1)) => "gets the old value".into(),
        Seen::Returned(Answer::Value(2)) => "runs anew".into(),
        other => format!("{other:?}"),
    }
}

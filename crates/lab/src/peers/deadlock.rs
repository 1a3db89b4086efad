//! Calls that wait for themselves, alone or in a cycle.

use std::cell::OnceCell;
use std::sync::Arc;

use super::crew::{Caller, Door, Seen, call, settle};
use super::{Situation, Subject};
use crate::contender::{Answer, Watched};

/// A function calls its own key.
pub const OWN_KEY: Situation =
    Situation { title: "A function asks for its own key", key: "own_key", see: own_key };

/// Two functions call each other's key.
pub const CROSSED: Situation =
    Situation { title: "Two functions ask for each other's key", key: "crossed", see: crossed };

fn own_key(subject: &Subject) -> String {
    let peer = subject.plain();
    let go_on = Door::default();
    go_on.open();
    match call(move || inner_answer(&*peer, 1, 1, &go_on)).seen() {
        Seen::Returned(Answer::WouldDeadlock) => "refused (`WouldDeadlock`)".into(),
        Seen::Hangs => "hangs".into(),
        other => format!("{other:?}"),
    }
}

fn crossed(subject: &Subject) -> String {
    let (peer, both_lead) = (subject.plain(), Door::default());
    let callers = [(1, 2), (2, 1)].map(|(own, other)| cross(&peer, own, other, &both_lead));
    // Both lead, or one cannot even begin while the other leads; the rest shows which.
    settle(&callers);
    both_lead.open();
    match callers.map(|caller| caller.seen()) {
        [Seen::Hangs, Seen::Hangs] => "both hang".into(),
        [Seen::Returned(first), Seen::Returned(second)] if one_is_refused(first, second) => {
            "one is refused, both return".into()
        }
        other => format!("{other:?}"),
    }
}

fn cross(peer: &Arc<dyn Watched>, own: u32, other: u32, go_on: &Door) -> Caller<Answer> {
    let (peer, go_on) = (Arc::clone(peer), go_on.clone());
    call(move || inner_answer(&*peer, own, other, &go_on))
}

/// Loads `own`, with a function that passes the door and loads `other`. Returns both results.
fn inner_answer(peer: &dyn Watched, own: u32, other: u32, go_on: &Door) -> Answer {
    let inner = OnceCell::new();
    let outer = peer.load(own, &|| {
        go_on.pass();
        // A function that runs twice gets the same answer twice.
        let _ = inner.set(peer.load(other, &|| Ok(0)));
        Ok(0)
    });
    inner.into_inner().unwrap_or(outer)
}

fn one_is_refused(first: Answer, second: Answer) -> bool {
    let refused = [first, second].map(|answer| answer == Answer::WouldDeadlock);
    let valued = [first, second].map(|answer| matches!(answer, Answer::Value(_)));
    refused[0] && valued[1] || refused[1] && valued[0]
}

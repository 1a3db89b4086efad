//! Calls that wait for another process, and the messages that end their waits: `waits`.

use std::sync::Arc;
use std::time::Duration;

use coalescer_cluster::engine::ErrorKind;
use coalescer_cluster::health::Breaker;
use coalescer_loom_tests::Model;
use coalescer_loom_tests::checker::sync::Mutex;

use super::waits::{Seat, Waits, Woken};
use super::{KEY, joined, process, spawn};
use crate::engine::{End, FlightId};
use crate::sync::now;

/// The engine's part of a wait: whoever asks while the flight runs is told of its end.
#[derive(Default)]
struct Engine(Mutex<State>);

#[derive(Default)]
struct State {
    has_ended: bool,
    told: u32,
}

impl Engine {
    /// Returns true if the flight runs, so that its end will be told.
    fn claim(&self) -> bool {
        let mut state = self.0.lock().expect("no model panics");
        state.told += u32::from(!state.has_ended);
        !state.has_ended
    }

    /// Returns true if somebody must be told.
    fn end(&self) -> bool {
        let mut state = self.0.lock().expect("no model panics");
        state.has_ended = true;
        state.told > 0
    }
}

fn flight(number: u8) -> FlightId {
    FlightId::new(number.to_string())
}

/// Waits without an end but that of the flight, or another reason to look.
fn wait(seat: &Seat<'_>, flight: &FlightId) -> Woken {
    seat.wait(flight, now() + Duration::from_secs(3600), now, false)
}

fn ended(woken: Woken) -> End {
    match woken {
        Woken::Ended(end) => end,
        other => panic!("nothing else has happened: {other:?}"),
    }
}

/// C2: the message of an end may come before the reply to the claim, and is not lost.
#[test]
fn a_message_may_come_before_the_reply() {
    let endings = ["before the reply", "after it", "it had ended"];
    Model::new("tier: a message before the reply", endings).exhaustive().explore(move |seen| {
        let (waits, engine) = (Arc::new(Waits::default()), Arc::new(Engine::default()));
        let (their_waits, their_engine) = (Arc::clone(&waits), Arc::clone(&engine));
        let ear = spawn(move || {
            if their_engine.end() {
                their_waits.tell(KEY, &flight(1), &End::RunYourOwn);
            }
        });
        let seat = waits.take_seat(KEY);
        if !engine.claim() {
            seen.note(endings[2]);
        } else if let Some(end) = seat.end_of(&flight(1)) {
            assert_eq!(end, End::RunYourOwn);
            seen.note(endings[0]);
        } else {
            assert_eq!(ended(wait(&seat, &flight(1))), End::RunYourOwn);
            seen.note(endings[1]);
        }
        joined(ear);
    });
}

/// C2: the message of the previous flight may come late. Nobody takes it for that of the next one.
#[test]
fn the_end_of_another_flight_ends_no_wait() {
    let endings = ["both before the wait", "the next one later"];
    Model::new("tier: a message of the previous flight", endings).exhaustive().explore(
        move |seen| {
            let waits = Arc::new(Waits::default());
            let seat = waits.take_seat(KEY);
            let theirs = Arc::clone(&waits);
            let ear = spawn(move || {
                theirs.tell(KEY, &flight(1), &End::AskAgain);
                theirs.tell(KEY, &flight(2), &End::RunYourOwn);
            });
            let previous = seat.end_of(&flight(1));
            let next = seat.end_of(&flight(2));
            assert!(previous.is_none_or(|end| end == End::AskAgain));
            seen.note(endings[usize::from(next.is_none())]);
            let end = next.unwrap_or_else(|| ended(wait(&seat, &flight(2))));
            assert_eq!(end, End::RunYourOwn, "the end of the previous flight");
            joined(ear);
        },
    );
}

/// C2: all calls of a process that wait for a key are told: a fresh call waits beside an ordinary one.
#[test]
fn each_call_that_waits_for_a_key_is_told() {
    let endings = ["both before the end", "one came after it"];
    Model::new("tier: 2 calls wait for a key", endings).exhaustive().explore(move |seen| {
        let (waits, engine) = (Arc::new(Waits::default()), Arc::new(Engine::default()));
        let (their_waits, their_engine) = (Arc::clone(&waits), Arc::clone(&engine));
        let call = |waits: &Waits, engine: &Engine| {
            let seat = waits.take_seat(KEY);
            let runs = engine.claim();
            if runs {
                assert_eq!(ended(wait(&seat, &flight(1))), End::AskAgain);
            }
            runs
        };
        let other = spawn(move || call(&their_waits, &their_engine));
        let first = waits.take_seat(KEY);
        assert!(engine.claim(), "nobody ends it yet");
        if engine.end() {
            waits.tell(KEY, &flight(1), &End::AskAgain);
        }
        assert_eq!(ended(wait(&first, &flight(1))), End::AskAgain);
        drop(first);
        let waited = joined(other);
        seen.note(endings[usize::from(!waited)]);
    });
}

/// C15: all who wait are woken when the way to the engine is closed, also one that is about to wait.
#[test]
fn a_breaker_that_opens_wakes_a_call_that_begins_to_wait() {
    let endings = ["it saw it first", "it was woken"];
    Model::new("tier: the breaker opens, a call begins to wait", endings).exhaustive().explore(
        move |seen| {
            let shared = Arc::new((Waits::default(), Breaker::new(now())));
            let theirs = Arc::clone(&shared);
            let asks = spawn(move || {
                let (waits, breaker) = &*theirs;
                let asking = breaker.lets_ask(now()).expect("it is closed");
                if breaker.failed(asking, &ErrorKind::Refused.into(), now()) {
                    waits.wake_all();
                }
            });
            let (waits, breaker) = &*shared;
            let seat = waits.take_seat(KEY);
            if breaker.is_open(now()) {
                seen.note(endings[0]);
            } else {
                let woken = wait(&seat, &flight(1));
                assert!(matches!(woken, Woken::Looks), "{woken:?}");
                assert!(breaker.is_open(now()));
                seen.note(endings[1]);
            }
            joined(asks);
        },
    );
}

/// C16: a look for the leader tells those who wait for it, and nobody who has gone on.
#[test]
fn a_leader_that_is_missing_is_told_to_those_who_wait_for_it() {
    let endings = ["it ended first", "it was missing first"];
    Model::new("tier: a missing leader, an end", endings).exhaustive().explore(move |seen| {
        let waits = Arc::new(Waits::default());
        let seat = waits.take_seat(KEY);
        seat.waits_for(Some(process(1)));
        let [ear, keeper] = [Arc::clone(&waits), Arc::clone(&waits)];
        let ear = spawn(move || ear.tell(KEY, &flight(1), &End::AskAgain));
        let keeper = spawn(move || {
            let holders = keeper.holders();
            assert!(holders.iter().all(|holder| *holder == process(1)));
            holders.iter().for_each(|holder| keeper.tell_missing(holder));
        });
        let first = wait(&seat, &flight(1));
        seat.waits_for(None);
        match first {
            Woken::Ended(end) => {
                assert_eq!(end, End::AskAgain);
                joined(ear);
                joined(keeper);
                assert_eq!(waits.holders(), [], "it waits for nobody");
                seen.note(endings[0]);
            }
            Woken::Missing => {
                joined(ear);
                joined(keeper);
                let has_ended = seat.end_of(&flight(1)).is_some();
                assert!(has_ended, "the message is not lost");
                seen.note(endings[1]);
            }
            Woken::Looks => panic!("nobody has woken it"),
        }
    });
}

/// C13: a call that leaves takes its own seat away, and not that of another.
#[test]
fn a_call_that_leaves_takes_no_other_seat_away() {
    let endings = ["it was told"];
    Model::new("tier: a call leaves, another waits", endings).exhaustive().explore(move |seen| {
        let waits = Arc::new(Waits::default());
        let [leaves, tells] = [Arc::clone(&waits), Arc::clone(&waits)];
        let leaves = spawn(move || drop(leaves.take_seat(KEY)));
        let seat = waits.take_seat(KEY);
        let ear = spawn(move || tells.tell(KEY, &flight(1), &End::AskAgain));
        assert_eq!(ended(wait(&seat, &flight(1))), End::AskAgain);
        joined(leaves);
        joined(ear);
        seen.note(endings[0]);
    });
}

//! The thread that keeps what a process has in the engine, and the calls that give it work: `bell` and `leads`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer_loom_tests::Model;
use coalescer_loom_tests::checker::sync::Mutex;

use super::bell::Bell;
use super::leads::{Leads, Place};
use super::{KEY, joined, process, spawn};
use crate::engine::Token;
use crate::sync::now;

fn token(number: u64) -> Token {
    Token::new(process(1), number)
}

fn place() -> Place {
    Place { name: "users".into(), digest: KEY }
}

fn later() -> Instant {
    now() + Duration::from_secs(3)
}

/// The keeper: sleeps until there is work, and does it.
fn works(bell: &Bell, leads: &Leads) {
    loop {
        let rung = bell.count();
        if !leads.is_empty() {
            return;
        }
        bell.rest(rung, || !leads.is_empty());
    }
}

/// C16: the keeper renews the lease of each lead, so it must not sleep through its begin.
#[test]
fn work_wakes_a_keeper_that_falls_asleep() {
    let endings = ["done"];
    Model::new("tier: work, and a keeper that falls asleep", endings).exhaustive().explore(
        move |seen| {
            let shared = Arc::new((Bell::default(), Leads::default()));
            let theirs = Arc::clone(&shared);
            let keeper = spawn(move || works(&theirs.0, &theirs.1));
            let (bell, leads) = &*shared;
            leads.enter(token(1), place(), later());
            bell.ring_for_work();
            joined(keeper);
            seen.note(endings[0]);
        },
    );
}

/// The same with two calls, of which one rings and the other finds that it has rung.
#[test]
fn work_of_two_calls_wakes_a_keeper_that_falls_asleep() {
    let endings = ["done"];
    Model::new("tier: work of 2 calls, and a keeper", endings).explore(move |seen| {
        let shared = Arc::new((Bell::default(), Leads::default()));
        let theirs = Arc::clone(&shared);
        let keeper = spawn(move || works(&theirs.0, &theirs.1));
        let calls = [1, 2].map(|number| {
            let theirs = Arc::clone(&shared);
            spawn(move || {
                theirs.1.enter(token(number), place(), later());
                theirs.0.ring_for_work();
            })
        });
        calls.into_iter().for_each(joined);
        joined(keeper);
        seen.note(endings[0]);
    });
}

/// C28: who closes rings, and the keeper ends, whatever it does.
#[test]
fn a_keeper_ends_when_somebody_closes() {
    let endings = ["it slept", "it had not begun to sleep"];
    Model::new("tier: close, and a keeper that falls asleep", endings).exhaustive().explore(
        move |seen| {
            let shared = Arc::new((Bell::default(), Mutex::new(false)));
            let theirs = Arc::clone(&shared);
            let keeper = spawn(move || {
                let (bell, is_closed) = &*theirs;
                let is_closed = || *is_closed.lock().expect("no model panics");
                let mut rested = false;
                loop {
                    let rung = bell.count();
                    if is_closed() {
                        return rested;
                    }
                    rested = true;
                    bell.rest(rung, || false);
                }
            });
            let (bell, is_closed) = &*shared;
            *is_closed.lock().expect("no model panics") = true;
            bell.ring();
            seen.note(endings[usize::from(!joined(keeper))]);
        },
    );
}

/// The engine's part: a lease that stands, or not.
struct Leases(Mutex<bool>);

impl Leases {
    fn end(&self) -> bool {
        std::mem::take(&mut *self.0.lock().expect("no model panics"))
    }

    fn stands(&self) -> bool {
        *self.0.lock().expect("no model panics")
    }
}

/// C17: a lead that its process ends while it is renewed is not lost, and not led again by the renewal.
#[test]
fn a_renewal_leaves_alone_what_has_ended() {
    let endings = ["renewed", "refused, as it had ended", "nothing to renew"];
    Model::new("tier: a renewal, and the end of its lead", endings).exhaustive().explore(
        move |seen| {
            let shared = Arc::new((Leads::default(), Leases(Mutex::new(true))));
            shared.0.enter(token(1), place(), later());
            let theirs = Arc::clone(&shared);
            let keeper = spawn(move || {
                let (leads, leases) = &*theirs;
                let all = leads.all();
                let Some((token, _)) = all.first() else { return (endings[2], false) };
                if leases.stands() {
                    leads.renewed(token, later() + Duration::from_secs(3));
                    return (endings[0], false);
                }
                (endings[1], leads.lost(token))
            });
            let (leads, leases) = &*shared;
            // The order of a publication.
            leads.ends(&token(1));
            assert!(leases.end(), "nobody else ends it");
            assert!(leads.leave(&token(1)), "it is lost to nobody");
            let (ending, lost) = joined(keeper);
            assert!(!lost, "its process has ended it");
            assert!(leads.is_empty(), "a lead that has ended is renewed for ever");
            seen.note(ending);
        },
    );
}

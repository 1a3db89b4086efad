//! The engine of one host, between threads that look while others end.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use coalescer_cluster::Files;
use coalescer_cluster::engine::*;

use crate::files::{Folder, KEY, WITHIN, token};
use crate::support::watched;

/// So many, since a look and an end seldom meet.
const ROUNDS: u32 = 1000;

/// C1: of all that claim at a time one leads, and the others follow it to its outcome. Some look just as it comes.
#[test]
fn of_many_threads_one_leads() {
    watched(|| {
        let folder = Folder::new();
        let ready = Barrier::new(8);
        // Half of them share an engine, so both kinds of locks are between them.
        let shared = folder.open();
        let [led, followed] = [(); 2].map(|()| AtomicU32::new(0));
        thread::scope(|scope| {
            for number in 0..8 {
                let engine = if number % 2 == 0 { shared.clone() } else { folder.open() };
                let (ready, led, followed) = (&ready, &led, &followed);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        match lead_or_follow(&engine, round, ready) {
                            Some(Part::Led) => led.fetch_add(1, Ordering::Relaxed),
                            Some(Part::Followed) => followed.fetch_add(1, Ordering::Relaxed),
                            None => 0,
                        };
                    }
                });
            }
        });
        assert_eq!(led.into_inner(), ROUNDS);
        assert_eq!(followed.into_inner(), ROUNDS * 7, "each follower gets the outcome");
    });
}

enum Part {
    Led,
    Followed,
}

/// One claim of a round, which has a key of its own. `None`: it did not get the outcome. A panic here would leave the
/// other threads at the barrier.
fn lead_or_follow(engine: &Files, round: u32, ready: &Barrier) -> Option<Part> {
    let token = token();
    let key = Key { digest: Digest::new(u128::from(round).to_le_bytes()), ..KEY };
    ready.wait();
    let claimed = engine.claim(&Claim::new(key, &token, WITHIN), WITHIN);
    // Nobody ends before all have claimed.
    ready.wait();
    match claimed.ok()? {
        Claimed::Lead { .. } => {
            let published = engine.publish(&Publication::new(key, &token, b"ada"), WITHIN);
            published.is_ok().then_some(Part::Led)
        }
        Claimed::Follow { flight, .. } => {
            let waited =
                engine.wait(&Wait { key, token: &token, flight: &flight, leads: None }, WITHIN);
            let end = End::Outcome { bytes: (*b"ada").into(), kept: false };
            (waited.ok()? == Waited::Ended { end, forgotten: false }).then_some(Part::Followed)
        }
        _ => None,
    }
}

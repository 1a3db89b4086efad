//! Herds: what one more follower costs when all are woken, and while it waits.

use std::cell::Cell;

use super::crew::{Broadcast, Flight, Herd, Wait};
use super::{Record, nanoseconds};
use crate::extent::{Extent, powers};
use crate::memory;

/// So many followers are woken for each point, in as many rounds as that takes.
const WOKEN: usize = 16_384;

/// From so many followers on, what they hold is more than what is made once, and than the noise of
/// the machine.
const SEEN: usize = 64;
const SEEN_BY_THE_SYSTEM: usize = 1024;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    let before = memory::of_threads();
    for followers in powers(2, extent.most_followers) {
        let rounds = (WOKEN / followers).clamp(extent.rounds, 8 * extent.rounds);
        let held = wake(record, followers, rounds, Flight::new(), ["last", "leader"]);
        let floor = ["last floor", "leader floor"];
        let held_by_floor = wake(record, followers, rounds, Broadcast::default(), floor);
        if followers >= SEEN {
            let ours = (held.asked - held_by_floor.asked) / followers as f64;
            record.add("bytes", followers as f64, ours);
        }
        let of_threads = before.zip(held.of_threads).filter(|_| followers >= SEEN_BY_THE_SYSTEM);
        if let Some((before, after)) = of_threads {
            record.add("thread", followers as f64, (after - before) / followers as f64);
        }
    }
}

/// What a herd that sleeps holds.
struct Held {
    /// Of what this process asked for.
    asked: f64,
    /// With what the kernel keeps for it.
    of_threads: Option<f64>,
}

fn wake(
    record: &mut Record,
    followers: usize,
    rounds: usize,
    by: impl Wait,
    lanes: [&str; 2],
) -> Held {
    let of_threads = Cell::new(None);
    let mut herd = None;
    let asked = memory::asked_for(|| {
        let herd = herd.insert(Herd::new(followers, by));
        herd.wake_after(|| of_threads.set(memory::of_threads()));
    });
    let herd = herd.expect("it was made above");
    for _ in 0..rounds {
        let waking = herd.wake();
        record.add(lanes[0], followers as f64, nanoseconds(waking.last) / followers as f64);
        record.add(lanes[1], followers as f64, nanoseconds(waking.leader));
    }
    Held { asked, of_threads: of_threads.get() }
}

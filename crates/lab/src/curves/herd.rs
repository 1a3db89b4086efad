//! Herds: the cost of one more follower when all are woken, and while it waits.
//!
//! The floor is the std map of the comparison, whose leader notifies all after unlocking: a broadcast.

use super::{Record, nanoseconds, powers};
use crate::contender::Contender;
use crate::contenders::{Coalescer, StdMap};
use crate::herd::{self, Held};
use crate::memory;
use crate::options::Size;

/// So many followers are woken for each point, in as many rounds as that takes.
const WOKEN: usize = 16_384;

/// From so many followers on, their memory is more than what is allocated once, and than the noise.
const SEEN: usize = 64;
const SEEN_BY_THE_SYSTEM: usize = 1024;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    let before = memory::of_threads();
    let (own, floor) = (held::<Coalescer>(1).in_use, held::<StdMap>(1).in_use);
    for followers in powers(2, size.most_followers()) {
        let herds = (WOKEN / followers).clamp(size.rounds(), 8 * size.rounds()) as u64;
        let x = followers as f64;
        // Herds that are measured come after those whose memory is counted, which takes time.
        let of_coalescer = held::<Coalescer>(followers);
        if followers >= SEEN {
            let more = of_coalescer.in_use - own - (held::<StdMap>(followers).in_use - floor);
            record.add("bytes", x, more / (x - 1.0));
        }
        if followers >= SEEN_BY_THE_SYSTEM {
            if let Some((before, after)) = before.zip(of_coalescer.of_threads) {
                record.add("thread", x, (after - before) / x);
            }
        }
        wake::<Coalescer>(record, followers, herds, ["last", "leader"]);
        wake::<StdMap>(record, followers, herds, ["last floor", "leader floor"]);
    }
}

/// The memory while one herd sleeps.
fn held<C: Contender>(followers: usize) -> Held {
    let (_, held) = memory::asked_for(|| {
        let before = memory::in_use();
        let (_, held) = herd::of::<C>(followers, 0).expect("both can keep nothing");
        Held { in_use: held.in_use - before, ..held }
    });
    held
}

fn wake<C: Contender>(record: &mut Record<'_>, followers: usize, herds: u64, lanes: [&str; 2]) {
    let (seen, _) = herd::of::<C>(followers, herds).expect("both can keep nothing");
    for seen in seen {
        record.add(lanes[0], followers as f64, nanoseconds(seen.last) / followers as f64);
        record.add(lanes[1], followers as f64, nanoseconds(seen.leader));
    }
}

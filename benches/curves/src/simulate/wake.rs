//! A simulation of waking a herd: cores, sleepers, and who notifies whom.
//!
//! ```text
//! leader      ├ notify ┤ back
//! follower      ··· start ···├ run ├ lock ├ notify, notify, notify ┤ back
//! follower                                    ··· start ···├ run ├ lock ┤ back
//! follower                                            ··· start ···├ run ├ lock ┤ back
//! ```
//!
//! A notified follower is ready after a while, waits for a core, runs, takes the lock of the gate for
//! a moment, notifies others if that is its part, and is back. The lock is one for all, so no number
//! of cores makes that part parallel. Nobody is preempted, and who waits for the lock keeps its core.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Who notifies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waking {
    /// The leader notifies everyone.
    Broadcast,
    /// The leader notifies one follower, and every follower notifies others until nobody sleeps: what
    /// the library does, which takes shares of them for each look at the gate.
    Together,
    /// The leader and every follower notify so many.
    Cascade(usize),
}

/// What waking takes, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// A notification, for the one who makes it.
    pub(crate) notify: f64,
    /// From a notification until the one that was notified is ready to run.
    pub(crate) start: f64,
    /// What a follower needs of a core for itself: to be switched in, return, and be switched out.
    pub(crate) run: f64,
    /// For how long it has the gate's lock.
    pub(crate) locked: f64,
}

impl Costs {
    /// So that two cores come out where they were measured: a follower in four microseconds.
    pub(crate) const USUAL: Self =
        Self { notify: 2000.0, start: 3000.0, run: 5900.0, locked: 100.0 };
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Waked {
    /// When the leader was back.
    pub(crate) leader: f64,
    /// When the last follower was.
    pub(crate) last: f64,
    /// How many notifications stand one behind the other, at the most.
    pub(crate) depth: usize,
}

impl Waked {
    pub(crate) fn last(self) -> f64 {
        self.last
    }
}

pub(crate) fn simulate(followers: usize, cores: usize, waking: Waking, costs: &Costs) -> Waked {
    let mut herd = Simulated {
        costs: *costs,
        waking,
        asleep: followers,
        idle: cores - 1,
        ready: VecDeque::new(),
        events: BinaryHeap::new(),
        lock_is_free: 0.0,
        numbered: 0,
        waked: Waked { leader: 0.0, last: 0.0, depth: 0 },
    };
    herd.at(0.0, Event::Notifies(Runner { depth: 0, left: herd.notifications(0) }));
    while let Some(Reverse(next)) = herd.events.pop() {
        herd.happen(next.time, next.event);
    }
    herd.waked
}

struct Simulated {
    costs: Costs,
    waking: Waking,
    /// Followers that nobody has notified.
    asleep: usize,
    /// Cores without work.
    idle: usize,
    /// Followers without a core, by depth.
    ready: VecDeque<usize>,
    events: BinaryHeap<Reverse<Scheduled>>,
    lock_is_free: f64,
    numbered: u64,
    waked: Waked,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A follower could run.
    Ready { depth: usize },
    /// A follower on a core asks for the gate's lock.
    Locks { depth: usize },
    /// Someone on a core makes the next notification, or is done with them.
    Notifies(Runner),
}

/// The leader, at depth 0, or a follower on a core.
#[derive(Clone, Copy, Debug)]
struct Runner {
    depth: usize,
    /// Notifications that it has still to make.
    left: usize,
}

impl Simulated {
    fn happen(&mut self, now: f64, event: Event) {
        match event {
            Event::Ready { depth } if self.idle > 0 => {
                self.idle -= 1;
                self.run(now, depth);
            }
            Event::Ready { depth } => self.ready.push_back(depth),
            Event::Locks { depth } => self.lock(now, depth),
            Event::Notifies(runner) if runner.left > 0 && self.asleep > 0 => {
                self.notify(now, runner);
            }
            Event::Notifies(runner) => self.come_back(now, runner),
        }
    }

    fn run(&mut self, now: f64, depth: usize) {
        self.at(now + self.costs.run, Event::Locks { depth });
    }

    /// Events come in the order of time, so whoever asks for the lock first gets it first.
    fn lock(&mut self, now: f64, depth: usize) {
        self.lock_is_free = self.lock_is_free.max(now) + self.costs.locked;
        let runner = Runner { depth, left: self.notifications(depth) };
        self.at(self.lock_is_free, Event::Notifies(runner));
    }

    fn notifications(&self, depth: usize) -> usize {
        match (self.waking, depth) {
            (Waking::Together, 0) => 1,
            (Waking::Broadcast, 0) | (Waking::Together, _) => usize::MAX,
            (Waking::Broadcast, _) => 0,
            (Waking::Cascade(each), _) => each,
        }
    }

    fn notify(&mut self, now: f64, runner: Runner) {
        self.asleep -= 1;
        let done = now + self.costs.notify;
        let depth = runner.depth + 1;
        self.waked.depth = self.waked.depth.max(depth);
        self.at(done + self.costs.start, Event::Ready { depth });
        self.at(done, Event::Notifies(Runner { left: runner.left - 1, ..runner }));
    }

    fn come_back(&mut self, now: f64, runner: Runner) {
        match runner.depth {
            0 => self.waked.leader = now,
            _ => self.waked.last = self.waked.last.max(now),
        }
        match self.ready.pop_front() {
            Some(depth) => self.run(now, depth),
            None => self.idle += 1,
        }
    }

    fn at(&mut self, time: f64, event: Event) {
        self.numbered += 1;
        self.events.push(Reverse(Scheduled { time, number: self.numbered, event }));
    }
}

/// An event and its time; of two at the same time, the one that was scheduled first comes first.
struct Scheduled {
    time: f64,
    number: u64,
    event: Event,
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.time.total_cmp(&other.time).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs { notify: 2.0, start: 3.0, run: 5.0, locked: 0.0 };

    #[test]
    fn one_follower_takes_the_sum_of_all_costs() {
        let waked = simulate(1, 2, Waking::Cascade(2), &COSTS);
        assert_eq!(waked, Waked { leader: 2.0, last: 2.0 + 3.0 + 5.0, depth: 1 });
    }

    #[test]
    fn one_core_does_all_the_work_one_after_the_other() {
        for waking in [Waking::Broadcast, Waking::Together, Waking::Cascade(2)] {
            let waked = simulate(1000, 1, waking, &COSTS);
            // But for the start of the first one or two, it has always something to do.
            let work = 1000.0 * (2.0 + 5.0);
            assert!((work..=work + 6.0).contains(&waked.last), "{waking:?}: {waked:?}");
        }
    }

    #[test]
    fn with_cores_for_all_a_cascade_is_a_tree_and_a_chain_is_a_line() {
        // Two are notified one after the other, so the second child of each starts later: the
        // deepest is reached over first children.
        let tree = simulate(6, 64, Waking::Cascade(2), &COSTS);
        assert_eq!((tree.depth, tree.leader), (2, 4.0));
        // The second child's second child: twice (two notifications, start, run).
        assert_eq!(tree.last, 2.0 * (4.0 + 3.0 + 5.0));
        let chain = simulate(6, 64, Waking::Cascade(1), &COSTS);
        assert_eq!((chain.depth, chain.last), (6, 6.0 * (2.0 + 3.0 + 5.0)));
    }

    #[test]
    fn a_broadcast_holds_the_leader_for_everyone_and_the_others_for_a_few() {
        let broadcast = simulate(1000, 64, Waking::Broadcast, &COSTS);
        assert_eq!((broadcast.leader, broadcast.depth), (2000.0, 1));
        assert_eq!(simulate(1000, 64, Waking::Cascade(2), &COSTS).leader, 4.0);
        let together = simulate(1000, 64, Waking::Together, &COSTS);
        assert_eq!(together.leader, 2.0);
        // The more are awake, the more notify: it grows by the same factor in the same time.
        assert!(together.last < 0.1 * broadcast.last, "{together:?}");
        // On one core the first that is back has everyone to wake.
        assert_eq!(simulate(1000, 1, Waking::Together, &COSTS).depth, 2);
    }

    #[test]
    fn what_is_under_the_lock_is_never_parallel() {
        let costs = Costs { locked: 2.0, ..COSTS };
        let waked = simulate(1000, 4096, Waking::Cascade(2), &costs);
        assert!(waked.last >= 2000.0, "{waked:?}");
        assert!(simulate(1000, 4096, Waking::Cascade(2), &COSTS).last < 200.0);
    }
}

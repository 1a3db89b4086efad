//! Random concurrent histories, checked against the sequential reference of one key.
//!
//! Threads call without a plan, and note a logical time before and after each call. A history is right
//! if each call can be given one moment between the two, at which a plain map would have answered the
//! same (linearizability), as far as the promises go: an execution takes time, so its result belongs to
//! the moment at which it is published, and a call may get a result that is published while it waits.
//!
//! ```text
//! call     ├───── begins ──────────────── returns ─────┤
//! makes         ├── function runs ──┤ published in here
//! forget   ├── what began before this returned is not for calls that begin after it ──┤ (S28)
//! ```
//!
//! The search for an order is exponential for any object. Here values are unique, so it is enough to
//! look at pairs: every violation is a cycle of two or three events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use coalescer::{Group, Role};

use crate::watchdog;

type Time = u64;

/// One call, as its thread saw it.
#[derive(Clone, Copy, Debug)]
struct Event {
    begins: Time,
    returns: Time,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// It got the value of the execution that began at this time.
    Got { value: Time, is_fresh: bool, role: Role },
    /// It forgot a flight or a result, or found none.
    Forgot(bool),
}

/// An execution: its name is the time of its beginning.
#[derive(Clone, Copy, Debug)]
struct Run {
    began: Time,
    ended: Time,
}

#[derive(Debug, Default)]
struct History {
    events: Vec<Event>,
    runs: Vec<Run>,
}

struct Stage {
    group: Group<u8, Time, ()>,
    forgets: bool,
    time: AtomicU64,
    runs: std::sync::Mutex<Vec<Run>>,
}

impl Stage {
    fn tick(&self) -> Time {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    fn run(&self, spins: u64) -> Result<Time, ()> {
        let began = self.tick();
        (0..spins).for_each(|_| thread::yield_now());
        let run = Run { began, ended: self.tick() };
        self.runs.lock().expect("nothing panics with it").push(run);
        Ok(began)
    }

    fn event(&self, dice: u64) -> Event {
        let begins = self.tick();
        let run = || self.run(dice / 16 % 4);
        let what = match dice % 16 {
            0 if self.forgets => What::Forgot(self.group.forget(&0)),
            1..=3 => {
                let outcome = self.group.call(&0).fresh().outcome(run).expect("no error");
                What::Got { value: *outcome.value, is_fresh: true, role: outcome.role }
            }
            _ => {
                let outcome = self.group.call(&0).outcome(run).expect("no error");
                What::Got { value: *outcome.value, is_fresh: false, role: outcome.role }
            }
        };
        Event { begins, returns: self.tick(), what }
    }
}

/// Plays some threads of 40 calls each.
fn play(seed: u64, window: Duration, forgets: bool) -> History {
    const CALLS: u64 = 40;
    let threads = 2 + seed % 4;
    let stage = Arc::new(Stage {
        group: Group::builder().window(window).build(),
        forgets,
        time: AtomicU64::new(1),
        runs: std::sync::Mutex::default(),
    });
    let thread_of = |number: u64| {
        let stage = Arc::clone(&stage);
        let mut state = (seed ^ (number << 32)) | 1;
        thread::spawn(move || {
            let mut events = Vec::new();
            for _ in 0..CALLS {
                // xorshift: any numbers will do.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                events.push(stage.event(state >> 20));
            }
            events
        })
    };
    let threads: Vec<_> = (1..=threads).map(thread_of).collect();
    let join = |thread: thread::JoinHandle<Vec<Event>>| thread.join().expect("no panic");
    let events = threads.into_iter().flat_map(join).collect();
    let runs = stage.runs.lock().expect("nothing panics with it").clone();
    History { events, runs }
}

impl History {
    fn values(&self) -> impl Iterator<Item = (&Event, Run, bool, Role)> {
        self.events.iter().filter_map(|event| match event.what {
            What::Got { value, is_fresh, role } => {
                let run = self.runs.iter().find(|run| run.began == value);
                Some((event, *run.expect("a value comes from an execution"), is_fresh, role))
            }
            What::Forgot(_) => None,
        })
    }

    fn check(&self, keeps: bool) {
        for (event, run, is_fresh, role) in self.values() {
            assert!(run.ended < event.returns, "a value from the future: {event:?} {run:?}");
            assert!(!is_fresh || run.began > event.begins, "S30: {event:?} {run:?}");
            assert!(keeps || role != Role::Late, "S10: nothing is kept: {event:?}");
            if role == Role::Leader {
                let is_own = event.begins < run.began && run.ended < event.returns;
                assert!(is_own, "S26: a leader got another's: {event:?} {run:?}");
            }
            self.check_forgets(event, run);
        }
        if !keeps {
            self.check_overlap();
        }
        let has_forgets = self.events.iter().any(|event| matches!(event.what, What::Forgot(_)));
        if !has_forgets {
            self.check_order(keeps);
        }
    }

    /// S28.
    fn check_forgets(&self, event: &Event, run: Run) {
        let forgets = self.events.iter().filter(|other| matches!(other.what, What::Forgot(_)));
        for forget in forgets.filter(|forget| forget.returns < event.begins) {
            let is_after = run.began > forget.begins;
            assert!(is_after, "S28: {event:?} got {run:?} from before {forget:?}");
        }
    }

    /// S5: with a zero window, nobody that begins after a participant has returned gets its value.
    fn check_overlap(&self) {
        for (one, run, ..) in self.values() {
            for (other, same, ..) in self.values() {
                let is_late = run.began == same.began && one.returns < other.begins;
                assert!(!is_late, "S5: {other:?} got the value of {one:?}");
            }
        }
    }

    /// In one order that all agree on, values only become younger: if a call returned with one value
    /// before another call began, that one gets no older value. And one execution runs at a time (S1).
    /// A flight that is forgotten goes on beside the next, and its successor is found by nobody, so both
    /// hold only without forgets.
    fn check_order(&self, keeps: bool) {
        for (one, young, ..) in self.values() {
            for (other, old, ..) in self.values() {
                let goes_back = one.returns < other.begins && old.ended < young.began;
                assert!(!goes_back || !keeps, "{other:?} got {old:?} after {one:?} got {young:?}");
            }
        }
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.began);
        for pair in runs.windows(2) {
            let overlap = pair[1].began < pair[0].ended;
            assert!(!overlap, "S1: two executions at a time: {pair:?}");
        }
    }

    /// A history in which nobody waited proves nothing.
    fn followers(&self) -> usize {
        self.values().filter(|(.., role)| *role == Role::Follower).count()
    }
}

#[test]
fn concurrent_histories_are_those_of_a_map_that_computes() {
    // S1 S5 S10 S26 S28 S30
    // Not under the watchdog, which would take a wait for the turn for a hang.
    let _turn = crate::turn();
    watchdog::watched(|| {
        let rounds = if cfg!(miri) { 2 } else { 150 };
        let mut followers = 0;
        for round in 0..rounds {
            let window = if round % 2 == 0 { Duration::MAX } else { Duration::ZERO };
            let history = play(0x9E37_79B9 * (round + 1), window, round % 3 == 0);
            history.check(!window.is_zero());
            followers += history.followers();
        }
        assert!(followers > 0, "nobody ever followed, so nothing was tested");
    });
}

#[test]
fn a_history_that_no_map_has_is_found() {
    let got = |begins, returns, value, is_fresh| Event {
        begins,
        returns,
        what: What::Got { value, is_fresh, role: Role::Follower },
    };
    let forgot = |begins, returns| Event { begins, returns, what: What::Forgot(true) };
    let run = |began, ended| Run { began, ended };
    let wrong = [
        (vec![got(5, 9, 3, true)], vec![run(3, 6)]),
        (vec![got(1, 4, 3, false)], vec![run(3, 6)]),
        (vec![forgot(4, 5), got(6, 9, 3, false)], vec![run(3, 7)]),
        (vec![got(1, 5, 2, false), got(6, 8, 2, false)], vec![run(2, 4)]),
        (vec![got(1, 20, 2, false)], vec![run(2, 9), run(5, 12)]),
    ];
    for (events, runs) in wrong {
        let history = History { events, runs };
        let text = format!("{history:?}");
        let found = std::panic::catch_unwind(|| history.check(false)).is_err();
        assert!(found, "passed: {text}");
    }
}

//! A subscriber that panics: no call notices, and nothing stays behind (S24, S65).

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use coalescer::{Group, Job, NeverBlocks, OnDeadlock, Stats};
use tracing::dispatcher::{self, Dispatch};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use crate::support::unlocked::{assert_no_offence, no_lock};
use crate::support::{Numbers, followers, wait_until, watched};

/// A method of a subscriber, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Enabled,
    NewSpan,
    Record,
    FollowsFrom,
    Enter,
    Exit,
    Clone,
    Close,
    Everywhere,
}

const PLACES: [Place; 9] = [
    Place::Enabled,
    Place::NewSpan,
    Place::Record,
    Place::FollowsFrom,
    Place::Enter,
    Place::Exit,
    Place::Clone,
    Place::Close,
    Place::Everywhere,
];

/// Panics in one place, for the library's spans and for all others. The hook does not run.
struct Fragile {
    place: Place,
    next: AtomicU64,
}

impl Fragile {
    fn reach(&self, place: Place) {
        no_lock("the subscriber");
        if self.place == place || self.place == Place::Everywhere {
            resume_unwind(Box::new("the subscriber panics"));
        }
    }
}

impl Subscriber for Fragile {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        self.reach(Place::Enabled);
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.reach(Place::NewSpan);
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.reach(Place::Record);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {
        self.reach(Place::FollowsFrom);
    }

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        self.reach(Place::Enter);
    }

    fn exit(&self, _: &Id) {
        self.reach(Place::Exit);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.reach(Place::Clone);
        id.clone()
    }

    fn try_close(&self, _: Id) -> bool {
        self.reach(Place::Close);
        true
    }
}

/// The results of a scene's calls, and the counters at its end.
type Seen = (Vec<Result<u32, String>>, Stats);

/// Threads whose subscriber panics, or that have none.
struct Threads(Option<Dispatch>);

impl Threads {
    fn spawn<'s, R: Send + 's>(
        &self,
        scope: &'s Scope<'s, '_>,
        part: impl FnOnce() -> R + Send + 's,
    ) -> ScopedJoinHandle<'s, R> {
        let subscriber = self.0.clone();
        scope.spawn(move || match &subscriber {
            Some(subscriber) => dispatcher::with_default(subscriber, part),
            None => part(),
        })
    }
}

fn plain(answer: Result<std::sync::Arc<u32>, coalescer::Error<String>>) -> Result<u32, String> {
    answer.map(|value| *value).map_err(|error| error.to_string())
}

/// Runs `meanwhile` while a call leads `k`, whose function returns 1 then.
fn while_led<R>(
    threads: &Threads,
    group: &Numbers,
    meanwhile: impl FnOnce() -> R,
) -> (Result<u32, String>, R) {
    let ((begin, begun), (end, told_to_end)) = (channel(), channel::<()>());
    thread::scope(|s| {
        let leader = threads.spawn(s, move || {
            plain(group.execute("k", || {
                begin.send(()).unwrap();
                told_to_end.recv().unwrap_err();
                Ok(1)
            }))
        });
        begun.recv().unwrap();
        let result = meanwhile();
        drop(end);
        (leader.join().unwrap(), result)
    })
}

/// Followers of three kinds, one of which leads another flight while it waits.
fn calls(threads: &Threads) -> Seen {
    let (group, other) = (Numbers::new(), Numbers::new());
    let results = thread::scope(|s| {
        let (leader, (late, calls)) = while_led(threads, &group, || {
            let calls = [
                threads.spawn(s, || plain(group.execute("k", || Ok(2)))),
                threads.spawn(s, || plain(group.execute_fresh("k", || Ok(3)))),
                threads
                    .spawn(s, || plain(other.execute("x", || plain(group.execute("k", || Ok(2)))))),
            ];
            wait_until(|| followers(&group) == 3);
            let late = || plain(group.execute_timeout("k", Duration::ZERO, || Ok(4)));
            (threads.spawn(s, late).join().unwrap(), calls)
        });
        let mut results = vec![leader, late];
        results.extend(calls.map(|call| call.join().unwrap()));
        results
    });
    assert!(group.in_flight().is_empty() && other.in_flight().is_empty());
    (results, group.stats())
}

/// Followers that run their own function: of a value that is for nobody, and in a cycle.
fn alone(threads: &Threads) -> Seen {
    let group: Numbers = Group::builder()
        .share_if(|value: &u32| *value != 1)
        .on_deadlock(OnDeadlock::Bypass)
        .build();
    let results = thread::scope(|s| {
        let (leader, calls) = while_led(threads, &group, || {
            let nested = || plain(group.execute("k", || plain(group.execute("k", || Ok(2)))));
            // Only one of them asks again: two could follow one another or not.
            let calls = [
                threads.spawn(s, nested),
                threads.spawn(s, || plain(group.execute("k", || Ok(2)))),
            ];
            wait_until(|| followers(&group) == 2);
            calls
        });
        let mut results = vec![leader];
        results.extend(calls.map(|call| call.join().unwrap()));
        let nested = || plain(group.execute("n", || plain(group.execute("n", || Ok(7)))));
        results.push(threads.spawn(s, nested).join().unwrap());
        results
    });
    (results, group.stats())
}

/// A leader's ticket and a follower's, whose threads wait while the job runs.
fn jobs(threads: &Threads) -> Seen {
    let (queue, jobs) = channel();
    let group: Numbers =
        Group::builder().executor(NeverBlocks(move |job: Job| queue.send(job))).build();
    let results = thread::scope(|s| {
        let submit = || {
            let submitted = [1, 2, 3].map(|n| group.submit("k", move || Ok(n)).unwrap());
            let [leader, follower, dropped] = submitted;
            drop(dropped);
            [leader, follower]
        };
        let tickets = threads.spawn(s, submit).join().unwrap();
        let waits = tickets.map(|ticket| threads.spawn(s, || plain(ticket.wait())));
        let job: Job = jobs.recv().unwrap();
        threads.spawn(s, || job.run());
        waits.map(|wait| wait.join().unwrap()).to_vec()
    });
    (results, group.stats())
}

#[test]
fn a_subscriber_that_panics_harms_no_call() {
    // S24 S48 S65
    watched(|| {
        for scene in [calls, alone, jobs] {
            let expected = scene(&Threads(None));
            for place in PLACES {
                let fragile = Fragile { place, next: AtomicU64::new(1) };
                let seen = scene(&Threads(Some(Dispatch::new(fragile))));
                assert_eq!(seen, expected, "{place:?}");
                assert_eq!(seen.1.in_flight, 0);
            }
        }
        assert_no_offence();
    });
}

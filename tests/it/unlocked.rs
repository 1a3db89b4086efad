//! The library holds no lock while user code runs, whatever the user's code is and whoever runs it.
//!
//! All types here are made of [`Watched`] values. The scenes go through every verb and every way out.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use coalescer::{
    Builder, ForGroup, Group, Job, ManualClock, OnDeadlock, ShareWith, SlowFlight, ToKey,
};

use crate::support::unlocked::{assert_no_offence, at_most, no_lock};
use crate::support::{text, wait_until, watched};

const WINDOW: Duration = Duration::from_millis(10);
const STUCK: Duration = Duration::from_millis(40);

/// A key of the table. Its `Eq` runs under the lock of its shard.
#[derive(Debug)]
struct Key(u32);

/// A key as callers have it.
#[derive(Debug)]
struct Asked(u32);

impl Clone for Key {
    fn clone(&self) -> Self {
        no_lock("the clone of a key");
        Self(self.0)
    }
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        no_lock("Hash");
        (self.0 % 2).hash(state);
    }
}

impl ToKey<Key> for Asked {
    fn is_key(&self, key: &Key) -> bool {
        at_most(1, "is_key");
        self.0 == key.0
    }

    fn to_key(&self) -> Key {
        no_lock("to_key");
        Key(self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        at_most(1, "Eq");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        no_lock("Hash of a key");
        self.0.hash(state);
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        no_lock("the destructor of a key");
    }
}

/// A value or an error.
#[derive(Debug)]
struct Watched(u32);

impl Drop for Watched {
    fn drop(&mut self) {
        no_lock("the destructor of a value");
    }
}

/// The captures of a function.
struct Captured;

impl Drop for Captured {
    fn drop(&mut self) {
        no_lock("the destructor of a function");
    }
}

type Watching = Group<Key, Watched, Watched>;

/// A function that returns this result, and captures something.
fn function(result: Result<u32, u32>) -> impl FnOnce() -> Result<Watched, Watched> + Send {
    let captured = Captured;
    move || {
        let _captured = captured;
        no_lock("the function");
        result.map(Watched).map_err(Watched)
    }
}

struct Stage {
    clock: ManualClock,
    group: Watching,
    jobs: Receiver<Job>,
}

/// A group with every setting that calls user code. Values above 100 are for nobody, those above 50 for
/// followers.
fn stage(
    with: impl FnOnce(Builder<ForGroup, Key, Watched>) -> Builder<ForGroup, Key, Watched>,
) -> Stage {
    let clock = ManualClock::new();
    let (queue, jobs) = channel();
    let builder = Group::builder()
        .shards(1)
        .window(WINDOW)
        .error_window(WINDOW)
        .max_retained(3)
        .leader_timeout(STUCK)
        .clock(clock.clone())
        .share_with(|value: &Watched| {
            no_lock("the rule");
            match value.0 {
                101.. => ShareWith::Nobody,
                51.. => ShareWith::Followers,
                _ => ShareWith::Everyone,
            }
        })
        .on_slow(STUCK / 2, |_: &SlowFlight<'_, Key>| no_lock("the hook"))
        .executor(move |job: Job| {
            no_lock("the executor");
            queue.send(job)
        });
    let builder: Builder<ForGroup, Key, Watched> = with(builder);
    Stage { clock, group: builder.build(), jobs }
}

/// Runs `meanwhile` while the function of a call runs, which then returns this result.
fn while_led(
    group: &Watching,
    key: u32,
    result: Result<u32, u32>,
    meanwhile: impl FnOnce(),
) -> Result<u32, String> {
    let (begin, begun) = channel();
    let (end, told_to_end) = channel::<()>();
    thread::scope(|s| {
        let last = function(result);
        let leader = s.spawn(move || {
            let run = || {
                begin.send(()).unwrap();
                told_to_end.recv().unwrap_err();
                last()
            };
            let answer = group.execute(&Asked(key), run);
            answer.map(|value| value.0).map_err(|error| format!("{error:?}"))
        });
        begun.recv().unwrap();
        meanwhile();
        drop(end);
        leader.join().unwrap()
    })
}

/// The number of calls that wait in a group.
fn waiting(group: &Watching) -> usize {
    group.in_flight().iter().map(|flight| flight.followers).sum()
}

#[test]
fn no_lock_is_held_while_results_are_kept_expire_are_evicted_and_forgotten() {
    // S2 S47
    watched(|| {
        for window in [WINDOW, Duration::ZERO] {
            let stage = stage(|builder| builder.window(window).error_window(window));
            let Stage { clock, group, .. } = &stage;
            for round in 0..4 {
                for key in 0..6 {
                    let result = if key % 2 == 0 { Ok(key) } else { Err(key) };
                    drop(group.execute(&Asked(key), function(result)));
                    drop(group.execute(&Asked(key), function(result)));
                    clock.advance(WINDOW / 4);
                }
                drop(group.execute_fresh(&Asked(5), function(Ok(round))));
                drop(group.call(&Asked(5)).max_age(Duration::ZERO).outcome(function(Ok(1))));
                drop(group.peek(&Asked(5)));
                for (key, value) in [(4, round), (5, 60), (5, round), (9, round)] {
                    drop(group.insert(&Asked(key), Watched(value)));
                }
                group.forget(&Asked(5));
                drop(group.try_execute(&Asked(5), function(Ok(55))));
            }
            group.forget_if(|key| {
                no_lock("the function that chooses");
                key.0 % 2 == 0
            });
            group.forget_all();
            drop(stage);
        }
        assert_no_offence();
    });
}

#[test]
fn no_lock_is_held_while_calls_wait_are_refused_and_take_over() {
    // S2: the ways out of a wait, for values that are for everyone, for followers, for nobody, for
    // errors and for panics.
    watched(|| {
        for result in [Ok(1), Ok(60), Ok(110), Err(1)] {
            let stage = stage(|builder| builder.on_deadlock(OnDeadlock::Bypass));
            let Stage { clock, group, jobs } = &stage;
            thread::scope(|s| {
                let meanwhile = || {
                    let ask = |fresh| {
                        move || {
                            let call = group.call(&Asked(1));
                            let call = if fresh { call.fresh() } else { call };
                            drop(call.run(function(result)));
                        }
                    };
                    for fresh in [false, false, true] {
                        s.spawn(ask(fresh));
                    }
                    wait_until(|| waiting(group) == 3);
                    drop(group.execute_timeout(&Asked(1), Duration::ZERO, function(result)));
                    drop(group.try_execute(&Asked(1), function(result)));
                    clock.advance(STUCK);
                    // One of them takes over, and each reports that the flight is slow.
                    wait_until(|| {
                        group.stats().takeovers > 0 || group.stats().executed_requests > 0
                    });
                };
                drop(while_led(group, 1, result, meanwhile));
            });
            drop(jobs.try_recv());
            drop(stage);
        }
        assert_no_offence();
    });
}

#[test]
fn no_lock_is_held_while_jobs_run_are_dropped_and_answer() {
    // S2: tickets, callbacks, receivers, jobs.
    watched(|| {
        for result in [Ok(1), Ok(60), Ok(110), Err(1)] {
            let stage = stage(|builder| builder);
            let Stage { clock, group, jobs } = &stage;
            for fate in 0..3 {
                let submit = |key| group.submit(&Asked(key), function(result)).unwrap();
                let leader = submit(1);
                let (follower, dropped) = (submit(1), submit(1));
                submit(1).when_done(|_| no_lock("the callback"));
                #[cfg(feature = "channel")]
                let receiver = submit(1).into_receiver();
                drop(dropped);
                clock.advance(STUCK);
                let mut late = submit(1);
                drop(late.wait_timeout(Duration::ZERO));
                while let Ok(job) = jobs.try_recv() {
                    if fate == 0 { drop(job) } else { job.run() }
                }
                drop((leader.wait(), follower.wait_outcome(), late.try_get()));
                #[cfg(feature = "channel")]
                drop(receiver.recv());
                while let Ok(job) = jobs.try_recv() {
                    job.run();
                }
                drop(late);
                clock.advance(WINDOW);
            }
            drop(stage);
        }
        assert_no_offence();
    });
}

#[test]
fn no_lock_is_held_while_a_panic_goes_through() {
    // S2 S21: the payload is the user's too.
    watched(|| {
        let stage = stage(|builder| builder);
        let group = &stage.group;
        let panics = || -> Result<Watched, Watched> { resume_unwind(Box::new(Watched(1))) };
        let unwinds = catch_unwind(AssertUnwindSafe(|| group.execute(&Asked(1), panics)));
        drop(unwinds.unwrap_err());
        let ticket = group.submit(&Asked(1), panics).unwrap();
        stage.jobs.recv().unwrap().run();
        assert!(ticket.wait().unwrap_err().is_panic());
        drop(stage);
        assert_no_offence();
    });
}

#[test]
fn no_lock_is_held_while_a_run_answers_many_keys() {
    // S2 S145 S148: answers of every reach, one that comes too late, and each end of the function. Tickets follow the keys.
    watched(|| {
        for end in 0..3 {
            let stage = stage(|builder| builder);
            let Stage { clock, group, .. } = &stage;
            let keys = [1, 2, 3, 4, 5, 6].map(Asked);
            let run = || {
                group.execute_many_with(&keys, |batch| {
                    no_lock("the function");
                    for key in 1..=6 {
                        let follower = group.submit(&Asked(key), function(Ok(key))).unwrap();
                        follower.when_done(|_| no_lock("the callback"));
                    }
                    for value in [2, 3] {
                        let is_first = batch.answer(&Asked(2), Ok(Watched(value)));
                        assert_eq!(is_first, value == 2);
                    }
                    batch.answer_at(0, Ok(Watched(60)));
                    batch.answer_at(2, Ok(Watched(110)));
                    batch.answer(&Asked(4), Err(Watched(1)));
                    match end {
                        0 => assert_eq!(batch.answer_rest(|key| Ok(Watched(key.0))), 2),
                        1 => return Err(Watched(2)),
                        _ => resume_unwind(Box::new(Watched(3))),
                    }
                    Ok(())
                })
            };
            for _ in 0..2 {
                drop(catch_unwind(AssertUnwindSafe(run)));
                clock.advance(WINDOW);
            }
            drop(stage);
        }
        assert_no_offence();
    });
}

/// A key whose `Eq` calls a coalescer.
#[cfg(debug_assertions)]
struct Calling<'a>(&'a Group<u32, u32, ()>);

#[cfg(debug_assertions)]
impl Hash for Calling<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        7_u32.hash(state);
    }
}

#[cfg(debug_assertions)]
impl ToKey<u32> for Calling<'_> {
    fn is_key(&self, _: &u32) -> bool {
        self.0.try_execute(&7, || Ok(1)).is_ok()
    }

    fn to_key(&self) -> u32 {
        7
    }
}

#[cfg(debug_assertions)]
#[test]
fn an_eq_that_calls_a_coalescer_is_named() {
    // S69: it would wait for the lock that its own thread holds. Its own group, or another one.
    watched(|| {
        let own: Group<u32, u32, ()> = Group::builder().window(Duration::MAX).build();
        let other: Group<u32, u32, ()> = Group::new();
        own.execute(&7, || Ok(7)).unwrap();
        for called in [&own, &other] {
            let key = Calling(called);
            let call = AssertUnwindSafe(|| own.execute(&key, || Ok(8)));
            let panic = catch_unwind(call).unwrap_err();
            assert!(text(&*panic).contains("a key's `Eq`"), "{}", text(&*panic));
        }
        assert_eq!((coalescer::locks_held(), *own.execute(&7, || Ok(9)).unwrap()), (0, 7));
    });
}

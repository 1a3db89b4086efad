//! Stress test of tickets: random submits together with all other calls, on real threads and a real
//! pool.
//!
//! The pool drops some of its jobs, rejects some, runs some at once, and panics now and then. Threads
//! wait with tickets, for ever or briefly, look at them, drop them, await them, and make receivers and
//! callbacks of them, also inside functions. Others insert values and peek. Each call must return, each callback must be called once, the
//! counters must add up, and no value may be alive in the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Group, Job, Rejected, SlowFlight, Stats, Ticket, at_rest};
use crossbeam_channel::{Receiver, Sender, unbounded};

#[cfg(feature = "future")]
use crate::awaited;
use crate::plan::Plan;
use crate::product::{Live, alive, planned_panic};
use crate::rng::Rng;
use crate::round::check_snapshots;
use crate::watchdog::{wait_until, watched};

const WORKERS: u64 = 16;
const POOL: usize = 4;
const ROUND: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Value {
    key: usize,
    is_private: bool,
    _live: Live,
}

type Numbers = Group<usize, Value, Value>;
type Submitted = Ticket<usize, Value, Value>;

/// The state that all threads of a round share, and the events that they saw.
struct Stage {
    plan: Plan,
    group: Numbers,
    live: Live,
    ends: Instant,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicU64,
    ran: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    /// Jobs with which the executor panicked.
    lost: AtomicU64,
    called_back: AtomicU64,
    to_be_called_back: AtomicU64,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[test]
fn random_tickets_of_many_threads_keep_every_promise() {
    let _turn = crate::turn();
    let seconds = crate::number("COALESCER_STRESS_SECONDS").unwrap_or(1);
    let (mut sum, mut callbacks) = (Stats::default(), 0);
    let seed = crate::draw(seconds, |seed| {
        let (told, is_told) = unbounded();
        watched(move || told.send(round(seed)).expect("the test waits for it"));
        let (stats, called_back) = is_told.recv().expect("the round has ended");
        sum += stats;
        callbacks += called_back;
        callbacks > 0
    });
    println!("seed {seed}: {sum}, {callbacks} called back");
    assert!(callbacks > 0, "no ticket was ever called back");
}

fn round(seed: u64) -> (Stats, u64) {
    let plan = Plan::random(seed);
    // Shown only if the round fails.
    println!("COALESCER_STRESS_SEED={seed}: {plan:?}");
    let (queue, jobs) = unbounded();
    let seen = Arc::new(Seen::default());
    let group = group(&plan, queue, &seen);
    let ends = Instant::now() + ROUND;
    let live = Live::default();
    let stage =
        Arc::new(Stage { plan, group, live: Live::clone(&live), ends, seen: Arc::clone(&seen) });
    let pool: Vec<_> = (0..POOL).map(|_| start_pool_thread(jobs.clone(), seed)).collect();
    drop(jobs);
    thread::scope(|s| {
        for id in 0..WORKERS {
            let stage = &stage;
            s.spawn(move || work(stage, &Rng::new(seed ^ ((id + 1) << 32))));
        }
        s.spawn(|| observe(&stage));
    });
    // A flight that only dropped receivers wait for has no execution until its job comes to its turn.
    wait_until(|| stage.group.in_flight().is_empty() && stage.group.stats().in_flight == 0);
    wait_until(|| get(&seen.called_back) == get(&seen.to_be_called_back));
    let stats = check_rest(&stage);
    drop(stage);
    // The queue ends with the group, and with every ticket and job.
    pool.into_iter().for_each(|thread| thread.join().expect("a job unwinds into nothing"));
    assert_eq!(alive(&live), 0, "a value or a function has outlived the group");
    crate::check_process();
    (stats, get(&seen.called_back))
}

fn group(plan: &Plan, queue: Sender<Job>, seen: &Arc<Seen>) -> Numbers {
    let (rng, seen) = (std::sync::Mutex::new(Rng::new(plan.seed)), Arc::clone(seen));
    let executor = move |job: Job| {
        let dice = rng.lock().expect("nothing panics with it").below(100);
        match dice {
            0 => {
                add(&seen.lost);
                let _job = job;
                planned_panic(0, 0)
            }
            1..5 => Err(Rejected),
            5..10 => {
                job.run();
                Ok(())
            }
            _ => queue.send(job).map_err(|_| Rejected),
        }
    };
    let builder = plan.settings.builder().executor(executor);
    let after = Duration::from_micros(if plan.seed % 2 == 0 { 100 } else { 5_000 });
    let builder = builder.on_slow(after, |slow: &SlowFlight<'_, usize>| {
        if slow.key % 2 == 0 {
            planned_panic(*slow.key, 0);
        }
    });
    match plan.settings.has_rule {
        true => builder.share_if(|value: &Value| !value.is_private).build(),
        false => builder.build(),
    }
}

/// Runs jobs, and drops some: by chance, or because nobody waits for them.
fn start_pool_thread(jobs: Receiver<Job>, seed: u64) -> thread::JoinHandle<()> {
    let rng = Rng::new(!seed);
    thread::spawn(move || {
        for job in jobs {
            let is_unwanted = rng.percent(50) && !job.is_wanted();
            if !is_unwanted && !rng.percent(5) {
                job.run();
            }
        }
    })
}

fn observe(stage: &Stage) {
    let mut before = Stats::default();
    while Instant::now() < stage.ends {
        let now = stage.group.stats();
        check_snapshots(&before, &now).expect("S49");
        before = now;
        drop(stage.group.in_flight());
        thread::yield_now();
    }
}

fn work(stage: &Arc<Stage>, rng: &Rng) {
    let mut kept = Vec::new();
    while Instant::now() < stage.ends {
        let key = key(stage, rng);
        match rng.below(100) {
            0..2 => drop(stage.group.forget_all()),
            2..10 => drop(stage.group.forget(&key)),
            10..13 => insert(stage, rng, key),
            13..16 => assert!(stage.group.peek(&key).is_none_or(|value| value.key == key)),
            16..60 => submit(stage, rng, key, &mut kept),
            _ => call(stage, rng, key, 0),
        }
        if kept.len() > 8 {
            let place = usize::try_from(rng.below(8)).expect("it is small");
            use_up(stage, rng, kept.swap_remove(place));
        }
    }
    kept.into_iter().for_each(|ticket| use_up(stage, rng, ticket));
}

fn insert(stage: &Stage, rng: &Rng, key: usize) {
    let is_private = rng.percent(stage.plan.mix.private);
    let value = Value { key, is_private, _live: Live::clone(&stage.live) };
    assert_eq!(stage.group.insert(&key, value).key, key);
}

fn key(stage: &Stage, rng: &Rng) -> usize {
    usize::try_from(rng.below(stage.plan.keys as u64)).expect("keys are few")
}

fn call(stage: &Arc<Stage>, rng: &Rng, key: usize, depth: u32) {
    add(&stage.seen.calls);
    let (group, run) = (&stage.group, function(stage, rng, key, depth));
    let soon = Duration::from_micros(rng.below(300));
    let got = catch_unwind(AssertUnwindSafe(|| match rng.below(4) {
        0 => group.try_execute(&key, run),
        // In a function, a wait for a job that is queued behind it would be endless.
        1 if depth == 0 => group.execute(&key, run),
        2 if depth == 0 => group.execute_fresh(&key, run),
        _ => group.execute_timeout(&key, soon, run),
    }));
    if let Ok(Ok(value)) = got {
        assert_eq!(value.key, key);
    }
}

fn submit(stage: &Arc<Stage>, rng: &Rng, key: usize, kept: &mut Vec<Submitted>) {
    add(&stage.seen.calls);
    let run = function(stage, rng, key, 0);
    let got = catch_unwind(AssertUnwindSafe(|| stage.group.submit(&key, run)));
    let Ok(Ok(ticket)) = got else { return };
    assert_eq!(*ticket.key(), key);
    match rng.below(4) {
        0 => kept.push(ticket),
        _ => use_up(stage, rng, ticket),
    }
}

/// Does something with a ticket, after which it is gone.
fn use_up(stage: &Stage, rng: &Rng, mut ticket: Submitted) {
    let (key, seen) = (*ticket.key(), Arc::clone(&stage.seen));
    let soon = Duration::from_micros(rng.below(300));
    let used = catch_unwind(AssertUnwindSafe(|| {
        if rng.percent(30) {
            assert!(ticket.wait_timeout(soon).map_or(true, |value| value.key == key));
        }
        if rng.percent(20) {
            assert!(ticket.try_get().is_none_or(|got| got.map_or(true, |value| value.key == key)));
        }
        assert!(ticket.callers() > 0 || !ticket.is_finished());
        match rng.below(7) {
            0 => drop(ticket),
            1 => drop(ticket.into_receiver()),
            2 => {
                let got = ticket.into_receiver().recv().expect("one message comes");
                assert!(got.map_or(true, |value| value.key == key));
            }
            3 => {
                add(&seen.to_be_called_back);
                // A wrong value is not counted, because a panic here would end in the library.
                ticket.when_done(move |got| {
                    if got.map_or(true, |value| value.key == key) {
                        add(&seen.called_back);
                    }
                });
            }
            #[cfg(feature = "future")]
            4 => assert!(awaited::to_the_end(ticket).map_or(true, |value| value.key == key)),
            #[cfg(feature = "future")]
            5 => awaited::and_given_up(ticket),
            _ => assert!(ticket.wait().map_or(true, |value| value.key == key)),
        }
    }));
    // A panic of the executor passes through a wait that takes over. One of `assert!` has a text.
    if let Err(panic) = used {
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.starts_with("planned")));
    }
}

/// The function of a call. It takes some time, and makes another call.
fn function(
    stage: &Arc<Stage>,
    rng: &Rng,
    key: usize,
    depth: u32,
) -> impl FnOnce() -> Result<Value, Value> + Send + 'static {
    let (stage, live, rng) = (Arc::clone(stage), Live::clone(&stage.live), Rng::new(rng.next()));
    move || {
        add(&stage.seen.ran);
        let mix = &stage.plan.mix;
        let end = Instant::now() + Duration::from_micros(rng.below(mix.longest.min(400)));
        if depth < 2 && rng.percent(mix.nested) {
            nested(&stage, &rng, depth + 1);
        }
        while Instant::now() < end {
            thread::yield_now();
        }
        if rng.percent(mix.panics) {
            add(&stage.seen.panicked);
            planned_panic(key, 0);
        }
        let value = Value { key, is_private: rng.percent(mix.private), _live: live };
        if rng.percent(mix.errors) {
            add(&stage.seen.failed);
            return Err(value);
        }
        Ok(value)
    }
}

/// A call, or a ticket that is waited with for a moment, from within a function.
fn nested(stage: &Arc<Stage>, rng: &Rng, depth: u32) {
    let key = key(stage, rng);
    if rng.percent(50) {
        return call(stage, rng, key, depth);
    }
    add(&stage.seen.calls);
    let run = function(stage, rng, key, depth);
    let soon = Duration::from_micros(rng.below(100));
    let submit = || stage.group.submit(&key, run).and_then(|mut ticket| ticket.wait_timeout(soon));
    drop(catch_unwind(AssertUnwindSafe(submit)));
}

/// S48, S50: what is left when all calls have returned.
fn check_rest(stage: &Stage) -> Stats {
    let (stats, seen) = (stage.group.stats(), &stage.seen);
    let ends = stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
    assert_eq!(stats.total_requests, ends, "{stats:?}");
    assert_eq!(stats.total_requests, get(&seen.calls));
    // A panic of the executor counts as the leader's. One with the job of a ticket that tries to begin an
    // execution is no execution.
    let lost_leaders = stats.executed_requests - get(&seen.ran);
    assert!(lost_leaders <= get(&seen.lost), "{stats:?} {seen:?}");
    assert_eq!(stats.failed, get(&seen.failed));
    assert_eq!(stats.panicked, get(&seen.panicked) + lost_leaders);
    let under_way = stage.group.in_flight();
    assert!(under_way.is_empty(), "under way after the end: {under_way:?}");
    stage.group.forget_all();
    // A job that has answered everybody may not have gone yet.
    wait_until(|| at_rest::of_group(&stage.group).handles == 1);
    let held = at_rest::of_group(&stage.group);
    assert_eq!((held.slots, held.places), (0, 0), "something stayed in the table");
    stats
}

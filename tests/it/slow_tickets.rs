//! Who tells of a slow flight where its calls were submitted.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, SlowFlight};

use crate::support::{NS, Numbers, wait_until, watched};
use crate::tickets::Jobs;

const SLOW: Duration = Duration::from_millis(30);

/// What the hook was told: age, followers, the leader's name, whether it has ended, and by whom.
type Told = (Duration, usize, Option<String>, bool, Option<String>);

fn stage() -> (ManualClock, Arc<Mutex<Vec<Told>>>, Numbers, Jobs) {
    let (clock, log) = (ManualClock::new(), Arc::new(Mutex::new(Vec::new())));
    let (executor, jobs) = Jobs::new();
    let told = Arc::clone(&log);
    let group = Group::builder()
        .clock(clock.clone())
        .executor(executor)
        .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
            let name = |thread: &thread::Thread| thread.name().map(str::to_owned);
            let leader = slow.leader.as_ref().and_then(name);
            let by = name(&thread::current());
            told.lock().unwrap().push((slow.age, slow.followers, leader, slow.ended, by));
        })
        .build();
    (clock, log, group, jobs)
}

fn named<T: Send + 'static>(
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.into()).spawn(f).unwrap()
}

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn a_thread_that_waits_with_a_followers_ticket_tells_and_waits_on() {
    // S53: of a job that nobody runs yet, so it has no leader.
    watched(|| {
        let (clock, log, group, jobs) = stage();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let follower = group.submit("k", || unreachable!("it follows")).unwrap();
        let waits = named("clerk", move || follower.wait());
        clock.advance(SLOW);
        wait_until(|| !log.lock().unwrap().is_empty());
        clock.advance(1000 * SLOW);
        jobs.next().run();
        assert_eq!(*waits.join().unwrap().unwrap(), 1);
        assert_eq!(*leader.wait().unwrap(), 1);
        assert_eq!(*log.lock().unwrap(), [(SLOW, 1, None, false, some("clerk"))], "once a flight");
    });
}

#[test]
fn a_ticket_that_nobody_waits_with_tells_nothing_and_the_job_does_when_it_has_ended() {
    // S53 S54
    watched(|| {
        let (clock, log, group, jobs) = stage();
        let _leader = group.submit("k", || Ok(1)).unwrap();
        let mut follower = group.submit("k", || unreachable!("it follows")).unwrap();
        clock.advance(3 * SLOW);
        assert!(follower.try_get().is_none());
        assert!(log.lock().unwrap().is_empty());
        named("accountant", move || jobs.next().run()).join().unwrap();
        let accountant = some("accountant");
        assert_eq!(*log.lock().unwrap(), [(3 * SLOW, 1, accountant.clone(), true, accountant)]);
        assert_eq!(*follower.wait().unwrap(), 1);
    });
}

#[test]
fn a_submit_that_meets_a_slow_flight_tells() {
    // S53
    watched(|| {
        let (clock, log, group, jobs) = stage();
        let _leader = group.submit("k", || Ok(1)).unwrap();
        clock.advance(SLOW - NS);
        let _early = group.submit("k", || unreachable!("it follows")).unwrap();
        assert!(log.lock().unwrap().is_empty());
        clock.advance(NS);
        let submits = named("clerk", {
            let group = group.clone();
            move || drop(group.submit("k", || unreachable!("it follows")).unwrap())
        });
        submits.join().unwrap();
        let told = log.lock().unwrap().clone();
        assert_eq!((told.len(), &told[0].4, told[0].3), (1, &some("clerk"), false));
        jobs.next().run();
        assert_eq!(log.lock().unwrap().len(), 1, "once a flight");
    });
}

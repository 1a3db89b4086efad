//! The hook for flights that are slow.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Builder, ForGroup, Group, ManualClock, OnDeadlock, SlowFlight};

use crate::support::{
    Call, MS, NS, Numbers, begin, follow, followers, lead, start, wait_until, watched,
};

pub(crate) const SLOW: Duration = Duration::from_millis(30);

pub(crate) type Hooked = Builder<ForGroup, String, u32>;

/// A report that a hook got, and the thread that called the hook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) key: String,
    pub(crate) age: Duration,
    pub(crate) followers: usize,
    pub(crate) leader: Option<String>,
    pub(crate) ended: bool,
    pub(crate) by: Option<String>,
}

/// All reports that a hook got.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Told>>>);

impl Log {
    pub(crate) fn hook(&self) -> impl Fn(&SlowFlight<'_, String>) + Send + Sync + 'static {
        let log = self.clone();
        move |slow| {
            assert_eq!(slow.name, Some("reports"));
            log.0.lock().unwrap().push(Told {
                key: slow.key.clone(),
                age: slow.age,
                followers: slow.followers,
                leader: slow.leader.as_ref().and_then(|leader| leader.name().map(str::to_owned)),
                ended: slow.ended,
                by: thread::current().name().map(str::to_owned),
            });
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn only(&self) -> Told {
        let told = self.0.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    }
}

pub(crate) fn hooked(clock: &ManualClock, log: &Log) -> Hooked {
    Group::builder().name("reports").clock(clock.clone()).on_slow(SLOW, log.hook())
}

fn stage() -> (ManualClock, Log, Numbers) {
    let (clock, log) = (ManualClock::new(), Log::default());
    let group = hooked(&clock, &log).build();
    (clock, log, group)
}

/// A call that leads, on a thread of this name.
pub(crate) fn lead_as(group: &Numbers, name: &'static str, key: &'static str) -> Call<u32, String> {
    let group = group.clone();
    let call = start(move |function| {
        let named = thread::Builder::new().name(name.into());
        let led = named.spawn(move || group.call(key).outcome(function));
        led.unwrap().join().unwrap()
    });
    call.begun()
}

#[test]
fn a_follower_tells_at_the_very_time_and_waits_on() {
    // S53
    watched(|| {
        let (clock, log, group) = stage();
        let leader = lead_as(&group, "accountant", "k");
        let waiting = follow(&group, "k", 3);
        clock.advance(SLOW - NS);
        // A call at this time finds a flight that is not slow yet.
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        assert_eq!(log.len(), 0);
        clock.advance(NS);
        wait_until(|| log.len() == 1);
        let told = log.only();
        assert_eq!((told.key.as_str(), told.age, told.followers), ("k", SLOW, 3));
        assert_eq!((told.leader.as_deref(), told.ended), (Some("accountant"), false));
        clock.advance(1000 * SLOW);
        assert_eq!(followers(&group), 3, "they wait on");
        leader.returns(Ok(1)).unwrap();
        for follower in waiting {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }
        assert_eq!(log.len(), 1, "once a flight");
    });
}

#[test]
fn a_call_that_comes_and_does_not_wait_tells() {
    // S53
    watched(|| {
        let (clock, log, group) = stage();
        let leader = lead(&group, "k");
        clock.advance(2 * SLOW);
        let name = thread::current().name().map(str::to_owned);
        for _ in 0..2 {
            assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        }
        let told = log.only();
        assert_eq!((told.age, told.followers, told.ended), (2 * SLOW, 0, false));
        assert_eq!(told.by, name);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn a_call_whose_time_is_over_when_it_comes_tells() {
    // S33 S53
    watched(|| {
        let (clock, log, group) = stage();
        let leader = lead(&group, "k");
        clock.advance(SLOW);
        let told = group.execute_timeout("k", Duration::ZERO, || Ok(0));
        assert!(told.unwrap_err().is_timeout());
        assert_eq!(log.only().age, SLOW);
        leader.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_leader_tells_itself_when_nobody_came() {
    // S53: the leader calls the hook after it has published its outcome, of any kind.
    watched(|| {
        let endings: [fn() -> Result<u32, String>; 3] =
            [|| Ok(1), || Err("down".into()), || panic!("on purpose")];
        for ending in endings {
            let (clock, log, group) = stage();
            let leader = lead_as(&group, "accountant", "k");
            clock.advance(3 * SLOW);
            drop(leader.ends(ending).try_join());
            let told = log.only();
            assert_eq!((told.age, told.followers, told.ended), (3 * SLOW, 0, true));
            let accountant = Some("accountant".to_owned());
            assert_eq!((&told.leader, &told.by), (&accountant, &accountant));
        }
    });
}

#[test]
fn a_flight_that_is_fast_enough_is_not_told_of() {
    // S53: the time starts again with the next flight.
    watched(|| {
        let (clock, log, group) = stage();
        for _ in 0..3 {
            let leader = lead(&group, "k");
            let waiting = follow(&group, "k", 1);
            clock.advance(SLOW - NS);
            leader.returns(Ok(1)).unwrap();
            waiting.into_iter().for_each(|follower| drop(follower.join_unrun()));
        }
        assert_eq!(log.len(), 0);
        for flights in 1..=3 {
            let leader = lead(&group, "k");
            clock.advance(SLOW);
            leader.returns(Ok(1)).unwrap();
            assert_eq!(log.len(), flights);
        }
    });
}

#[test]
fn a_flight_without_the_setting_is_not_told_of() {
    // S53: a time beyond the end of the clock's range is never reached.
    watched(|| {
        let (clock, log) = (ManualClock::new(), Log::default());
        let group: Numbers =
            Group::builder().clock(clock.clone()).on_slow(Duration::MAX, log.hook()).build();
        let leader = lead(&group, "k");
        clock.advance(Duration::from_secs(1 << 32));
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        leader.returns(Ok(1)).unwrap();
        assert_eq!(log.len(), 0);
    });
}

#[test]
fn of_many_followers_exactly_one_tells() {
    // S53
    watched(|| {
        for _ in 0..50 {
            let (clock, log, group) = stage();
            let leader = lead(&group, "k");
            let waiting = follow(&group, "k", 8);
            clock.advance(SLOW);
            leader.returns(Ok(1)).unwrap();
            waiting.into_iter().for_each(|follower| drop(follower.join_unrun()));
            assert_eq!(log.only().key, "k");
        }
    });
}

#[test]
fn the_hook_finds_the_outcome_published_and_may_call_the_group() {
    // S2 S41 S53: the leader's hook asks for the same key.
    watched(|| {
        let clock = ManualClock::new();
        let own: Arc<Mutex<Option<Numbers>>> = Arc::default();
        let (tell, told) = channel();
        let (handle, tell) = (Arc::clone(&own), Mutex::new(tell));
        let group: Numbers = Group::builder()
            .window(Duration::MAX)
            .clock(clock.clone())
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                let group = handle.lock().unwrap().clone().unwrap();
                let value = group.call(slow.key.as_str()).outcome(|| Ok(0)).unwrap();
                tell.lock().unwrap().send((*value.value, value.role)).unwrap();
            })
            .build();
        *own.lock().unwrap() = Some(group.clone());
        let leader = lead(&group, "k");
        clock.advance(SLOW);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(told.recv().unwrap(), (1, coalescer::Role::Late));
        *own.lock().unwrap() = None;
    });
}

#[test]
fn a_panic_of_the_hook_changes_no_outcome() {
    // S24 S54: of a follower's, a leader's, and an arrival's; not even if the payload is nasty.
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("a payload that panics");
        }
    }
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .clock(clock.clone())
            .on_slow(SLOW, |_: &SlowFlight<'_, String>| std::panic::panic_any(Nasty))
            .build();
        let leader = lead(&group, "k");
        let waiting = follow(&group, "k", 2);
        clock.advance(SLOW);
        wait_until(|| followers(&group) == 2);
        leader.returns(Ok(1)).unwrap();
        for follower in waiting {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }

        let leader = lead(&group, "k");
        clock.advance(SLOW);
        assert_eq!(*leader.returns(Ok(2)).unwrap().value, 2);

        let leader = lead(&group, "k");
        clock.advance(SLOW);
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        leader.returns(Ok(3)).unwrap();
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests), (6, 3));
        assert_eq!((stats.followers, stats.refused, stats.panicked), (2, 1, 0));
    });
}

#[test]
fn a_follower_that_tells_still_has_its_deadline() {
    // S33 S54: a deadline that comes with it, and one that passes while the hook runs.
    watched(|| {
        for wait in [SLOW, SLOW + MS] {
            let clock = ManualClock::new();
            let (log, passed) = (Log::default(), clock.clone());
            let note = log.hook();
            let group: Numbers = Group::builder()
                .name("reports")
                .max_wait(wait)
                .clock(clock.clone())
                .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                    note(slow);
                    passed.advance(MS);
                })
                .build();
            let leader = lead(&group, "k");
            let waiting = follow(&group, "k", 1).remove(0);
            clock.advance(SLOW);
            assert!(waiting.join_unrun().unwrap_err().is_timeout());
            assert_eq!(log.only().followers, 1);
            leader.returns(Ok(1)).unwrap();
        }
    });
}

#[test]
fn whoever_takes_over_tells_before_it_runs() {
    // S36 S53: the flight is the same one, so the hook is not called again.
    watched(|| {
        let (clock, log) = (ManualClock::new(), Log::default());
        let group: Numbers = hooked(&clock, &log).leader_timeout(SLOW).build();
        let stuck = lead(&group, "k");
        clock.advance(SLOW);
        let second = lead(&group, "k");
        assert_eq!((log.only().age, log.only().ended), (SLOW, false));
        clock.advance(SLOW);
        second.returns(Ok(2)).unwrap();
        stuck.returns(Ok(1)).unwrap();
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn a_stuck_leader_tells_of_a_flight_that_was_decided_long_ago() {
    // S38 S53: it is under way as long as any execution of it is.
    watched(|| {
        let (clock, log) = (ManualClock::new(), Log::default());
        let group: Numbers = hooked(&clock, &log).leader_timeout(MS).window(Duration::MAX).build();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
        assert_eq!(log.len(), 0);
        clock.advance(SLOW);
        stuck.returns(Ok(1)).unwrap();
        let told = log.only();
        assert_eq!((told.age, told.followers, told.ended), (SLOW + MS, 0, true));
    });
}

#[test]
fn a_forgotten_flight_is_told_of_too() {
    // S27 S53
    watched(|| {
        let (clock, log, group) = stage();
        let leader = lead(&group, "k");
        let waiting = follow(&group, "k", 1);
        assert!(group.forget("k"));
        let second = lead(&group, "k");
        clock.advance(SLOW);
        wait_until(|| log.len() == 1);
        leader.returns(Ok(1)).unwrap();
        second.returns(Ok(2)).unwrap();
        waiting.into_iter().for_each(|follower| drop(follower.join_unrun()));
        assert_eq!(log.len(), 2, "two flights");
    });
}

#[test]
fn who_waits_for_the_flight_after_a_slow_one_tells_of_the_slow_one() {
    // S30 S53: first of that which runs, and when its own has begun, of that.
    watched(|| {
        let (clock, log, group) = stage();
        let leader = lead_as(&group, "accountant", "k");
        let fresh: Vec<_> = (0..2).map(|_| fresh(&group, "k")).collect();
        wait_until(|| followers(&group) == 2);
        clock.advance(SLOW);
        wait_until(|| log.len() == 1);
        let told = log.only();
        assert_eq!((told.leader.as_deref(), told.followers), (Some("accountant"), 0));
        leader.returns(Ok(1)).unwrap();
        wait_until(|| group.in_flight().iter().any(|flight| flight.executions == 1));
        clock.advance(SLOW - NS);
        assert_eq!(log.len(), 1);
        clock.advance(NS);
        wait_until(|| log.len() == 2);
        let second = log.0.lock().unwrap()[1].clone();
        assert_eq!((second.age, second.followers, second.ended), (SLOW, 1, false));
        let told: Vec<_> = fresh.into_iter().map(|call| call.ends(|| Ok(2))).collect();
        told.into_iter().for_each(|call| assert_eq!(*call.join().unwrap(), 2));
        assert_eq!(log.len(), 2);
    });
}

type Value = Result<Arc<u32>, coalescer::Error<String>>;

fn fresh(group: &Numbers, key: &'static str) -> Call<u32, String, Value> {
    let group = group.clone();
    start(move |function| group.execute_fresh(key, function))
}

#[test]
fn what_runs_alone_is_no_flight() {
    // S40 S41 S53
    watched(|| {
        let (clock, log) = (ManualClock::new(), Log::default());
        let group: Numbers = hooked(&clock, &log).on_deadlock(OnDeadlock::Bypass).build();
        let (inner, passed) = (group.clone(), clock.clone());
        let value = group.execute("k", move || {
            let alone = inner.execute("k", || {
                passed.advance(SLOW - NS);
                Ok(1)
            });
            Ok(*alone.unwrap() + 1)
        });
        assert_eq!((*value.unwrap(), log.len()), (2, 0));
    });
}

/// Three flights of three groups: `a` is led by a thread that waits for `b`, which is slow; its hook
/// waits for `c`. Hands out the threads that lead `b` and `c`.
fn waits_in_a_hook(
    outer: &Numbers,
    slow: &Numbers,
) -> (Call<u32, String>, thread::JoinHandle<u32>) {
    let leader = lead(slow, "b");
    let (outer, inner) = (outer.clone(), slow.clone());
    let led = thread::spawn(move || {
        let value = outer.execute("a", || Ok(*inner.execute("b", || Ok(0)).unwrap() + 1));
        *value.unwrap()
    });
    wait_until(|| followers(slow) == 1);
    (leader, led)
}

#[test]
fn a_wait_within_a_hook_takes_no_wait_out_of_the_graph() {
    // S42: the thread that leads `a` waits for `b`, and its hook for `c`. The thread that leads `b` would
    // close a cycle by waiting for `a`, while the hook waits and afterwards.
    watched(|| {
        let clock = ManualClock::new();
        let (outer, third) = (Numbers::new(), Numbers::new());
        let called = third.clone();
        let slow: Numbers = Group::builder()
            .clock(clock.clone())
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                if slow.key == "b" {
                    called.execute("c", || Ok(0)).unwrap();
                }
            })
            .build();
        let other = lead(&third, "c");
        let (leader, led) = waits_in_a_hook(&outer, &slow);
        clock.advance(SLOW);
        wait_until(|| followers(&third) == 1);
        let (asked, answer): (Sender<bool>, Receiver<bool>) = channel();
        let (handle, go) = (outer.clone(), Arc::new(Barrier::new(2)));
        let again = Arc::clone(&go);
        let leader = leader.ends(move || {
            let ask = || handle.execute("a", || Ok(0)).unwrap_err().would_deadlock();
            asked.send(ask()).unwrap();
            again.wait();
            asked.send(ask()).unwrap();
            Ok(1)
        });
        assert!(answer.recv().unwrap(), "while the hook waits");
        other.returns(Ok(3)).unwrap();
        wait_until(|| third.stats().followers == 1);
        go.wait();
        assert!(answer.recv().unwrap(), "afterwards");
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!(led.join().unwrap(), 2);
    });
}

#[test]
fn on_the_real_clock_a_follower_wakes_by_itself() {
    // S53: also without a rule that would have the start read precisely.
    watched(|| {
        let log = Log::default();
        let group: Numbers = Group::builder().name("reports").on_slow(5 * MS, log.hook()).build();
        let leader = lead(&group, "k");
        let waiting = begin(&group, "k");
        wait_until(|| log.len() == 1);
        let told = log.only();
        assert!(told.age >= 5 * MS && !told.ended, "{told:?}");
        leader.returns(Ok(1)).unwrap();
        waiting.join_unrun().unwrap();
    });
}

#[test]
#[cfg(feature = "serde")]
fn it_is_read_as_json() {
    // S53
    watched(|| {
        let clock = ManualClock::new();
        let (tell, told) = channel();
        let tell = Mutex::new(tell);
        let group: Numbers = Group::builder()
            .name("reports")
            .clock(clock.clone())
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                tell.lock().unwrap().send(serde_json::to_string(slow).unwrap()).unwrap();
            })
            .build();
        let leader = lead_as(&group, "accountant", "k");
        clock.advance(1500 * MS);
        leader.returns(Ok(1)).unwrap();
        let json = r#"{"name":"reports","key":"k","age_seconds":1.5,"followers":0,"leader":"accountant","ended":true}"#;
        assert_eq!(told.recv().unwrap(), json);
    });
}

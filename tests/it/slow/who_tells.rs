//! Which call reports a slow flight, and when.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, OnDeadlock};

use crate::support::{
    Call, MS, NS, Numbers, begin, follow, followers, lead, start, wait_until, watched,
};

use super::{Log, SLOW, hooked, lead_as, stage};

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
        let (tell, told) = std::sync::mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        let group: Numbers = Group::builder()
            .name("reports")
            .clock(clock.clone())
            .on_slow(SLOW, move |slow: &coalescer::SlowFlight<'_, String>| {
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

//! Settings that make no sense, and functions that behave badly.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, SlowFlight};

use crate::support::{MS, Numbers, follow, followers, lead, text, wait_until, watched};

/// The panic message of a setter that refuses its value.
fn refusal(set: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(set).expect_err("the setting makes no sense");
    text(&*panic).to_owned()
}

#[test]
fn a_setting_that_makes_no_sense_is_refused_by_name_and_with_a_way_out() {
    // S15 S35 S39
    watched(|| {
        let group = Group::builder::<u32, u32>;
        let refusals: [(&str, &str, String); 6] = [
            ("max_requests(0)", "max_requests unset", refusal(|| drop(group().max_requests(0)))),
            (
                "leader_timeout(0)",
                "leader_timeout unset",
                refusal(|| drop(group().leader_timeout(Duration::ZERO))),
            ),
            (
                "on_slow(0)",
                "on_slow unset",
                refusal(|| drop(group().on_slow(Duration::ZERO, |_: &SlowFlight<'_, u32>| ()))),
            ),
            ("max_leaders(0)", "use 1", refusal(|| drop(group().max_leaders(0)))),
            ("shards(0)", "use 1", refusal(|| drop(group().shards(0)))),
            ("shards(65537)", "shards unset", refusal(|| drop(group().shards(65_537)))),
        ];
        for (setting, way_out, message) in refusals {
            assert!(message.starts_with(setting), "{message}");
            assert!(message.contains(way_out), "{message}");
        }
        let coalescers = refusal(|| drop(Coalescer::builder::<u32, u32>().max_requests(0)));
        assert!(coalescers.starts_with("max_requests(0)"));
    });
}

#[test]
fn the_extremes_that_make_sense_are_taken() {
    // S11 S15
    watched(|| {
        for shards in [1, 3, 64, 65_536] {
            let group: Group<u32, u32, ()> = Group::builder()
                .max_requests(usize::MAX)
                .max_leaders(usize::MAX)
                .max_retained(usize::MAX)
                .max_join_age(Duration::MAX)
                .max_wait(Duration::ZERO)
                .leader_timeout(Duration::from_nanos(1))
                .window(Duration::MAX)
                .shards(shards)
                .build();
            assert_eq!(*group.execute(&1, || Ok(1)).unwrap(), 1);
            assert_eq!(*group.execute(&1, || Ok(2)).unwrap(), 1);
            assert_eq!(group.forget_all(), 1);
        }
    });
}

#[test]
fn a_thread_that_ends_by_a_panic_while_it_leads_leaves_nobody_waiting() {
    // S6 S22 S23
    watched(|| {
        let group = Numbers::new();
        let leading = group.clone();
        let (fail, told_to_fail) = channel::<()>();
        let doomed = thread::spawn(move || {
            let _ = leading.execute("outer", || {
                let inner = leading.execute("inner", || {
                    told_to_fail.recv().ok();
                    panic!("the thread ends here")
                });
                unreachable!("{inner:?}")
            });
        });
        wait_until(|| group.in_flight().len() == 2);
        let waiting = [follow(&group, "outer", 2), follow(&group, "inner", 2)];
        fail.send(()).unwrap();
        assert!(doomed.join().is_err());
        for follower in waiting.into_iter().flatten() {
            assert!(follower.join_unrun().unwrap_err().is_panic());
        }
        assert!(group.in_flight().is_empty());
        assert_eq!(*group.execute("outer", || Ok(1)).unwrap(), 1);
    });
}

#[test]
fn a_function_that_never_returns_holds_its_followers_no_longer_than_max_wait() {
    // S44 S6
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_wait(MS).clock(clock.clone()).build();
        let endless = lead(&group, "k");
        for _ in 0..3 {
            let waiting = follow(&group, "k", 3);
            clock.advance(MS);
            for follower in waiting {
                assert!(follower.join_unrun().unwrap_err().is_timeout());
            }
        }
        assert_eq!(followers(&group), 0);
        // The way out for everyone else.
        assert!(group.forget("k"));
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
        drop(endless);
    });
}

#[test]
fn a_handle_may_go_while_its_function_runs() {
    // S6 S26: the calls keep the group's state alive.
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 2);
        drop(group);
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        for follower in followers {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }
    });
}

#[test]
fn a_deep_chain_of_keys_is_no_cycle() {
    // S43: each function calls the next key.
    watched(|| {
        let group: Group<u32, u32, ()> = Group::new();
        fn sum_to(group: &Group<u32, u32, ()>, n: u32) -> u32 {
            let run = || Ok(if n == 0 { 0 } else { n + sum_to(group, n - 1) });
            *group.execute(&n, run).unwrap()
        }
        assert_eq!(sum_to(&group, 100), 5050);
        assert_eq!(group.stats().executed_requests, 101);
    });
}

#[test]
fn a_manual_clock_cannot_pass_its_end_and_stays_where_it_was() {
    // S11 S12
    let clock = ManualClock::new();
    clock.advance(MS);
    let before = clock.now();
    for too_far in [Duration::MAX, Duration::from_nanos(u64::MAX - 1_000_000)] {
        let advance = clock.clone();
        let advance = AssertUnwindSafe(move || advance.advance(too_far));
        let panic = catch_unwind(advance).unwrap_err();
        assert!(text(&*panic).contains("584 years"));
        assert_eq!(clock.now(), before);
    }
}

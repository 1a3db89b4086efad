//! The counters: each call is counted once, and the sums are consistent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, OnDeadlock, Stats};

use crate::support::{MS, Numbers, follow, lead, wait_until, watched};

/// The sums that hold when no call is under way.
fn assert_at_rest(stats: Stats) {
    let decided =
        stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
    assert_eq!(stats.total_requests, decided, "{stats:?}");
    assert_eq!(stats.coalesced_requests, stats.followers + stats.late, "{stats:?}");
    assert_eq!(stats.in_flight, 0, "{stats:?}");
}

#[test]
fn leaders_followers_and_late_calls_are_counted_apart() {
    // S48
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        let leader = lead(&group, "k");
        assert_eq!((group.stats().total_requests, group.stats().in_flight), (1, 1));
        let followers = follow(&group, "k", 3);
        let under_way = group.stats();
        assert_eq!((under_way.total_requests, under_way.followers), (4, 0));
        leader.returns(Ok(1)).unwrap();
        // Followers are counted at the end of the flight, even if they have not woken yet.
        assert_eq!(group.stats().followers, 3);
        followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
        (0..5).for_each(|_| drop(group.execute("k", || Ok(2))));
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests), (9, 1));
        assert_eq!((stats.followers, stats.late, stats.coalesced_requests), (3, 5, 8));
        assert_at_rest(stats);
    });
}

#[test]
fn followers_of_failures_and_panics_count_as_followers() {
    // S48
    watched(|| {
        let group = Numbers::new();
        let endings: [fn() -> Result<u32, String>; 2] =
            [|| Err("down".into()), || panic!("on purpose")];
        for ending in endings {
            let leader = lead(&group, "k");
            let followers = follow(&group, "k", 2);
            drop(leader.ends(ending).try_join());
            followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
        }
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers), (2, 4));
        assert_eq!((stats.failed, stats.panicked), (1, 1));
        assert_at_rest(stats);
    });
}

#[test]
fn calls_that_give_up_or_are_refused_are_counted_so() {
    // S48
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let late = group.execute_timeout("k", Duration::ZERO, || Ok(2));
        assert!(late.unwrap_err().is_timeout());
        assert!(group.try_execute("k", || Ok(2)).unwrap_err().would_block());
        let inner = group.clone();
        let leader = leader.ends(move || match inner.execute("k", || Ok(2)) {
            Err(error) if error.would_deadlock() => Ok(1),
            other => panic!("not refused: {other:?}"),
        });
        leader.join().unwrap();
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests), (4, 1));
        assert_eq!((stats.timed_out, stats.refused), (1, 2));
        assert_at_rest(stats);
    });
}

#[test]
fn every_call_that_runs_its_own_function_counts_as_executed() {
    // S48: a take-over, the followers of an unshareable value, and a bypass.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .leader_timeout(MS)
            .share_if(|value: &u32| *value != 13)
            .on_deadlock(OnDeadlock::Bypass)
            .clock(clock.clone())
            .build();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        group.execute("k", || Ok(2)).unwrap();
        stuck.returns(Ok(1)).unwrap();
        assert_eq!((group.stats().executed_requests, group.stats().takeovers), (2, 1));

        let leader = lead(&group, "k");
        let released = follow(&group, "k", 2);
        leader.returns(Ok(13)).unwrap();
        let released: Vec<_> = released.into_iter().map(|call| call.ends(|| Ok(3))).collect();
        released.into_iter().for_each(|call| drop(call.join().unwrap()));
        assert_eq!(group.stats().executed_requests, 5);

        let nested = || Ok(*group.execute("k", || Ok(4)).unwrap());
        assert_eq!(*group.execute("k", nested).unwrap(), 4);
        assert_eq!(group.stats().executed_requests, 7);
        assert_eq!(group.stats().coalesced_requests, 0);
        assert_at_rest(group.stats());
    });
}

/// The counters that never go back, and the calls that are decided.
fn assert_follows(earlier: Stats, later: Stats) {
    let fields = |s: Stats| {
        [
            s.total_requests,
            s.executed_requests,
            s.coalesced_requests,
            s.followers,
            s.late,
            s.failed,
            s.panicked,
            s.timed_out,
            s.refused,
            s.takeovers,
        ]
    };
    let went_back = fields(earlier).into_iter().zip(fields(later)).any(|(a, b)| b < a);
    assert!(!went_back, "{earlier:?}\n{later:?}");
    let decided =
        later.executed_requests + later.coalesced_requests + later.timed_out + later.refused;
    assert!(decided + later.in_flight <= later.total_requests, "{later:?}");
}

#[test]
fn counters_never_go_back_and_never_show_more_ends_than_calls() {
    // S49, and S48 in the end
    watched(|| {
        let group: Group<u32, u32, ()> = Group::builder()
            .window(MS / 10)
            .max_requests(5)
            .share_if(|value: &u32| value % 7 != 0)
            .build();
        let done = AtomicBool::new(false);
        let work = |seed: u32| {
            for n in 0..2000 {
                let key = (n + seed) % 3;
                let run = || if n % 11 == 0 { Err(()) } else { Ok(n) };
                match n % 5 {
                    0 => drop(group.try_execute(&key, run)),
                    1 => drop(group.execute_timeout(&key, Duration::ZERO, run)),
                    2 => drop(group.execute_fresh(&key, run)),
                    _ => drop(group.execute(&key, run)),
                }
            }
        };
        let (work, group, done) = (&work, &group, &done);
        thread::scope(|s| {
            let watcher = s.spawn(move || {
                let mut earlier = Stats::default();
                while !done.load(Ordering::SeqCst) {
                    let later = group.stats();
                    assert_follows(earlier, later);
                    earlier = later;
                }
            });
            let workers: Vec<_> = (0..3).map(|seed| s.spawn(move || work(seed))).collect();
            wait_until(|| workers.iter().all(|worker| worker.is_finished()));
            done.store(true, Ordering::SeqCst);
            watcher.join().unwrap();
        });
        assert_eq!(group.stats().total_requests, 6000);
        assert_at_rest(group.stats());
    });
}

#[test]
fn the_counters_are_read_as_json() {
    // S48: the text for a log, by `Display`.
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        (0..4).for_each(|_| drop(group.execute("k", || Ok(1)).unwrap()));
        let stats = group.stats();
        assert_eq!(stats.coalesced_ratio(), 0.75);
        assert!(stats.to_string().starts_with("4 calls, 1 executed, 3 coalesced (75.0 %)"));
        #[cfg(feature = "serde")]
        assert_eq!(
            serde_json::to_value(stats).unwrap(),
            serde_json::json!({
                "total_requests": 4, "executed_requests": 1, "coalesced_requests": 3,
                "followers": 0, "late": 3, "shared": 0, "failed": 0, "panicked": 0,
                "timed_out": 0, "refused": 0, "takeovers": 0, "refreshes": 0, "refresh_failures": 0, "batches": 0, "in_flight": 0,
            })
        );
    });
}

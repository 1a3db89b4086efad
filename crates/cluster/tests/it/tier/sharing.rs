//! One execution a key and window, for all processes (C1 to C10, C24).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Error, ManualClock, Role, ShareWith};
use coalescer_cluster::engine::{Claim, Engine, Inbox, Token};
use coalescer_cluster::{Cluster, Memory};

use super::{Function, MINUTE, Site, Table, key_of, led_and_awaited, open, site, site_of, users};
use crate::support::{wait_until, watched};

#[test]
fn c1_the_second_process_gets_what_the_first_has_made() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        assert_eq!(here.call(7).role, Role::Leader);
        let outcome = there.call(7);
        assert_eq!((*outcome.value, outcome.role), (1, Role::Shared));
        assert_eq!(there.users.stats().shared, 1);
        assert_eq!(there.users.stats().executed_requests, 0);
        assert_eq!(there.call(8).role, Role::Leader, "another key");
    });
}

/// C3: after the first call, a process has a copy and asks nobody.
#[test]
fn c3_a_late_call_asks_nobody() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        for site in [&here, &there] {
            site.call(7);
            let asked = site.cluster.stats().round_trips;
            assert_eq!(site.call(7).role, Role::Late);
            assert_eq!(site.cluster.stats().round_trips, asked);
        }
        assert_eq!(here.cluster.stats().leads, 1);
        assert_eq!(there.cluster.stats().hits, 1);
    });
}

/// C5: a process that has just started counts the window from the begin of the flight, which its clock does not reach.
#[test]
fn c5_a_young_process_does_not_keep_an_old_result_for_longer() {
    watched(|| {
        let [old, young] = [(); 2].map(|()| ManualClock::new());
        let (engine, function) = (Memory::with_clock(old.clone()), Function::default());
        let site = |clock: &ManualClock| {
            let set = |table: Table<u32>| table.clock(clock.clone());
            site_of(open(engine.clone()), set, users, function.body())
        };
        let here = site(&old);
        assert_eq!(here.value(7), 1);
        old.advance(MINUTE * 2 / 3);
        let there = site(&young);
        assert_eq!((there.value(7), there.call(7).role), (1, Role::Late));
        [&old, &young].iter().for_each(|clock| clock.advance(MINUTE / 3));
        assert_eq!(there.value(7), 2);
    });
}

/// The same for a process that goes on with the flight of a leader that has gone: what it makes is for the rest of the window.
#[test]
fn c5_a_young_process_that_takes_over_does_not_keep_its_result_for_longer() {
    watched(|| {
        let [old, young] = [(); 2].map(|()| ManualClock::new());
        let (engine, function) = (Memory::with_clock(old.clone()), Function::default());
        // A process that was killed: its claim stands, and its inbox has no listener.
        let token = Token::new(Inbox::draw("shop"), 1);
        engine.claim(&Claim::new(key_of(7), &token, 2 * MINUTE), MINUTE).unwrap();
        old.advance(MINUTE * 2 / 3);
        let set = |table: Table<u32>| table.clock(young.clone());
        let there = site_of(open(engine.clone()), set, users, function.body());
        thread::scope(|scope| {
            let call = scope.spawn(|| there.call(7));
            // The looks for the leader are by the engine's clock.
            while !call.is_finished() {
                old.advance(Duration::from_millis(1));
                thread::yield_now();
            }
            assert_eq!(*call.join().unwrap().value, 1);
        });
        assert_eq!(there.cluster.stats().takeovers, 1);
        [&old, &young].iter().for_each(|clock| clock.advance(MINUTE / 3));
        assert_eq!(there.value(7), 2);
    });
}

/// C1, C6 and worked example 2: a window of zero, 8 processes of 8 threads at a barrier.
#[test]
fn c6_with_a_window_of_zero_those_who_wait_get_it() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let sites: Vec<_> =
            (0..8).map(|_| site(engine.clone(), Duration::ZERO, &function)).collect();
        function.hold();
        let barrier = Barrier::new(64);
        thread::scope(|scope| {
            let callers: Vec<_> = sites
                .iter()
                .flat_map(|site| [(); 8].map(|()| site))
                .map(|site| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        site.call(7).role
                    })
                })
                .collect();
            let waiting = || {
                sites.iter().map(Site::followers).sum::<usize>() == 56
                    && sites.iter().map(|site| site.cluster.stats().follows).sum::<u64>() >= 7
            };
            wait_until(waiting);
            function.let_go();
            let roles: Vec<_> = callers.into_iter().map(|call| call.join().unwrap()).collect();
            let count = |role| roles.iter().filter(|found| **found == role).count();
            assert_eq!(
                (count(Role::Leader), count(Role::Shared), count(Role::Follower)),
                (1, 7, 56)
            );
        });
        assert_eq!(function.runs(), 1);
    });
}

/// C7: within a process all get one allocation.
#[test]
fn c7_a_process_decodes_once() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        here.call(7);
        let [one, other] = [(); 2].map(|()| there.call(7).value);
        assert!(Arc::ptr_eq(&one, &other));
    });
}

fn with_errors(engine: &Memory, shares: bool) -> Coalescer<u64, u32, String> {
    let open = open(engine.clone());
    let set = |table: Table<u32>| table.error_window(MINUTE);
    let fail = |key: &u64| Err(format!("there is no user {key}"));
    let site = match shares {
        true => site_of(open, set, |cluster| users(cluster).share_errors(), fail),
        false => site_of(open, set, users, fail),
    };
    site.users
}

#[test]
fn c9_errors_stay_in_their_process_unless_they_are_shared() {
    watched(|| {
        for shares in [false, true] {
            let engine = Memory::new();
            let [here, there] = [(); 2].map(|()| with_errors(&engine, shares));
            assert!(here.execute(&7).is_err());
            let Err(Error::Failed(error)) = there.execute(&7) else { panic!("it fails as well") };
            assert_eq!(*error, "there is no user 7");
            assert_eq!(there.stats().executed_requests, u64::from(!shares));
            assert_eq!(there.stats().shared, u64::from(shares));
        }
    });
}

/// C8: what is for nobody else, and what is for those who wait.
#[test]
fn c8_what_is_not_shared_is_run_by_each_process() {
    watched(|| {
        for share in [ShareWith::Nobody, ShareWith::Followers] {
            let (engine, function) = (Memory::new(), Function::default());
            let is_written = Arc::new(AtomicBool::new(false));
            let [here, there] = [(); 2].map(|()| {
                let is_written = Arc::clone(&is_written);
                let notices = move |_: &u32, _: &u32| {
                    is_written.store(true, Ordering::SeqCst);
                    true
                };
                let set = |table: Table<u32>| table.share_with(move |_| share);
                let share = |cluster: &Cluster| users(cluster).check_with(notices);
                site_of(open(engine.clone()), set, share, function.body())
            });
            let waits = (&there.cluster, || there.call(7).role);
            let (first, second) = led_and_awaited(&function, || here.value(7), waits, || {});
            assert_eq!(first.unwrap(), 1);
            let expected = match share {
                ShareWith::Nobody => Role::Leader,
                _ => Role::Shared,
            };
            assert_eq!(second, expected, "{share:?}");
            let runs = function.runs();
            there.call(7);
            assert_eq!(function.runs(), runs + 1, "it is kept nowhere");
            let is_for_others = share != ShareWith::Nobody;
            assert_eq!(is_written.load(Ordering::SeqCst), is_for_others, "{share:?}");
        }
    });
}

/// A value that lives for less than its window does so in each process.
#[test]
fn a_shorter_life_is_as_short_in_other_processes() {
    watched(|| {
        let clock = coalescer::ManualClock::new();
        let (engine, function) = (Memory::with_clock(clock.clone()), Function::default());
        let [here, there] = [(); 2].map(|()| {
            let set = |table: Table<u32>| {
                let table = table.share_with(|_| ShareWith::For(Duration::from_secs(1)));
                table.clock(clock.clone())
            };
            site_of(open(engine.clone()), set, users, function.body())
        });
        here.call(7);
        assert_eq!(there.call(7).role, Role::Shared);
        clock.advance(Duration::from_millis(999));
        assert_eq!(there.call(7).role, Role::Late);
        clock.advance(Duration::from_millis(1));
        assert_eq!(there.call(7).role, Role::Leader);
    });
}

#[test]
fn c10_a_panic_is_told_as_text() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| {
            let function = function.clone();
            let panics = move |_: &u64| -> Result<u32, String> {
                function.run();
                panic!("no such table")
            };
            site_of(open(engine.clone()), |table| table, users, panics)
        });
        let waits = (&there.cluster, || there.users.execute(&7));
        let (first, second) = led_and_awaited(&function, || here.value(7), waits, || {});
        assert!(first.is_err());
        let Err(Error::LeaderPanicked { message }) = second else { panic!("it is told") };
        assert_eq!(message.as_deref(), Some("no such table"));
        assert_eq!(function.runs(), 1);
    });
}

/// C24: fresh calls of all processes that come during one flight share one successor.
#[test]
fn c24_fresh_calls_share_a_successor() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let sites = [(); 4].map(|()| site(engine.clone(), MINUTE, &function));
        function.hold();
        thread::scope(|scope| {
            let first = scope.spawn(|| sites[0].value(7));
            function.wait_for(1);
            let fresh: Vec<_> = sites[1..]
                .iter()
                .map(|site| scope.spawn(|| *site.users.execute_fresh(&7).unwrap()))
                .collect();
            wait_until(|| sites[1..].iter().all(|site| site.cluster.stats().waits >= 1));
            function.let_go();
            assert_eq!(first.join().unwrap(), 1);
            for call in fresh {
                assert_eq!(call.join().unwrap(), 2);
            }
        });
        assert_eq!(function.runs(), 2);
        assert_eq!(*sites[0].users.execute_fresh(&7).unwrap(), 3, "a result is not fresh");
    });
}

/// C24, S30: the clock stands still, so a fresh call comes at the time of one before it. It gets nothing of that one's run,
/// neither where that ran nor where it was served.
#[test]
fn c24_a_fresh_call_at_the_time_of_the_last_one_gets_a_run_of_its_own() {
    watched(|| {
        let (clock, function) = (ManualClock::new(), Function::default());
        let engine = Memory::with_clock(clock.clone());
        let [first, here, there] = [(); 3].map(|()| {
            let set = |table: Table<u32>| table.clock(clock.clone());
            site_of(open(engine.clone()), set, users, function.body())
        });
        let fresh = |site: &Site| *site.users.execute_fresh(&7).unwrap();
        function.hold();
        thread::scope(|scope| {
            let led = scope.spawn(|| first.value(7));
            function.wait_for(1);
            let calls = [&here, &there].map(|site| scope.spawn(move || fresh(site)));
            wait_until(|| [&here, &there].iter().all(|site| site.cluster.stats().waits >= 1));
            function.let_go();
            assert_eq!(led.join().unwrap(), 1);
            assert_eq!(calls.map(|call| call.join().unwrap()), [2, 2]);
        });
        assert_eq!([&here, &there].map(|site| site.value(7)), [2, 2], "both keep a copy");
        assert_eq!([&here, &there].map(fresh), [3, 4], "it began before the call");
    });
}

/// C2: a process that has used an outcome up asks for another one.
#[test]
fn c2_a_used_up_outcome_is_not_taken_again() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let set = |table: Table<u32>| table.max_requests(3);
        let [here, there] =
            [(); 2].map(|()| site_of(open(engine.clone()), set, users, function.body()));
        let calls = |site: &Site, count| (0..count).map(|_| site.value(7)).collect::<Vec<_>>();
        assert_eq!(calls(&here, 4), [1, 1, 1, 2]);
        assert_eq!(calls(&there, 3), [2, 2, 2], "another process counts by itself");
        assert_eq!(calls(&there, 1), [3]);
    });
}

#[test]
fn all_promises_hold_in_memory() {
    watched(|| {
        let engine = Memory::new();
        super::suite::all(&|| engine.clone());
    });
}

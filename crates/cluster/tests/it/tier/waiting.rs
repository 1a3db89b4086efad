//! Deadlines, tries, and cycles over processes (C13, C14, C18).

use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Error, Role};
use coalescer_cluster::Memory;

use super::{Function, MINUTE, led_and_awaited, open, opened, site, site_with};
use crate::support::{wait_until, watched};

#[test]
fn c13_a_call_that_waits_for_another_process_has_its_deadline() {
    const LIMIT: Duration = Duration::from_millis(20);
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        function.hold();
        thread::scope(|scope| {
            let first = scope.spawn(|| here.value(7));
            function.wait_for(1);
            let timed_out = there.users.call(&7).timeout(LIMIT).run();
            assert!(matches!(timed_out, Err(Error::TimedOut)));
            // C14: it asks, and does not wait.
            assert!(matches!(there.users.try_execute(&7), Err(Error::WouldBlock)));
            // The asking call gives its place to one of its followers.
            let asks = scope.spawn(|| there.users.call(&7).timeout(3 * LIMIT).run().is_err());
            wait_until(|| there.users.in_flight().len() == 1);
            let follows = scope.spawn(|| there.call(7).role);
            assert!(asks.join().unwrap());
            function.let_go();
            assert_eq!(first.join().unwrap(), 1);
            assert_eq!(follows.join().unwrap(), Role::Shared);
        });
        assert_eq!(function.runs(), 1);
    });
}

#[test]
fn a_call_runs_its_own_function_when_it_has_waited_enough() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let here = site(engine.clone(), MINUTE, &function);
        let there = site_with(open(engine), MINUTE, &function, |shared| {
            shared.max_remote_wait(Duration::from_millis(20))
        });
        function.hold();
        thread::scope(|scope| {
            let first = scope.spawn(|| here.value(7));
            function.wait_for(1);
            let second = scope.spawn(|| there.value(7));
            function.wait_for(2);
            function.let_go();
            assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 2));
        });
        assert_eq!(there.cluster.stats().alone.waited_enough, 1);
        assert_eq!(there.value(7), 1, "the engine does not know of its own value, so it kept none");
    });
}

/// C18: A leads 1 and asks for 2, B leads 2 and asks for 1.
#[test]
fn c18_a_cycle_over_processes_ends() {
    watched(|| {
        let engine = Memory::new();
        let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
        let sites = [1_u64, 2].map(|first| {
            let cluster = opened(open(engine.clone()));
            let inner = std::sync::Arc::new(std::sync::OnceLock::new());
            let (users, barrier) = (std::sync::Arc::clone(&inner), std::sync::Arc::clone(&barrier));
            let shared = super::users(&cluster).nested_wait(Duration::from_millis(50));
            let built: Coalescer<u64, u64, String> =
                Coalescer::builder().window(MINUTE).shared(shared).build(move |key: &u64| {
                    if *key != first {
                        return Ok(*key);
                    }
                    barrier.wait();
                    let users: &Coalescer<u64, u64, String> = users.get().unwrap();
                    let other = users.execute(&(3 - key)).map_err(|error| error.to_string())?;
                    Ok(*other + key)
                });
            inner.set(built).map_err(drop).unwrap();
            (inner, first)
        });
        thread::scope(|scope| {
            let calls = sites.each_ref().map(|(users, first)| {
                scope.spawn(move || *users.get().unwrap().execute(first).unwrap())
            });
            // One gives up first, and runs the other's function. The other one may get the whole of that.
            let values = calls.map(|call| call.join().unwrap());
            assert!([[3, 3], [4, 3], [3, 5]].contains(&values), "{values:?}");
        });
    });
}

#[test]
fn operators_see_for_whom_a_flight_waits() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let waits = (&there.cluster, || there.value(7));
        let (first, second) = led_and_awaited(
            &function,
            || here.value(7),
            waits,
            || {
                assert!(here.users.in_flight()[0].elsewhere.is_none());
                wait_until(|| {
                    there.users.in_flight().iter().any(|flight| flight.elsewhere.is_some())
                });
                let elsewhere = there.users.in_flight()[0].elsewhere.clone().unwrap();
                assert!(format!("{:?}", here.cluster).contains(&elsewhere.holder), "{elsewhere:?}");
                assert!(elsewhere.age < MINUTE);
            },
        );
        assert_eq!((first.unwrap(), second), (1, 1));
        assert!(there.users.in_flight().is_empty());
    });
}

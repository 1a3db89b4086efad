//! The promises that hold for every engine. The tests of other engines run this file as well.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use coalescer::{Error, Role, ShareWith};
use coalescer_cluster::Cluster;
use coalescer_cluster::engine::Engine;

use super::{Function, MINUTE, Site, Table, led_and_awaited, site, site_of};
use crate::support::wait_until;

/// Runs all of it. `open` gives each process its engine.
pub(crate) fn all<N: Engine>(open: &(impl Fn() -> N + Sync)) {
    a_key_is_run_once(open);
    a_herd_of_all_processes_is_one_execution(open);
    errors_and_panics(open);
    fresh_calls_share_a_successor(open);
    forgetting(open);
    a_forgotten_flight_is_for_those_who_waited(open);
    what_was_forgotten_and_goes_to_nobody_is_for_those_who_waited(open);
    what_is_not_shared_is_run_by_each(open);
    deadlines(open);
    large_values(open);
}

fn sites<N: Engine>(open: &impl Fn() -> N, window: Duration, function: &Function) -> Vec<Site> {
    (0..3).map(|_| answering(site(open(), window, function))).collect()
}

/// The engine answers this process.
fn answering<V>(site: Site<V>) -> Site<V> {
    site.cluster.ping().unwrap();
    site
}

/// Calls of this process wait for another one.
fn waits(site: &Site) -> bool {
    let stats = site.cluster.stats();
    stats.follows + stats.waits >= 1
}

fn a_key_is_run_once<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let sites = sites(open, MINUTE, &function);
    assert_eq!(sites[0].call(1).role, Role::Leader);
    for site in &sites {
        for _ in 0..3 {
            let outcome = site.call(1);
            assert!(matches!(outcome.role, Role::Late | Role::Shared), "{:?}", outcome.role);
            assert_eq!(*outcome.value, 1);
        }
    }
    assert_eq!(function.runs(), 1);
    assert_eq!(sites[1].value(2), 2, "another key");
}

/// A call of each process comes first: one leads, two wait for it. Then all others join them.
fn a_herd_of_all_processes_is_one_execution<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let sites = sites(open, Duration::ZERO, &function);
    function.hold();
    let barrier = Barrier::new(9);
    thread::scope(|scope| {
        for site in &sites {
            scope.spawn(|| assert_eq!(site.value(3), 1));
        }
        function.wait_for(1);
        let waits = |site: &&Site| site.users.in_flight().iter().any(|one| one.elsewhere.is_some());
        wait_until(|| sites.iter().filter(waits).count() == 2);
        for site in sites.iter().flat_map(|site| [site; 3]) {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                assert_eq!(site.value(3), 1);
            });
        }
        wait_until(|| sites.iter().map(Site::followers).sum::<usize>() == 9);
        function.let_go();
    });
    assert_eq!(function.runs(), 1);
    assert_eq!(sites[2].value(3), 2, "nothing is left of it");
}

fn errors_and_panics<N: Engine>(open: &impl Fn() -> N) {
    for panics in [false, true] {
        let function = Function::default();
        let [here, there] = [(); 2].map(|()| {
            let function = function.clone();
            let run = move |_: &u64| -> Result<u32, String> {
                let run = function.run();
                assert!(!panics, "run {run} panics");
                Err(format!("run {run} fails"))
            };
            let share = |cluster: &Cluster| cluster.named("fails").schema("1").share_errors();
            answering(site_of(super::open(open()), |table| table, share, run))
        });
        let waits = (&there.cluster, || there.users.execute(&1));
        match led_and_awaited(&function, || here.users.execute(&1), waits, || {}) {
            (Ok(Err(Error::Failed(_))), Err(Error::Failed(error))) => {
                assert_eq!(*error, "run 1 fails");
            }
            (Err(_), Err(Error::LeaderPanicked { message })) => {
                assert_eq!(message.as_deref(), Some("run 1 panics"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(function.runs(), 1);
    }
}

fn fresh_calls_share_a_successor<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let sites = sites(open, MINUTE, &function);
    function.hold();
    thread::scope(|scope| {
        let first = scope.spawn(|| sites[0].value(4));
        function.wait_for(1);
        let fresh: Vec<_> = sites[1..]
            .iter()
            .map(|site| scope.spawn(|| *site.users.execute_fresh(&4).unwrap()))
            .collect();
        wait_until(|| sites[1..].iter().all(waits));
        function.let_go();
        assert_eq!(first.join().unwrap(), 1);
        fresh.into_iter().for_each(|call| assert_eq!(call.join().unwrap(), 2));
    });
    assert_eq!(*sites[0].users.execute_fresh(&4).unwrap(), 3);
}

fn forgetting<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let sites = sites(open, MINUTE, &function);
    sites.iter().for_each(|site| assert_eq!(site.value(5), 1));
    assert_eq!(sites[1].users.forget_everywhere(&5), Ok(true));
    sites.iter().for_each(|site| assert_eq!(site.value(5), 2));
    sites[2].users.forget_all_everywhere().unwrap();
    sites.iter().for_each(|site| assert_eq!(site.value(5), 3));
    assert_eq!(function.runs(), 3);
}

fn a_forgotten_flight_is_for_those_who_waited<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let sites = sites(open, MINUTE, &function);
    function.hold();
    thread::scope(|scope| {
        let old = scope.spawn(|| sites[0].value(6));
        function.wait_for(1);
        let waiting = scope.spawn(|| sites[1].value(6));
        wait_until(|| waits(&sites[1]));
        sites[2].users.forget_everywhere(&6).unwrap();
        let new = scope.spawn(|| sites[2].value(6));
        function.wait_for(2);
        function.let_go();
        assert_eq!((old.join().unwrap(), waiting.join().unwrap(), new.join().unwrap()), (1, 1, 2));
    });
    sites.iter().for_each(|site| assert_eq!(site.value(6), 2));
}

/// C19, S28: the same where other processes get no outcome: an error that stays, or a value that is too large. A call of the
/// leader's process that came after the forget does not get it.
fn what_was_forgotten_and_goes_to_nobody_is_for_those_who_waited<N: Engine>(open: &impl Fn() -> N) {
    for fails in [false, true] {
        let function = Function::default();
        let [here, there] = [(); 2].map(|()| {
            let function = function.clone();
            let run = move |_: &u64| match function.run() {
                1 if fails => Err("not found".to_owned()),
                run => Ok(run),
            };
            let share = |cluster: &Cluster| cluster.named("none").schema("1").max_value(1);
            answering(site_of(super::open(open()), |table| table, share, run))
        });
        function.hold();
        thread::scope(|scope| {
            let old = scope.spawn(|| here.users.execute(&8));
            function.wait_for(1);
            there.users.forget_everywhere(&8).unwrap();
            let new = scope.spawn(|| here.value(8));
            // An engine with messages has told this process, so the call joins nobody.
            wait_until(|| here.followers() == 1 || function.runs() == 2);
            function.let_go();
            assert_eq!(old.join().unwrap().is_err(), fails);
            assert_eq!(new.join().unwrap(), 2, "it was forgotten before the call");
        });
    }
}

fn what_is_not_shared_is_run_by_each<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let [here, there] = [(); 2].map(|()| {
        let set = |table: Table<u32>| table.share_with(|_| ShareWith::Nobody);
        let share = |cluster: &Cluster| cluster.named("own").schema("1");
        answering(site_of(super::open(open()), set, share, function.body()))
    });
    let waits = (&there.cluster, || there.value(1));
    let (first, second) = led_and_awaited(&function, || here.value(1), waits, || {});
    assert_eq!((first.unwrap(), second), (1, 2));
}

fn deadlines<N: Engine>(open: &impl Fn() -> N) {
    let function = Function::default();
    let sites = sites(open, MINUTE, &function);
    function.hold();
    thread::scope(|scope| {
        let first = scope.spawn(|| sites[0].value(7));
        function.wait_for(1);
        let limit = Duration::from_millis(30);
        let timed_out = sites[1].users.execute_timeout(&7, limit);
        assert!(matches!(timed_out, Err(Error::TimedOut)), "{timed_out:?}");
        let refused = sites[1].users.try_execute(&7);
        assert!(matches!(refused, Err(Error::WouldBlock)), "{refused:?}");
        function.let_go();
        assert_eq!(first.join().unwrap(), 1);
    });
}

fn large_values<N: Engine>(open: &impl Fn() -> N) {
    for window in [Duration::ZERO, MINUTE] {
        let function = Function::default();
        let [here, there] = [(); 2].map(|()| {
            let function = function.clone();
            let run = move |_: &u64| {
                function.run();
                Ok("x".repeat(200_000))
            };
            let share = |cluster: &Cluster| cluster.named("large").schema("1");
            answering(site_of(super::open(open()), |table| table.window(window), share, run))
        });
        let waits = (&there.cluster, || there.call(1).value);
        let (first, second) = led_and_awaited(&function, || here.call(1).value, waits, || {});
        assert_eq!(second.len(), 200_000);
        assert_eq!(first.unwrap(), second);
        assert_eq!(function.runs(), 1);
    }
}

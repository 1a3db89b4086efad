//! All ways to call share: groups, tickets, a manager, and the attribute. And what a handle has (C12, C26, C29).

use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;

use coalescer::{Group, Manager, NameError, Role, coalesce};
use coalescer_cluster::engine::ErrorKind;
use coalescer_cluster::{Cluster, Memory};

use super::{Function, MINUTE, open, site};
use crate::support::{wait_until, watched};

#[test]
fn groups_share() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] = [(); 2].map(|()| {
            let cluster = open(engine.clone()).open().unwrap();
            let shared = cluster.named("prices").schema("1");
            let prices: Group<String, u32, String> =
                Group::builder().window(MINUTE).shared(shared).build();
            prices
        });
        assert_eq!(*here.execute("apple", || Ok(3)).unwrap(), 3);
        assert_eq!(*there.execute("apple", || Err("it does not run".into())).unwrap(), 3);
    });
}

/// The question of a submitted call is asked on the executor's thread.
#[test]
fn tickets_share() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let here = site(engine.clone(), MINUTE, &function);
        let cluster = open(engine).open().unwrap();
        let (send, jobs) = channel::<coalescer::Job>();
        let worker = thread::spawn(move || jobs.into_iter().for_each(coalescer::Job::run));
        let there = coalescer::Coalescer::builder()
            .window(MINUTE)
            .executor(move |job| send.send(job).unwrap())
            .shared(cluster.named("users").schema("1"))
            .build(|_: &u64| Err::<u32, String>("it does not run".into()));
        function.hold();
        thread::scope(|scope| {
            let first = scope.spawn(|| here.value(7));
            function.wait_for(1);
            let tickets = [(); 3].map(|()| there.submit(&7).unwrap());
            wait_until(|| cluster.stats().follows >= 1);
            function.let_go();
            assert_eq!(first.join().unwrap(), 1);
            for ticket in tickets {
                assert_eq!(*ticket.wait().unwrap(), 1);
            }
        });
        assert_eq!(there.stats().executed_requests, 0);
        drop(there);
        worker.join().unwrap();
    });
}

#[test]
fn a_manager_compares_how_its_coalescers_share() {
    let cluster = open(Memory::new()).open().unwrap();
    let manager = Manager::new();
    let load = |id: &u64| Ok::<u64, String>(*id);
    let shared = || cluster.named("users").schema("1");
    let add = |schema: Option<&str>| {
        let shared = schema.map_or_else(shared, |schema| shared().schema(schema));
        manager.named_with("users", |builder| builder.shared(shared), load)
    };
    let users = add(None).unwrap();
    assert_eq!(*users.execute(&7).unwrap(), 7);
    assert_eq!(cluster.stats().leads, 1);
    assert!(add(None).is_ok());
    let other = add(Some("2")).map(drop);
    assert!(matches!(other, Err(NameError::OtherSettings { setting: "shared", .. })), "{other:?}");
    let alone = manager.named("users", load).map(drop);
    assert!(matches!(alone, Err(NameError::OtherSettings { setting: "shared", .. })), "{alone:?}");
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| open(Memory::new()).open().unwrap())
}

#[coalesce(window = "1m", shared = cluster().named("rates").schema("1"))]
fn rate(currency: &str) -> Result<u32, String> {
    Ok(currency.len() as u32)
}

#[test]
fn a_function_with_the_attribute_shares() {
    watched(|| {
        assert_eq!(*rate("EUR").unwrap(), 3);
        assert_eq!(cluster().stats().leads, 1);
        let other: Group<String, u32, String> =
            Group::builder().window(MINUTE).shared(cluster().named("rates").schema("1")).build();
        let outcome = other.call("EUR").outcome(|| Err("it does not run".into())).unwrap();
        assert_eq!((*outcome.value, outcome.role), (3, Role::Shared));
    });
}

/// C12: a leader has its own result, although the engine fails when it is published.
#[test]
fn c12_a_leader_has_its_own_result() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let here = site(engine.clone(), MINUTE, &function);
        function.hold();
        thread::scope(|scope| {
            let leader = scope.spawn(|| here.call(7).role);
            function.wait_for(1);
            let follower = scope.spawn(|| here.call(7).role);
            wait_until(|| here.followers() == 1);
            engine.fail_with(ErrorKind::TimedOut);
            function.let_go();
            assert_eq!(leader.join().unwrap(), Role::Leader);
            assert_eq!(follower.join().unwrap(), Role::Follower);
        });
        engine.fail_with(None);
        // What it leads there is released, so another process need not wait for the lease.
        let there = site(engine, MINUTE, &function);
        assert_eq!(there.value(7), 2);
    });
}

/// C29: an engine that is down at the start is no error, and the process joins when it is up.
#[test]
fn c29_a_cluster_opens_without_its_engine() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        engine.fail_with(ErrorKind::Refused);
        let here = site(engine.clone(), MINUTE, &function);
        assert!(here.cluster.ping().is_err());
        assert_eq!(here.value(7), 1);
        engine.fail_with(None);
        wait_until(|| here.cluster.health().up && here.cluster.health().listening);
        assert!(here.cluster.ping().is_ok());
        here.call(8);
        assert_eq!(here.cluster.stats().leads, 1);
    });
}

/// C26 and C28: the threads of a handle, and their end with the last handle or table.
#[cfg(target_os = "linux")]
#[test]
fn c26_a_handle_has_two_threads() {
    if !super::is_alone("tier::words::c26_a_handle_has_two_threads") {
        return;
    }
    watched(|| {
        let threads = || {
            let names = std::fs::read_dir("/proc/self/task")
                .unwrap()
                .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
            names.filter(|name| name.starts_with("coalescer-")).count()
        };
        let super::Site { cluster, users } = site(Memory::new(), MINUTE, &Function::default());
        users.execute(&7).unwrap();
        // A thread gives itself its name.
        wait_until(|| threads() == 2);
        drop(cluster);
        assert_eq!(threads(), 2, "a table has a handle too");
        drop(users);
        wait_until(|| threads() == 0);
    });
}

//! All ways to call share: groups, tickets, a manager, and the attribute. And what a handle has (C12, C26, C29).

use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;

use coalescer::{Group, Manager, NameError, Role, coalesce};
use coalescer_cluster::codec::{Codec, CodecError};
use coalescer_cluster::engine::ErrorKind;
use coalescer_cluster::sharing::CarriesErrors;
use coalescer_cluster::{Cluster, Memory};

use super::{
    Function, MINUTE, Site, Table, hasty, led_and_awaited, open, opened, site, site_of, site_with,
    users,
};
use crate::support::{wait_until, watched};

#[test]
fn groups_share() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] = [(); 2].map(|()| {
            let cluster = opened(open(engine.clone()));
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
        let (send, jobs) = channel::<coalescer::Job>();
        let worker = thread::spawn(move || jobs.into_iter().for_each(coalescer::Job::run));
        let set = |table: Table<u32>| table.executor(move |job| send.send(job).unwrap());
        let there = site_of(open(engine), set, users, |_| Err("it does not run".into()));
        function.hold();
        thread::scope(|scope| {
            let first = scope.spawn(|| here.value(7));
            function.wait_for(1);
            let tickets = [(); 3].map(|()| there.users.submit(&7).unwrap());
            wait_until(|| there.cluster.stats().follows >= 1);
            function.let_go();
            assert_eq!(first.join().unwrap(), 1);
            for ticket in tickets {
                assert_eq!(*ticket.wait().unwrap(), 1);
            }
        });
        assert_eq!(there.users.stats().executed_requests, 0);
        drop(there);
        worker.join().unwrap();
    });
}

#[test]
fn a_manager_compares_how_its_coalescers_share() {
    let cluster = opened(open(Memory::new()));
    let manager = Manager::new();
    let load = |id: &u64| Ok::<u64, String>(*id);
    let shared = || users(&cluster);
    let add = |schema: Option<&str>| {
        let shared = schema.map_or_else(shared, |schema| shared().schema(schema));
        manager.named_with("users", |builder| builder.shared(shared), load)
    };
    assert_eq!(*add(None).unwrap().execute(&7).unwrap(), 7);
    assert_eq!(cluster.stats().leads, 1);
    assert!(add(None).is_ok());
    let other = add(Some("2")).map(drop);
    assert!(matches!(other, Err(NameError::OtherSettings { setting: "shared", .. })), "{other:?}");
    let alone = manager.named("users", load).map(drop);
    assert!(matches!(alone, Err(NameError::OtherSettings { setting: "shared", .. })), "{alone:?}");
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| opened(open(Memory::new())))
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

/// C12: a leader has its own result, although the engine fails before it is published. Another process may have
/// forgotten the key since, and this one does not hear it. So calls that wait here run the function themselves (S80).
#[test]
fn c12_a_leader_has_its_own_result() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        // Neither a lease nor a renewal comes to the help of this test.
        let lasting = || hasty(engine.clone());
        let here = site_with(lasting(), MINUTE, &function, |shared| shared);
        function.hold();
        thread::scope(|scope| {
            let leader = scope.spawn(|| here.call(7).role);
            function.wait_for(1);
            let follower = scope.spawn(|| here.call(7).role);
            wait_until(|| here.followers() == 1);
            engine.fail_with(ErrorKind::TimedOut);
            wait_until(|| !here.cluster.health().listening);
            function.let_go();
            assert_eq!(leader.join().unwrap(), Role::Leader);
            assert_eq!(follower.join().unwrap(), Role::Leader);
        });
        engine.fail_with(None);
        // Its lead there is released, so another process need not wait for the lease.
        let there = site_with(lasting(), MINUTE, &function, |shared| shared);
        assert_eq!(there.value(7), 3);
    });
}

/// C29: an engine that is down at the start is no error, and the process joins when it is up.
#[test]
fn c29_a_cluster_opens_without_its_engine() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        engine.fail_with(ErrorKind::Refused);
        let here = site_with(hasty(engine.clone()), MINUTE, &function, |shared| shared);
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
        let Site { cluster, users } = site(Memory::new(), MINUTE, &Function::default());
        users.execute(&7).unwrap();
        // A thread gives itself its name.
        wait_until(|| threads() == 2);
        drop(cluster);
        assert_eq!(threads(), 2, "a table has a handle too");
        drop(users);
        wait_until(|| threads() == 0);
    });
}

/// A codec knows if a value was kept when the call asked, or if the call waited for it.
#[test]
fn a_codec_tells_what_was_kept_from_what_was_waited_for() {
    #[derive(Clone, Copy)]
    struct Marks;
    impl Codec<(u32, bool)> for Marks {
        fn name(&self) -> &str {
            "marks"
        }
        fn encode(&self, value: &(u32, bool), out: &mut Vec<u8>) -> Result<(), CodecError> {
            out.extend(value.0.to_le_bytes());
            Ok(())
        }
        fn decode(&self, bytes: &[u8]) -> Result<(u32, bool), CodecError> {
            let number = bytes.try_into().map_err(|_| CodecError::new("no number"))?;
            Ok((u32::from_le_bytes(number), false))
        }
        fn decode_kept(&self, bytes: &[u8]) -> Result<(u32, bool), CodecError> {
            self.decode(bytes).map(|(number, _)| (number, true))
        }
    }
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there, late] = [(); 3].map(|()| {
            let function = function.clone();
            let run = move |_: &u64| Ok((function.run(), false));
            let share = |cluster: &Cluster| users(cluster).codec(Marks);
            site_of(open(engine.clone()), |table| table, share, run)
        });
        let waits = (&there.cluster, || there.value(7));
        let (first, second) = led_and_awaited(&function, || here.value(7), waits, || {});
        assert_eq!((first.unwrap(), second), ((1, false), (1, false)));
        let kept = late.value(7);
        assert_eq!(kept, (1, true), "the publication was certain when the first call returned");
    });
}

/// A carrier of errors may keep panics to their process: those who waited run their own.
#[test]
fn a_panic_can_stay_in_its_process() {
    struct Silent;
    impl<E, C> CarriesErrors<E, C> for Silent {
        const SHARES: bool = false;
        const TELLS_PANICS: bool = false;
        fn encode(&self, _: &C, _: &E, _: &mut Vec<u8>) -> Result<(), CodecError> {
            Err(CodecError::new("it stays"))
        }
        fn decode(&self, _: &C, _: &[u8]) -> Result<E, CodecError> {
            Err(CodecError::new("it stays"))
        }
    }
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| {
            let function = function.clone();
            let run = move |_: &u64| match function.run() {
                1 => panic!("on purpose"),
                number => Ok(number),
            };
            let share = |cluster: &Cluster| users(cluster).errors_by(Silent);
            site_of(open(engine.clone()), |table| table, share, run)
        });
        let waits = (&there.cluster, || there.call(7));
        let (first, outcome) = led_and_awaited(&function, || here.value(7), waits, || {});
        assert!(first.is_err());
        assert_eq!((*outcome.value, outcome.role), (2, Role::Leader));
    });
}

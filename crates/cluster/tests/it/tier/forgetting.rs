//! Forgetting everywhere, and copies that cannot be taken back (C19 to C23).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, ManualClock, Role};
use coalescer_cluster::Memory;
use coalescer_cluster::engine::{Claim, Claimed, DAY, Engine, ErrorKind, Inbox, Presence, Token};

use super::{
    Function, MINUTE, Site, Table, hasty, key_of, open, opened, site, site_of, site_with, users,
};
use crate::support::{wait_until, watched};

#[test]
fn c20_what_one_process_forgets_no_process_serves() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let sites = [(); 3].map(|()| site(engine.clone(), MINUTE, &function));
        sites.iter().for_each(|site| drop(site.call(7)));
        assert_eq!(sites[1].users.forget_everywhere(&7), Ok(true));
        assert_eq!(sites[2].value(7), 2, "it has dropped its copy");
        assert_eq!(sites[0].value(7), 2);
        assert_eq!(sites[1].cluster.stats().forgets_everywhere, 1);
        assert_eq!(sites[1].users.forget_everywhere(&8), Ok(false));
    });
}

/// Worked example 3: a flight that was forgotten while it ran is for those who waited before.
#[test]
fn c20_a_forgotten_flight_is_joined_by_nobody() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        function.hold();
        thread::scope(|scope| {
            let old = scope.spawn(|| here.value(7));
            function.wait_for(1);
            let waits = scope.spawn(|| there.value(7));
            wait_until(|| there.cluster.stats().follows == 1);
            assert_eq!(there.users.forget_everywhere(&7), Ok(true));
            let new = scope.spawn(|| here.value(7));
            function.wait_for(2);
            function.let_go();
            assert_eq!((old.join().unwrap(), waits.join().unwrap()), (1, 1));
            assert_eq!(new.join().unwrap(), 2);
        });
        assert_eq!(there.value(7), 2, "the forgotten outcome is kept nowhere");
        assert_eq!(here.value(7), 2);
    });
}

#[test]
fn c22_all_keys_of_a_name_are_forgotten() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        for key in 0..10 {
            here.call(key);
            there.call(key);
        }
        assert_eq!(there.users.forget_all_everywhere(), Ok(10));
        assert_eq!(here.value(3), 11);
        assert_eq!(there.value(3), 11);
    });
}

/// C21: a forget that does not reach the engine is repeated, and this process takes nothing older meanwhile.
#[test]
fn c21_a_forget_that_did_not_reach_the_engine_is_repeated() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] =
            [(); 2].map(|()| site_with(hasty(engine.clone()), MINUTE, &function, |shared| shared));
        here.call(7);
        let copy = there.copy(7);
        engine.fail_with(ErrorKind::Refused);
        let unreached = here.users.forget_everywhere(&7).unwrap_err();
        assert!(unreached.engine());
        assert_eq!(unreached.at_most(), MINUTE);
        assert_eq!(here.value(7), 2, "by itself");
        engine.fail_with(None);
        // Nobody calls: the process asks again by itself.
        wait_until(|| here.cluster.health().up);
        wait_until(|| !copy.is_kept());
        wait_until(|| here.cluster.health().listening && there.cluster.health().listening);
        assert!(there.value(7) > 1);
    });
}

/// C19: when the connection breaks over which words to forget come, the copies go.
#[test]
fn c19_without_messages_no_copy_is_served() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let copies = [here.copy(7), there.copy(7)];
        assert!(copies.iter().all(|copy| copy.is_kept()));
        engine.cut_listeners();
        wait_until(|| copies.iter().all(|copy| !copy.is_kept()));
        wait_until(|| there.cluster.health().listening);
        assert_eq!(there.call(7).role, Role::Shared, "the engine has it");
        assert_eq!(function.runs(), 1);
    });
}

#[test]
fn c19_without_local_copies_each_burst_asks() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let without = |engine: &Memory| {
            site_with(open(engine.clone()), MINUTE, &function, |shared| shared.local_copies(false))
        };
        let [here, there] = [(); 2].map(|()| without(&engine));
        assert_eq!(here.call(7).role, Role::Leader);
        assert_eq!(here.call(7).role, Role::Shared);
        assert_eq!(there.call(7).role, Role::Shared);
        assert!(!there.copy(7).is_kept());
        assert!(here.users.forget(&7));
        assert_eq!(there.value(7), 2);
    });
}

/// C23: the function forgets its own key.
#[test]
fn c23_a_function_may_forget_its_key() {
    watched(|| {
        let engine = Memory::new();
        let cluster = opened(open(engine.clone()));
        let other = site(engine, MINUTE, &Function::default());
        let me = Arc::new(std::sync::OnceLock::<Coalescer<u64, u32, String>>::new());
        let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let (inner, count) = (Arc::clone(&me), Arc::clone(&runs));
        let builder = Coalescer::builder().window(MINUTE).shared(users(&cluster));
        let built = builder.build(move |key: &u64| {
            let me = inner.get().expect("it is set before the first call");
            me.forget_everywhere(key).map_err(|error| error.to_string())?;
            Ok(count.fetch_add(1, Ordering::SeqCst))
        });
        me.set(built).map_err(drop).unwrap();
        let me = me.get().unwrap();
        assert_eq!(*me.execute(&7).unwrap(), 0);
        assert_eq!(*me.execute(&7).unwrap(), 1, "it was forgotten while it ran");
        drop(other);
    });
}

/// C20: a process that does not answer is told of.
#[test]
fn c21_a_process_that_does_not_answer_is_counted() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let here = site_with(hasty(engine.clone()), MINUTE, &function, |shared| shared);
        here.call(7);
        // A process that has a copy, and is stopped: it reads no message.
        let (inbox, within) = (Inbox::draw("shop"), Duration::from_secs(1));
        let _stopped = engine.listen(&inbox, within).unwrap();
        let token = Token::new(inbox, 1);
        let mut claim = Claim::new(key_of(7), &token, within);
        claim.presence = Presence::KeepsCopies;
        assert!(matches!(engine.claim(&claim, within).unwrap(), Claimed::Hit { .. }));
        let unreached = here.users.forget_everywhere(&7).unwrap_err();
        assert_eq!((unreached.engine(), unreached.processes()), (false, 1));
        assert_eq!(unreached.at_most(), Duration::from_millis(350));
        assert_eq!(here.cluster.stats().forgets_unreached, 1);
    });
}

/// C25: after a day the engine knows of no copy, so no process has one.
#[test]
fn c25_a_copy_is_kept_for_a_day_at_most() {
    watched(|| {
        let clock = ManualClock::new();
        let (engine, function) = (Memory::with_clock(clock.clone()), Function::default());
        let set = |table: Table<u32>| table.clock(clock.clone()).window(Duration::MAX);
        let [here, there] =
            [(); 2].map(|()| site_of(open(engine.clone()), set, users, function.body()));
        let calls = |site: &Site| {
            let outcomes = [(); 3].map(|()| site.call(7));
            outcomes.map(|outcome| (*outcome.value, outcome.role))
        };
        assert_eq!(calls(&here), [(1, Role::Leader), (1, Role::Shared), (1, Role::Late)]);
        assert_eq!(calls(&there), [(1, Role::Shared), (1, Role::Late), (1, Role::Late)]);
        clock.advance(DAY);
        assert_eq!((here.value(7), there.value(7)), (2, 2));
    });
}

/// Two coalescers of one name in a process are one group, as those of two processes.
#[test]
fn c20_coalescers_of_one_process_forget_together() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let here = site(engine, MINUTE, &function);
        let shared = users(&here.cluster);
        let twin = Coalescer::builder().window(MINUTE).shared(shared).build(function.body());
        assert_eq!((here.value(7), *twin.execute(&7).unwrap()), (1, 1));
        assert_eq!(here.users.forget_everywhere(&7), Ok(true));
        assert_eq!(*twin.execute(&7).unwrap(), 2);
    });
}

//! Engines that are down, leaders that have gone, and bytes that nobody has written (C4, C11, C15 to C17).

use std::thread;

use coalescer::{ManualClock, Role};
use coalescer_cluster::engine::{Claim, Claimed, Engine, ErrorKind, Inbox, Publication, Token};
use coalescer_cluster::{Cluster, Memory};

use super::{
    Function, MINUTE, Table, hasty, key_of, led_and_awaited, open, site, site_of, site_with, users,
};
use crate::support::{wait_until, watched};

/// C15, and worked example 4: each process coalesces by itself, and joins again.
#[test]
fn c15_without_an_engine_each_process_coalesces_by_itself() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        engine.fail_with(ErrorKind::Refused);
        let [here, there] =
            [(); 2].map(|()| site_with(hasty(engine.clone()), MINUTE, &function, |shared| shared));
        let copies = [&here, &there].map(|site| {
            assert_eq!(site.call(7).role, Role::Leader);
            assert_eq!(site.call(7).role, Role::Late, "its own copy");
            site.copy(7)
        });
        assert_eq!(function.runs(), 2);
        assert!(!here.cluster.health().up);
        assert_eq!(here.cluster.stats().alone.down, 1);
        engine.fail_with(None);
        wait_until(|| [&here, &there].iter().all(|site| site.cluster.health().up));
        wait_until(|| copies.iter().all(|copy| !copy.is_kept()));
        wait_until(|| [&here, &there].iter().all(|site| site.cluster.health().listening));
        assert_eq!(here.value(7), 3);
        assert_eq!(there.call(7).role, Role::Shared);
    });
}

/// C15: those who wait for another process are not left waiting for the engine.
#[test]
fn c15_an_engine_that_fails_wakes_those_who_wait() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let waits = (&there.cluster, || there.call(7).role);
        let (first, second) = led_and_awaited(
            &function,
            || here.value(7),
            waits,
            || {
                engine.fail_with(ErrorKind::Refused);
                function.wait_for(2);
            },
        );
        assert_eq!((first.unwrap(), second), (1, Role::Leader));
    });
}

/// C11 and C16: a leader that has gone, with its connection.
#[test]
fn c16_a_leader_that_does_not_listen_is_taken_over() {
    watched(|| {
        let engine = Memory::new();
        let function = Function::default();
        let there = site(engine.clone(), MINUTE, &function);
        // A process that was killed: its claim stands, and its inbox has no listener.
        let token = Token::new(Inbox::draw("shop"), 1);
        let claimed = engine.claim(&Claim::new(key_of(7), &token, MINUTE), MINUTE).unwrap();
        assert!(matches!(claimed, Claimed::Lead { .. }));
        assert_eq!(there.call(7).role, Role::Leader);
        assert_eq!(there.cluster.stats().takeovers, 1);
    });
}

/// C16: the same in a process that leads another key, and so sleeps until its next renewal.
#[test]
fn c16_a_process_that_leads_looks_for_other_leaders_too() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let here = site_with(open(engine.clone()), MINUTE, &function, |shared| shared);
        let token = Token::new(Inbox::draw("shop"), 1);
        engine.claim(&Claim::new(key_of(7), &token, 60 * MINUTE), MINUTE).unwrap();
        function.hold();
        thread::scope(|scope| {
            let other = scope.spawn(|| here.value(8));
            function.wait_for(1);
            let waits = scope.spawn(|| here.value(7));
            function.wait_for(2);
            function.let_go();
            assert_eq!((other.join().unwrap(), waits.join().unwrap()), (1, 2));
        });
        assert_eq!(here.cluster.stats().takeovers, 1);
    });
}

/// C17: a leader whose lease was taken over.
#[test]
fn c17_a_leader_that_was_taken_over_keeps_no_copy() {
    watched(|| {
        let clock = ManualClock::new();
        let (engine, function) = (Memory::with_clock(clock.clone()), Function::default());
        let set = |table: Table<u32>| table.clock(clock.clone());
        let [here, there] =
            [(); 2].map(|()| site_of(open(engine.clone()), set, users, function.body()));
        function.hold();
        thread::scope(|scope| {
            let first = scope.spawn(|| here.value(7));
            function.wait_for(1);
            // The engine loses everything, so another process leads beside this one.
            engine.flush();
            let second = scope.spawn(|| there.value(7));
            function.wait_for(2);
            function.let_go();
            assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 2));
        });
        assert_eq!(here.value(7), 2, "its own value is not kept");
        assert!(here.cluster.stats().lost_leases == 1);
    });
}

/// C17, C19: the same with an outcome that goes to no process. What has become of the key since the claim is not known, so a
/// call that came after it does not get that outcome.
#[test]
fn c17_a_leader_that_was_taken_over_has_its_error_alone() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let count = function.clone();
        let run = move |_: &u64| match count.run() {
            1 => Err("not found".to_owned()),
            run => Ok(run),
        };
        let share = |cluster: &Cluster| users(cluster).local_copies(false);
        let here = site_of(open(engine.clone()), |table| table, share, run);
        function.hold();
        thread::scope(|scope| {
            let leader = scope.spawn(|| here.users.execute(&7));
            function.wait_for(1);
            engine.flush();
            let joins = scope.spawn(|| here.value(7));
            wait_until(|| here.followers() == 1);
            function.let_go();
            assert!(leader.join().unwrap().is_err());
            assert_eq!(joins.join().unwrap(), 2);
        });
        assert_eq!(here.cluster.stats().lost_leases, 1);
    });
}

/// C4: bytes that nobody has written are removed, and one process runs.
#[test]
fn c4_what_cannot_be_decoded_is_removed() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let token = Token::new(Inbox::draw("shop"), 1);
        engine.claim(&Claim::new(key_of(7), &token, MINUTE), MINUTE).unwrap();
        let mut publication = Publication::new(key_of(7), &token, b"garbage");
        publication.keep = Some(MINUTE);
        engine.publish(&publication, MINUTE).unwrap();
        assert_eq!(here.call(7).role, Role::Leader);
        assert_eq!(here.cluster.stats().undecodable, 1);
        assert_eq!(there.call(7).role, Role::Shared);
        assert_eq!(function.runs(), 1);
    });
}

/// C28: a process that closes releases what it leads.
#[test]
fn c28_who_waits_for_a_process_that_closes_leads_next() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        // Neither the end of a lease nor a look for the leader comes to the help of this test.
        let lasting = || open(engine.clone()).probe(60 * MINUTE);
        let [here, there] = [(); 2].map(|()| site_with(lasting(), MINUTE, &function, |it| it));
        let waits = (&there.cluster, || there.call(7).role);
        let (first, second) = led_and_awaited(
            &function,
            || here.value(7),
            waits,
            || {
                here.cluster.close();
                function.wait_for(2);
            },
        );
        assert_eq!((first.unwrap(), second), (1, Role::Leader));
    });
}

/// C28: after `close` calls run by themselves, and those who wait are let go.
#[test]
fn c28_closing_lets_everybody_go() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let waits = (&there.cluster, || there.call(7).role);
        let (first, second) = led_and_awaited(
            &function,
            || here.value(7),
            waits,
            || {
                there.cluster.close();
                function.wait_for(2);
            },
        );
        assert_eq!((first.unwrap(), second), (1, Role::Leader));
        assert!(there.cluster.ping().is_err());
        there.call(8);
        assert_eq!(there.call(8).role, Role::Late, "by itself");
        assert_eq!(function.runs(), 3);
    });
}

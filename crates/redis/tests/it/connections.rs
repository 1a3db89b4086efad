//! The stack of connections: how many there are, and which of them are used again.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use coalescer_cluster::engine::*;
use coalescer_redis::{OpenError, Redis};

use crate::servers;
use crate::support::watched;
use crate::world::*;

fn connections(server: &servers::Redis) -> usize {
    // One of them asks.
    server.command(&["CLIENT", "LIST", "TYPE", "normal"]).matches(" addr=").count() - 1
}

/// C26.
#[test]
fn there_are_at_most_so_many_connections() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let engine = Redis::open(server.url()).max_connections(3).engine().unwrap();
        let barrier = Barrier::new(16);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..50 {
                        engine.ping(WITHIN).unwrap();
                    }
                });
            }
        });
        assert!((1..=3).contains(&connections(&server)), "{}", connections(&server));
    });
}

#[test]
fn one_caller_at_a_time_uses_one_connection() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        for _ in 0..20 {
            engine.ping(WITHIN).unwrap();
        }
        assert_eq!(connections(&server), 1);
        drop(engine);
        servers::wait("it to close", || connections(&server) == 0);
    });
}

/// The engine was not asked, which says nothing about its health.
#[test]
fn who_finds_no_connection_waits_for_the_time_of_the_step() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let engine = Redis::open(server.url()).max_connections(1).engine().unwrap();
        engine.ping(WITHIN).unwrap();
        server.freeze();
        thread::scope(|scope| {
            let holds = scope.spawn(|| engine.ping(WITHIN));
            let exhausted = || {
                let asked = engine.ping(Duration::from_millis(20));
                asked.unwrap_err().kind() == ErrorKind::Exhausted
            };
            // Until the other thread has it, this one does, and is not answered.
            servers::wait("the other one to hold it", exhausted);
            server.thaw();
            holds.join().unwrap().unwrap();
        });
        engine.ping(WITHIN).unwrap();
    });
}

/// A server, or a firewall, closes what lies idle. The next claim does not pay for it.
#[test]
fn a_connection_that_died_idle_is_replaced() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let leader = token();
        leads(&claim(&engine, &leader));
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        leads(&claim(&engine, &leader));
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        // A publication may have been carried out, so it is not sent again.
        let error = try_publish(&engine, &leader, b"ada", None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost);
        assert!(matches!(publish(&engine, &leader, b"ada"), Published::Ended { .. }));
    });
}

#[test]
fn no_password_is_shown() {
    let urls = [
        "redis://user:pa55word@localhost/0",
        "redis://:pa55word@localhost/",
        "unix:///nowhere?user=u&pass=pa55word",
        "redis://:pa55word@localhost/none",
        "redis://:pa55word@:99999999/",
        "pa55word",
        "http://:pa55word@localhost/",
    ];
    for url in urls {
        let server = Redis::open(url);
        let mut shown = format!("{server:?} {:?}", server.clone());
        match server.engine() {
            Ok(engine) => {
                let error = engine.ping(Duration::from_millis(1)).unwrap_err();
                shown += &format!("{engine:?} {error} {error:?}");
            }
            Err(error) => shown += &format!("{error} {error:?}"),
        }
        assert!(!shown.contains("pa55word"), "{shown}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |server: Redis| server.engine().unwrap_err().to_string();
    assert_eq!(
        refused(Redis::open("redis://a/").max_connections(0)),
        "`max_connections` must be at least 1"
    );
    let server = Redis::open("redis://a/").connect_timeout(Duration::ZERO);
    assert_eq!(refused(server), "`connect_timeout` must not be zero");
    let none: [&str; 0] = [];
    assert_eq!(refused(Redis::open("redis://a/").sentinels(none)), "the list of URLs is empty");
    let server = Redis::open("unix:///a").sentinels(["redis://a/"]);
    assert_eq!(refused(server), "with sentinels the URL names the primary");
}

#[test]
fn settings_of_the_cluster_reach_it() {
    let open = || Redis::open("redis://a/");
    let refused = |server: Redis| server.connect().unwrap_err();
    assert!(matches!(refused(open().namespace("a b")), OpenError::Namespace(_)));
    assert!(matches!(refused(open().op_timeout(Duration::ZERO)), OpenError::OpTimeout(..)));
    assert!(matches!(refused(open().lease(Duration::from_millis(1))), OpenError::Lease(_)));
    assert!(matches!(refused(open().probe(Duration::ZERO)), OpenError::Probe));
}

#[cfg(feature = "tls")]
#[test]
fn no_connection_is_made_that_checks_nothing() {
    let error = Redis::open("rediss://localhost/#insecure").engine().unwrap_err();
    assert!(error.to_string().contains("checks no certificate"), "{error}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn encryption_needs_its_feature() {
    let error = Redis::open("rediss://localhost/").engine().unwrap_err();
    assert!(error.to_string().starts_with("the URL"), "{error}");
}

/// No time at all is no reason to panic.
#[test]
fn a_step_without_time_fails() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        assert_eq!(engine.ping(Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
        engine.ping(Duration::MAX).unwrap();
        assert_eq!(engine.ping(Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

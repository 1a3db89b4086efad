//! A process whose way to the server is cut, or whose server stands still, among others.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Error, Role};
use coalescer_redis::Cluster;

use crate::proxy::Proxy;
use crate::servers;
use crate::support::watched;
use crate::workers::*;

/// The time of two steps, and of a busy machine.
const BOUND: Duration = Duration::from_secs(10);

/// A process whose function returns at once, but for one key: there the test says what it returns.
struct Site {
    cluster: Cluster,
    users: Numbers,
    begun: Mutex<Receiver<()>>,
    values: Sender<u64>,
}

const SLOW: u64 = 2;

impl Site {
    /// Its quick values count from `first` on.
    fn new(url: &str, patience: Patience, first: u64) -> Self {
        let cluster = connected(url, patience);
        let (begins, begun) = channel();
        let (values, returns) = channel();
        let (returns, quick) = (Mutex::new(returns), Mutex::new(first..));
        let users = numbers(&cluster, move |key| {
            if *key != SLOW {
                return Ok(quick.lock().unwrap().next().unwrap());
            }
            begins.send(()).unwrap();
            Ok(returns.lock().unwrap().recv().unwrap())
        });
        Self { cluster, users, begun: Mutex::new(begun), values }
    }

    fn call(&self, key: u64) -> (u64, Role) {
        let outcome = self.users.call(&key).outcome().unwrap();
        (*outcome.value, outcome.role)
    }

    fn is_well(&self) -> bool {
        let health = self.cluster.health();
        health.up && health.listening
    }
}

/// C12, C15, C16, C17, C19, C21.
fn a_cut(cut: fn(&Proxy)) {
    let Some(server) = servers::Redis::start() else { return };
    let way = Proxy::to(server.socket());
    let here = Site::new(&url_by(&way), USUAL, 100);
    let there = Site::new(&server.url(), USUAL, 200);
    thread::scope(|scope| {
        assert_eq!(here.call(1), (100, Role::Leader));
        let copy = std::sync::Arc::downgrade(&here.users.execute(&1).unwrap());
        let cut_off = scope.spawn(|| here.call(SLOW));
        here.begun.lock().unwrap().recv().unwrap();
        cut(&way);
        let goes_on = scope.spawn(|| there.call(SLOW));
        servers::wait("the other one to wait", || there.cluster.stats().follows > 0);

        // It does not answer, and nothing older is served by then.
        let began = Instant::now();
        let unreached = there.users.forget_everywhere(&1).unwrap_err();
        assert_eq!((unreached.engine(), unreached.processes()), (false, 1));
        servers::wait("its copies to go", || copy.strong_count() == 0);
        assert!(began.elapsed() < unreached.at_most() + BOUND, "{:?}", began.elapsed());

        // It is by itself, and calls are late by two steps at most, if at all.
        for key in [1, 3, 4] {
            let began = Instant::now();
            assert_eq!(here.call(key).1, Role::Leader);
            assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        }
        assert!(!here.is_well());

        assert_eq!(there.call(1), (200, Role::Leader));
        // When its lease is over, the other one goes on.
        there.begun.lock().unwrap().recv().unwrap();
        assert_eq!(there.cluster.stats().takeovers, 1);
        there.values.send(22).unwrap();
        assert_eq!(goes_on.join().unwrap(), (22, Role::Leader));
        here.values.send(11).unwrap();
        assert_eq!(cut_off.join().unwrap(), (11, Role::Leader), "its own");
    });

    way.heal();
    servers::wait("it to join again", || here.is_well());
    // Its publication may come only now, and is refused.
    here.cluster.ping().unwrap();
    assert_eq!(here.call(SLOW), (22, Role::Shared));
    assert_eq!(here.call(1), (200, Role::Shared), "what it made by itself is dropped");
    assert_eq!(there.call(SLOW), (22, Role::Late));
}

/// Nothing comes any more, and nobody says so.
#[test]
fn a_process_that_is_cut_off_is_by_itself_and_the_others_go_on() {
    watched(|| a_cut(Proxy::cut));
}

/// Its messages come when others have gone on without it.
#[test]
fn what_comes_late_from_a_process_that_was_cut_off_changes_nothing() {
    watched(|| a_cut(Proxy::hold));
}

/// C15: a claim that the server carries out when it wakes is released, so that nobody waits for the lease.
#[test]
fn a_server_that_stood_still_holds_nobody_up_afterwards() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let patience = Patience { lease: ENDLESS.lease, ..USUAL };
        let [here, there] = [100, 200].map(|first| Site::new(&server.url(), patience, first));
        // So that the server has the script.
        here.call(9);
        server.freeze();
        for key in 3..8 {
            let began = Instant::now();
            assert_eq!(here.call(key).1, Role::Leader);
            assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        }
        assert!(!here.cluster.health().up);
        server.thaw();
        servers::wait("both to join again", || here.is_well() && there.is_well());
        let began = Instant::now();
        for key in 3..8 {
            there.call(key);
        }
        assert!(began.elapsed() < ENDLESS.lease / 2, "{:?}", began.elapsed());
    });
}

/// C15: a deadline is a call's own, also where a step has more time.
#[test]
fn a_call_returns_at_its_deadline_although_the_server_stands_still() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let here = Site::new(&server.url(), ENDLESS, 100);
        server.freeze();
        let began = Instant::now();
        for _ in 0..5 {
            let ended = here.users.execute_timeout(&3, Duration::from_millis(20));
            assert!(matches!(ended, Err(Error::TimedOut)), "{ended:?}");
        }
        assert!(began.elapsed() < ENDLESS.op_timeout / 2, "{:?}", began.elapsed());
        server.thaw();
    });
}

//! Faults that come again and again while processes share. Every answer is right.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::Coalescer;
use coalescer_redis::{Cluster, Redis};

use crate::lossy::Lossy;
use crate::servers;
use crate::support::{wait_until, watched};

const KEYS: u64 = 8;

fn connect(url: &str) -> Cluster {
    Redis::open(url).namespace("shop").connect().unwrap()
}

fn table(cluster: &Cluster) -> Coalescer<u64, u64, Infallible> {
    let builder = Coalescer::builder().window(Duration::from_millis(5));
    builder.shared(cluster.named("triples")).build(|number: &u64| Ok(number * 3))
}

/// Three processes of four threads call, while one thread makes the fault as often as it can. In the end they share.
/// Returns how many results could not be decoded; `None`: there is no server's program.
fn storm(fault: impl Fn(&servers::Redis, u32) + Sync) -> Option<u64> {
    let server = servers::Redis::start()?;
    let clusters = [(); 3].map(|()| connect(&server.url()));
    calls_meanwhile(&clusters, |number| fault(&server, number));
    Some(clusters.iter().map(|cluster| cluster.stats().undecodable).sum())
}

fn calls_meanwhile(clusters: &[Cluster; 3], fault: impl Fn(u32)) {
    let (calls_on, faults) = (AtomicBool::new(true), AtomicU32::new(0));
    let barrier = Barrier::new(13);
    let callers: Vec<_> = clusters.iter().map(table).collect();
    thread::scope(|scope| {
        for users in callers.iter().flat_map(|users| [users; 4]) {
            let (calls_on, barrier) = (&calls_on, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let mut number = 0;
                while calls_on.load(Ordering::Relaxed) {
                    number = (number + 1) % KEYS;
                    assert_eq!(*users.execute(&number).unwrap(), number * 3);
                    if number == 3 {
                        users.forget(&number);
                    }
                }
            });
        }
        barrier.wait();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(1) {
            fault(faults.fetch_add(1, Ordering::Relaxed));
        }
        // On a busy machine only when the faults are over.
        wait_until(|| clusters.iter().any(|cluster| cluster.stats().hits > 0));
        calls_on.store(false, Ordering::Relaxed);
    });
    assert!(faults.load(Ordering::Relaxed) >= 5, "{faults:?}");
}

#[test]
fn flushes_cost_executions_and_no_answer() {
    watched(|| {
        storm(|server, _| drop(server.command(&["FLUSHALL"])));
    });
}

#[test]
fn connections_for_messages_that_break_cost_no_answer() {
    watched(|| {
        storm(|server, _| drop(server.command(&["CLIENT", "KILL", "TYPE", "pubsub"])));
    });
}

#[test]
fn all_connections_that_break_cost_no_answer() {
    watched(|| {
        storm(|server, number| {
            let kind = if number % 2 == 0 { "normal" } else { "pubsub" };
            server.command(&["CLIENT", "KILL", "TYPE", kind]);
            server.command(&["SCRIPT", "FLUSH"]);
        });
    });
}

/// C4: bytes of anybody, and the whole envelope of another key, written over results.
#[test]
fn results_that_are_written_over_are_never_handed_out() {
    watched(|| {
        let undecodable = storm(|server, number| {
            let keys =
                server.command(&["KEYS", "{shop:triples:*}:????????????????????????????????"]);
            let keys: Vec<_> = keys.lines().filter(|line| line.starts_with('{')).collect();
            for (at, key) in keys.iter().enumerate() {
                let other = keys[(at + 1) % keys.len()];
                let script = "local b = redis.call('HGET', KEYS[2], 'b') \
                              if b and redis.call('HEXISTS', KEYS[1], 'b') == 1 then \
                              redis.call('HSET', KEYS[1], 'b', string.sub(b, 1, tonumber(ARGV[1]))) end";
                let cut = if number % 2 == 0 { "10000" } else { "20" };
                server.command(&["EVAL", script, "2", key, other, cut]);
            }
        });
        assert_ne!(undecodable, Some(0), "nothing was written over");
    });
}

/// A server that is full takes room from any key. Every answer is right.
#[test]
fn keys_that_are_evicted_cost_no_answer() {
    watched(|| {
        let evicted = AtomicU32::new(0);
        let other = "x".repeat(100_000);
        let decoded = storm(|server, number| {
            if number == 0 {
                server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
                server.command(&["CONFIG", "SET", "maxmemory", "4mb"]);
            }
            server.command(&["SET", &format!("other-{}", number % 100), &other]);
            let stats = server.command(&["INFO", "stats"]);
            let count = stats.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap();
            evicted.store(count.parse().unwrap(), Ordering::Relaxed);
        });
        assert!(decoded.is_none() || evicted.into_inner() > 50, "nothing was evicted");
    });
}

/// Every fifth message is lost: who waits finds out by claiming again.
#[test]
fn messages_that_get_lost_cost_no_answer() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let engines = [(); 3].map(|()| Lossy::new(Redis::open(server.url()).engine().unwrap()));
        let clusters = engines
            .each_ref()
            .map(|engine| Cluster::over(engine.clone()).namespace("shop").open().unwrap());
        calls_meanwhile(&clusters, |_| thread::yield_now());
        assert!(engines.iter().map(Lossy::lost).sum::<u64>() > 10, "nothing was lost");
    });
}

/// C19, C16: listeners break again and again. Who waits asks again, and nobody takes the leader for dead.
#[test]
fn a_flight_outlives_connections_for_messages_that_break() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let engines =
            [(); 2].map(|()| Lossy::counting(Redis::open(server.url()).engine().unwrap()));
        // A process that connects anew is missing for less than the time between two looks.
        let clusters = engines.each_ref().map(|engine| {
            let open = Cluster::over(engine.clone()).namespace("shop");
            let open = open.op_timeout(Duration::from_secs(5)).lease(Duration::from_secs(60));
            open.probe(Duration::from_millis(250)).open().unwrap()
        });
        let hears = || clusters.iter().all(|cluster| cluster.health().listening);
        servers::wait("both to listen", hears);
        let runs = Arc::new(AtomicU32::new(0));
        let (end, is_over) = channel::<()>();
        let is_over = Arc::new(Mutex::new(is_over));
        let [here, there] = clusters.each_ref().map(|cluster| {
            let (runs, is_over) = (Arc::clone(&runs), Arc::clone(&is_over));
            let builder = Coalescer::builder().window(Duration::from_secs(60));
            builder.shared(cluster.named("slow").schema("1")).build(move |_: &u64| {
                let number = runs.fetch_add(1, Ordering::SeqCst);
                is_over.lock().unwrap().recv().ok();
                Ok::<_, Infallible>(number)
            })
        });
        thread::scope(|scope| {
            let leader = scope.spawn(|| *here.execute(&7).unwrap());
            servers::wait("it to lead", || runs.load(Ordering::SeqCst) == 1);
            let waits = scope.spawn(|| *there.execute(&7).unwrap());
            servers::wait("the other one to wait", || clusters[1].stats().follows > 0);
            for _ in 0..6 {
                let before = clusters[1].stats().follows;
                server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
                servers::wait("it to ask again", || clusters[1].stats().follows > before);
                servers::wait("both to listen again", hears);
                let looks = engines[1].found();
                servers::wait("a look to find the leader", || engines[1].found() > looks);
            }
            drop(end);
            assert_eq!((leader.join().unwrap(), waits.join().unwrap()), (0, 0));
        });
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert!(clusters.iter().all(|cluster| cluster.stats().takeovers == 0));
    });
}

//! Faults that come again and again while processes share, and processes that die. Every answer is right.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::Coalescer;
use coalescer_redis::{Cluster, Redis};

use crate::servers;
use crate::support::watched;

const KEYS: u64 = 8;

fn connect(url: &str) -> Cluster {
    Redis::open(url).namespace("shop").connect().unwrap()
}

fn table(cluster: &Cluster) -> Coalescer<u64, u64, Infallible> {
    let builder = Coalescer::builder().window(Duration::from_millis(5));
    builder.shared(cluster.named("triples")).build(|number: &u64| Ok(number * 3))
}

/// Three processes of four threads call, while one thread makes the fault as often as it can.
/// Returns how many results could not be decoded; `None`: there is no server's program.
fn storm(fault: impl Fn(&servers::Redis, u32) + Sync) -> Option<u64> {
    let server = servers::Redis::start()?;
    let clusters = [(); 3].map(|()| connect(&server.url()));
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
            fault(&server, faults.fetch_add(1, Ordering::Relaxed));
        }
        calls_on.store(false, Ordering::Relaxed);
    });
    assert!(faults.load(Ordering::Relaxed) >= 5, "{faults:?}");
    assert!(clusters.iter().any(|cluster| cluster.stats().hits > 0), "nothing was shared");
    Some(clusters.iter().map(|cluster| cluster.stats().undecodable).sum())
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

/// Another process, which says what it does.
struct Worker {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Worker {
    fn start(server: &servers::Redis) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "storms::worker", "--nocapture"]).stdin(Stdio::null());
        command.env("COALESCER_REDIS_WORKER", server.url()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    fn says(&mut self, word: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(word) {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended without '{word}'");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The body of another process: it leads a key, and never comes back. As a test of its own it does nothing.
#[test]
fn worker() {
    let Ok(url) = std::env::var("COALESCER_REDIS_WORKER") else { return };
    let cluster = connect(&url);
    servers::wait("the worker to listen", || cluster.health().listening);
    let builder = Coalescer::builder().shared(cluster.named("triples"));
    let stuck = builder.build(|_: &u64| -> Result<u64, Infallible> {
        println!("runs");
        loop {
            thread::park();
        }
    });
    stuck.execute(&7).ok();
}

/// C16: whoever waits for a leader that is killed leads soon, long before the lease is over.
#[test]
fn a_leader_that_is_killed_is_taken_over() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let cluster = connect(&server.url());
        servers::wait("this process to listen", || cluster.health().listening);
        let mut worker = Worker::start(&server);
        worker.says("runs");
        let builder = Coalescer::builder().shared(cluster.named("triples"));
        let users = builder.build(|number: &u64| Ok::<_, Infallible>(number * 3));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| *users.execute(&7).unwrap());
            servers::wait("the call to wait", || cluster.stats().follows > 0);
            worker.child.kill().unwrap();
            let begin = Instant::now();
            assert_eq!(waiting.join().unwrap(), 21);
            // A lease is three seconds.
            assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        });
        assert_eq!(cluster.stats().takeovers, 1);
    });
}

/// The same for one that is stopped: its connections stand, so its lease must end.
#[test]
fn a_leader_that_is_stopped_is_taken_over_when_its_lease_is_over() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let cluster = connect(&server.url());
        servers::wait("this process to listen", || cluster.health().listening);
        let mut worker = Worker::start(&server);
        worker.says("runs");
        let builder = Coalescer::builder().shared(cluster.named("triples"));
        let users = builder.build(|number: &u64| Ok::<_, Infallible>(number * 3));
        let number = worker.child.id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &number]).status().unwrap();
        assert!(stopped.success());
        let begin = Instant::now();
        assert_eq!(*users.execute(&7).unwrap(), 21);
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    });
}

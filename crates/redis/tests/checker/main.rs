//! Random calls of real processes over a server, recorded by one clock and judged afterwards.
//!
//! The kit is that of all engines. `COALESCER_STRESS_SECONDS` is the time of each run; without it a run takes some seconds.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../../cluster/tests/checker/kit/mod.rs"]
mod kit;
#[path = "../../../../tests/support/lossy.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod lossy;
#[path = "../../../../tests/support/proxy.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod proxy;
#[path = "../../../../tests/support/servers.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod servers;

use std::time::Duration;

use coalescer_cluster::{Cluster, Open};
use coalescer_redis::Redis;

use kit::{Dice, Fault, Faults, MS, Plan, rest};
use lossy::Lossy;
use proxy::Proxy;

/// An address is a word, and the URL of the server.
fn open(address: &str) -> Cluster {
    let (word, url) = address.split_once(' ').unwrap();
    let engine = Redis::open(url).engine().unwrap();
    let patient = |open: Open| open.op_timeout(Duration::from_secs(1));
    // Leases that end while a process stands still.
    let hasty = |open: Open| open.op_timeout(150 * MILLI).lease(500 * MILLI);
    let open = match word {
        "patient" => patient(Cluster::over(engine)),
        "lossy" => patient(Cluster::over(Lossy::new(engine))),
        "hasty" => hasty(Cluster::over(engine)),
        "hasty-lossy" => hasty(Cluster::over(Lossy::new(engine))),
        _ => panic!("{word}"),
    };
    open.namespace("checker").open().unwrap()
}

const MILLI: Duration = Duration::from_millis(1);

#[test]
#[ignore = "a process of the other tests"]
fn worker() {
    kit::work(open);
}

fn calm(word: &str, seed: u64) {
    let Some(server) = servers::Redis::start() else { return };
    let addresses = &vec![format!("{word} {}", server.url()); 4];
    kit::run(&Plan { worker: "worker", addresses, threads: 4, faults: Faults::None, seed });
}

/// C1, C4, C5, C20, C24, and that everybody returns.
#[test]
fn no_promise_is_broken_by_four_processes_of_four_threads() {
    calm("patient", 11);
}

/// The same with every fifth message lost: who waits finds out by claiming again.
#[test]
fn no_promise_is_broken_while_messages_get_lost() {
    calm("lossy", 12);
}

/// C4, C5, and that everybody returns: these hold always.
#[test]
fn no_answer_is_wrong_whatever_happens_to_the_server_and_to_the_way_there() {
    let Some(server) = servers::Redis::start() else { return };
    let ways: Vec<_> = (0..4).map(|_| Proxy::to(server.socket())).collect();
    let of_way = |(at, way): (usize, &Proxy)| {
        let word = if at % 2 == 0 { "hasty" } else { "hasty-lossy" };
        format!("{word} redis://127.0.0.1:{}/", way.port())
    };
    let addresses = &ways.iter().enumerate().map(of_way).collect::<Vec<_>>();
    let some_way = |dice: &mut Dice| &ways[dice.below(ways.len() as u64) as usize];
    let faults: [Fault<'_>; 7] = [
        &|_| drop(server.command(&["FLUSHALL"])),
        &|_| drop(server.command(&["CLIENT", "KILL", "TYPE", "pubsub"])),
        &|_| {
            server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
            server.command(&["SCRIPT", "FLUSH"]);
        },
        &|dice| {
            server.freeze();
            rest(dice.below(400) * MS);
            server.thaw();
        },
        &|dice| {
            let way = some_way(dice);
            way.cut();
            // Shorter and longer than a lease.
            rest(dice.below(1200) * MS);
            way.heal();
        },
        &|dice| {
            let way = some_way(dice);
            way.hold();
            rest(dice.below(1200) * MS);
            way.heal();
        },
        &|dice| evict(&server, dice),
    ];
    let (faults, seed) = (Faults::Random(&faults), kit::seed(13));
    kit::run(&Plan { worker: "worker", addresses, threads: 4, faults, seed });
}

/// The server is full for a while, and takes room from any key.
fn evict(server: &servers::Redis, dice: &mut Dice) {
    let set = |name, value| drop(server.command(&["CONFIG", "SET", name, value]));
    set("maxmemory-policy", "allkeys-random");
    set("maxmemory", "4mb");
    let other = "x".repeat(100_000);
    for number in 0..dice.below(200) {
        server.command(&["SET", &format!("other-{number}"), &other]);
    }
    set("maxmemory", "0");
    set("maxmemory-policy", "noeviction");
}

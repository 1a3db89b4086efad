//! Random calls of real processes over a server, recorded by one clock and judged afterwards.
//!
//! The kit is that of all engines. `COALESCER_STRESS_SECONDS` is the time of each run; without it a run takes some seconds.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../../cluster/tests/checker/kit/mod.rs"]
mod kit;
#[path = "../../../../tests/support/proxy.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod proxy;
#[path = "../../../../tests/support/postgres_server.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod server;

use std::sync::Mutex;
use std::time::Duration;

use coalescer_cluster::Cluster;
use coalescer_postgres::Postgres;
use postgres::{Client, NoTls};

use kit::{Dice, Fault, Faults, MS, Plan, rest};
use proxy::Proxy;
use server::Server;

/// The time in which a server that has just begun answers, on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// An address is a word, and the URL of the server.
fn open(address: &str) -> Cluster {
    let (word, url) = address.split_once(' ').unwrap();
    let postgres = Postgres::open(url).namespace("checker");
    let milli = Duration::from_millis(1);
    let postgres = match word {
        "patient" => postgres.connect_timeout(LONG).op_timeout(1000 * milli),
        "hasty" => postgres.connect_timeout(500 * milli).op_timeout(200 * milli),
        _ => panic!("{word}"),
    };
    postgres.connect().unwrap()
}

#[test]
#[ignore = "a process of the other tests"]
fn worker() {
    kit::work(open);
}

fn url(server: &Server) -> String {
    format!("host={} user=postgres dbname=postgres", server.directory().display())
}

/// A server with the tables.
fn start() -> Option<Server> {
    let server = Server::start_for_a_test()?;
    Postgres::open(&url(&server)).connect_timeout(LONG).setup().unwrap();
    Some(server)
}

/// C1, C4, C5, C20, C24, and that everybody returns.
#[test]
fn no_promise_is_broken_by_four_processes_of_four_threads() {
    let Some(server) = start() else { return };
    let addresses = &vec![format!("patient {}", url(&server)); 4];
    kit::run(&Plan { worker: "worker", addresses, threads: 4, faults: Faults::None, seed: 21 });
}

/// C4, C5, and that everybody returns: these hold always.
#[test]
fn no_answer_is_wrong_whatever_happens_to_the_server_and_to_the_way_there() {
    let Some(server) = start() else { return };
    let socket = server.directory().join(".s.PGSQL.5432");
    let ways: Vec<_> = (0..4).map(|_| Proxy::to(&socket)).collect();
    let of_way = |way: &Proxy| {
        format!("hasty host=127.0.0.1 port={} user=postgres dbname=postgres", way.port())
    };
    let addresses = &ways.iter().map(of_way).collect::<Vec<_>>();
    let some_way = |dice: &mut Dice| &ways[dice.below(ways.len() as u64) as usize];
    let url = url(&server);
    // A session of its own each time: the server ends all of them now and then.
    let run = |sql: &str| drop(Client::connect(&url, NoTls).map(|mut it| it.batch_execute(sql)));
    let server = Mutex::new(server);
    let faults: [Fault<'_>; 6] = [
        &|_| run("TRUNCATE coalescer.coalescer_key, coalescer.coalescer_result"),
        // Those of leaders.
        &|_| {
            run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
                 AND granted AND mode = 'ExclusiveLock'");
        },
        &|_| run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE random() < 0.5"),
        &|dice| {
            let server = server.lock().unwrap();
            server.signal("STOP").unwrap();
            rest(dice.below(400) * MS);
            server.signal("CONT").unwrap();
        },
        &|dice| {
            let way = some_way(dice);
            if dice.below(2) == 0 {
                way.cut()
            } else {
                way.hold()
            }
            rest(dice.below(800) * MS);
            way.heal();
        },
        &|_| server.lock().unwrap().crash_and_restart().unwrap(),
    ];
    let (faults, seed) = (Faults::Random(&faults), kit::seed(22));
    kit::run(&Plan { worker: "worker", addresses, threads: 4, faults, seed });
}

//! Processes that are killed or stopped, at each moment of a flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::Role;
use coalescer_redis::Cluster;

use crate::proxy::Proxy;
use crate::servers;
use crate::support::watched;
use crate::workers::*;

/// Far less than a lease of a minute, also on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A table whose function counts from 100 on, and returns at once.
fn counting(cluster: &Cluster) -> (Numbers, Arc<AtomicU64>) {
    let runs = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&runs);
    let run = move |_: &u64| Ok(100 + counts.fetch_add(1, Ordering::SeqCst));
    (numbers(cluster, run), runs)
}

fn call(users: &Numbers, key: u64) -> (u64, Role) {
    let outcome = users.call(&key).outcome().unwrap();
    (*outcome.value, outcome.role)
}

/// The keys of the server that have the state of a key of ours.
fn states(server: &servers::Redis) -> usize {
    let keys = server.command(&["KEYS", "{shop:numbers:*}:????????????????????????????????"]);
    keys.lines().filter(|line| line.starts_with('{')).count()
}

/// The number of steps that the server has carried out.
fn scripts(server: &servers::Redis) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let calls = stats.lines().filter_map(|line| {
        let rest = line.strip_prefix("cmdstat_eval:").or(line.strip_prefix("cmdstat_evalsha:"))?;
        rest.strip_prefix("calls=")?.split(',').next()?.parse::<u64>().ok()
    });
    calls.sum()
}

/// C16: two processes wait for the leader, and one of them goes on.
#[test]
fn when_a_leader_is_killed_exactly_one_of_those_who_wait_goes_on() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let sites = [(); 2].map(|()| {
            let cluster = connected(&server.url(), ENDLESS);
            let (users, runs) = counting(&cluster);
            (cluster, users, runs)
        });
        let mut leader = Worker::start(&server.url(), ENDLESS);
        leader.tell("call 7");
        leader.says("runs");
        thread::scope(|scope| {
            let waiting = sites.each_ref().map(|(_, users, _)| scope.spawn(|| call(users, 7)));
            let wait = || sites.iter().all(|(cluster, ..)| cluster.stats().follows > 0);
            servers::wait("both to wait", wait);
            leader.kill();
            let begin = Instant::now();
            let values = waiting.map(|call| call.join().unwrap().0);
            assert_eq!(values, [100, 100]);
            assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        });
        let sum = |count: fn(&(Cluster, Numbers, Arc<AtomicU64>)) -> u64| -> u64 {
            sites.iter().map(count).sum()
        };
        assert_eq!(sum(|(cluster, ..)| cluster.stats().takeovers), 1);
        assert_eq!(sum(|(.., runs)| runs.load(Ordering::SeqCst)), 1);
    });
}

/// C16: the server has carried the claim out, and the process never hears of it.
#[test]
fn a_leader_that_is_killed_before_the_reply_to_its_claim_is_taken_over() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let way = Proxy::to(server.socket());
        let here = connected(&server.url(), ENDLESS);
        let (users, _) = counting(&here);
        let mut leader = Worker::start(&url_by(&way), ENDLESS);
        // So that the server has the script.
        call(&users, 8);
        way.lose_answers();
        leader.tell("call 7");
        servers::wait("the claim to be carried out", || states(&server) == 2);
        leader.kill();
        let begin = Instant::now();
        assert_eq!(call(&users, 7), (101, Role::Leader));
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        assert_eq!(here.stats().takeovers, 1);
    });
}

/// C16: the function is over, and its outcome does not reach the server.
#[test]
fn a_leader_that_is_killed_before_its_publication_is_taken_over() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let way = Proxy::to(server.socket());
        let here = connected(&server.url(), ENDLESS);
        let (users, _) = counting(&here);
        let mut leader = Worker::start(&url_by(&way), ENDLESS);
        leader.tell("call 7");
        leader.says("runs");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| call(&users, 7));
            servers::wait("the call to wait", || here.stats().follows > 0);
            way.lose_questions();
            leader.tell("5");
            leader.says("returns");
            leader.kill();
            let begin = Instant::now();
            assert_eq!(waiting.join().unwrap(), (100, Role::Leader));
            assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        });
        assert_eq!(here.stats().takeovers, 1);
    });
}

#[test]
fn a_leader_that_is_killed_after_its_publication_is_not_missed() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let here = connected(&server.url(), ENDLESS);
        let (users, runs) = counting(&here);
        let mut leader = Worker::start(&server.url(), ENDLESS);
        leader.leads(7, 5);
        leader.kill();
        assert_eq!(call(&users, 7), (5, Role::Shared));
        assert_eq!(runs.load(Ordering::SeqCst), 0);
    });
}

/// C17: a leader stands still until another one has taken over and published. Then it wakes.
#[test]
fn a_leader_that_stands_still_is_taken_over_and_keeps_no_copy() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let here = connected(&server.url(), USUAL);
        let (users, runs) = counting(&here);
        let mut leader = Worker::start(&server.url(), USUAL);
        leader.tell("call 7");
        leader.says("runs");
        leader.stop();
        // Its connections stand, so its lease must end.
        assert_eq!(call(&users, 7), (100, Role::Leader));
        assert_eq!(here.stats().takeovers, 1);
        leader.go_on();
        leader.tell("5");
        leader.says("got 5 Leader");
        leader.tell("call 7");
        leader.says("got 100 Shared");
        assert_eq!(call(&users, 7).0, 100);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

/// C20, C21: a process with a copy does not answer while it stands still, and is not asked when it is dead.
#[test]
fn a_process_with_a_copy_that_stands_still_is_told_of_and_a_dead_one_is_not_waited_for() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let here = connected(&server.url(), USUAL);
        let (users, runs) = counting(&here);
        let mut holder = Worker::start(&server.url(), USUAL);
        holder.leads(7, 5);
        holder.stop();
        let unreached = users.forget_everywhere(&7).unwrap_err();
        assert_eq!((unreached.engine(), unreached.processes()), (false, 1));
        assert_eq!(call(&users, 7), (100, Role::Leader), "the others go on");
        holder.go_on();
        // The word to forget has waited for it.
        servers::wait("it to forget", || holder.gets(7) == 100);
        holder.kill();
        let listeners = || server.command(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        servers::wait("the server to notice", || listeners().matches(" addr=").count() == 1);
        assert_eq!(users.forget_everywhere(&7), Ok(true));
        assert_eq!(call(&users, 7), (101, Role::Leader));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    });
}

/// C11: a process that waits is killed. Nobody notices.
#[test]
fn a_process_that_waits_is_not_missed() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let [here, there] = [(); 2].map(|()| connected(&server.url(), ENDLESS));
        let mut leader = Worker::start(&server.url(), ENDLESS);
        leader.tell("call 7");
        leader.says("runs");
        let mut dies = Worker::start(&server.url(), ENDLESS);
        let (users, runs) = counting(&here);
        let before = scripts(&server);
        dies.tell("call 7");
        servers::wait("it to claim", || scripts(&server) > before);
        // Two processes wait: this one, and the one that is killed.
        thread::scope(|scope| {
            let waiting = scope.spawn(|| call(&users, 7));
            servers::wait("the call to wait", || here.stats().follows > 0);
            dies.kill();
            let (others, _) = counting(&there);
            leader.tell("5");
            leader.says("got 5 Leader");
            assert_eq!(waiting.join().unwrap(), (5, Role::Shared));
            assert_eq!(call(&others, 7), (5, Role::Shared));
            assert_eq!(others.forget_everywhere(&7), Ok(true));
        });
        assert_eq!((runs.load(Ordering::SeqCst), here.stats().takeovers), (0, 0));
    });
}

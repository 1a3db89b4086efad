//! Faults of the server, made on a server of the test's own.

use std::time::{Duration, Instant};

use coalescer_cluster::engine::*;
use coalescer_redis::Redis;

use crate::servers;
use crate::support::watched;
use crate::world::*;

/// The time of a step, as the default of a cluster's `op_timeout`.
const SHORT: Duration = Duration::from_millis(100);
/// The longest time of such a step on a busy machine.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn a_server_that_is_down_refuses_and_is_found_when_it_is_up() {
    watched(|| {
        let Some((mut server, engine)) = world() else { return };
        server.kill();
        assert_eq!(engine.ping(WITHIN).unwrap_err().kind(), ErrorKind::Refused);
        server.revive();
        engine.ping(WITHIN).unwrap();
    });
}

/// C29: opening connects nowhere.
#[test]
fn opening_asks_nobody() {
    let engine = Redis::open("unix:///nowhere/at/all").engine().unwrap();
    assert_eq!(engine.ping(WITHIN).unwrap_err().kind(), ErrorKind::Refused);
    let engine = Redis::open("redis://127.0.0.1:1/").engine().unwrap();
    assert_eq!(engine.ping(WITHIN).unwrap_err().kind(), ErrorKind::Refused);
}

/// C11, C17: what a killed server knew is lost, and nobody publishes by it.
#[test]
fn a_killed_server_forgets_its_leaders() {
    watched(|| {
        let Some((mut server, engine)) = world() else { return };
        let [former, later] = [token(), token()];
        leads(&claim(&engine, &former));
        server.kill();
        let error = try_claim(&engine, &later).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "the dead connection is no reason to fail");
        server.revive();
        assert_eq!(publish(&engine, &former, b"old"), Published::Refused);
        leads(&claim(&engine, &later));
    });
}

/// C15: a step returns in its time, and its connection is not used again, as the answer comes later.
#[test]
fn a_frozen_server_costs_the_time_of_a_step() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let [frozen, other] = [token(), token()];
        // So that the server has the script.
        engine.claim(&Claim::new(key(8), &token(), LEASE), WITHIN).unwrap();
        server.freeze();
        let begin = Instant::now();
        let error = engine.claim(&Claim::new(KEY, &frozen, LEASE), SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= SHORT && begin.elapsed() < BOUND, "{:?}", begin.elapsed());
        server.thaw();
        // The server carries the claim out when it wakes. Its answer is not taken for that of another step, and the
        // same claim gets it again.
        follows(&claim(&engine, &other));
        leads(&claim(&engine, &frozen));
        let release = Release { key: KEY, token: &frozen, end: End::AskAgain };
        assert_eq!(
            engine.release(&release, WITHIN),
            Ok(Released::Ended { told: 0, forgotten: false })
        );
        leads(&claim(&engine, &other));
    });
}

/// C15: the same for many leases at once, and for a forget of all keys, which are many answers.
#[test]
fn many_answers_that_do_not_come_cost_the_time_of_one_step() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let token = token();
        leads(&claim(&engine, &token));
        let leads = vec![Lead { key: KEY, token: &token, lease: LEASE }; 100];
        assert_eq!(engine.renew(&leads, WITHIN), Ok(vec![true; 100]));
        server.freeze();
        let begin = Instant::now();
        assert_eq!(engine.renew(&leads, SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
        let from = token.inbox();
        let all = ForgetAll { namespace: "shop", name: "users", from, id: 1 };
        assert_eq!(engine.forget_all(&all, SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
        server.thaw();
        engine.ping(WITHIN).unwrap();
    });
}

/// Claims need memory. To forget does not.
#[test]
fn a_full_server_refuses_claims_and_forgets() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let [reader, asker] = [token(), token()];
        let mut listener = engine.listen(reader.inbox(), WITHIN).unwrap();
        fill(&engine, b"ada");
        hits(&claim_with_copies(&engine, &reader), b"ada");
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        hits(&claim(&engine, &token()), b"ada");
        let forgotten = forget(&engine, asker.inbox());
        assert_eq!(forgotten, Forgotten { was_there: true, noted: 1, told: 1 });
        assert!(matches!(next(&mut listener), Message::Forget { .. }));
        let later = token();
        assert_eq!(try_claim(&engine, &later).unwrap_err().kind(), ErrorKind::Full);
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        leads(&claim(&engine, &later));
    });
}

#[test]
fn a_full_server_forgets_all_keys() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        fill(&engine, b"ada");
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        forget_all(&engine, &Inbox::draw("shop"));
        assert_eq!(try_claim(&engine, &token()).unwrap_err().kind(), ErrorKind::Full);
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        leads(&claim(&engine, &token()));
    });
}

/// A leader whose publication is refused still leads, and nothing of it is done by halves.
#[test]
fn a_full_server_refuses_publications_as_a_whole() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let [leader, waiting] = [token(), token()];
        let mut listener = engine.listen(waiting.inbox(), WITHIN).unwrap();
        leads(&claim(&engine, &leader));
        follows(&claim_with_copies(&engine, &waiting));
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        let error = try_publish(&engine, &leader, b"ada", Some(WINDOW)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full);
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        let published = publish(&engine, &leader, b"ada");
        assert_eq!(published, Published::Ended { told: 1, kept: true, forgotten: false });
        assert!(matches!(next(&mut listener), Message::Ended { .. }), "one message");
        assert_eq!(listener.next(Duration::ZERO), Ok(None));
    });
}

/// After a failover the former primary is a replica. It is asked over a new connection, which may lead elsewhere.
#[test]
fn a_replica_is_told_apart_and_left() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        engine.ping(WITHIN).unwrap();
        server.command(&["REPLICAOF", "127.0.0.1", "1"]);
        assert_eq!(try_claim(&engine, &token()).unwrap_err().kind(), ErrorKind::ReadOnly);
        let clients = || server.command(&["CLIENT", "LIST", "TYPE", "normal"]);
        servers::wait("its connection to close", || clients().matches(" addr=").count() == 1);
        server.command(&["REPLICAOF", "NO", "ONE"]);
        leads(&claim(&engine, &token()));
    });
}

/// A server that has lost its scripts gets them again, in each step.
#[test]
fn scripts_that_are_gone_are_loaded_again() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let flush = || server.command(&["SCRIPT", "FLUSH"]);
        let [leader, other] = [token(), token()];
        flush();
        leads(&claim(&engine, &leader));
        flush();
        let lead = Lead { key: KEY, token: &leader, lease: LEASE };
        assert_eq!(engine.renew(&[lead, lead], WITHIN), Ok(vec![true, true]));
        flush();
        let published = publish(&engine, &leader, b"ada");
        assert_eq!(published, Published::Ended { told: 0, kept: true, forgotten: false });
        flush();
        let flight = FlightId::new(leader.to_string());
        let kept = End::Outcome { bytes: b"ada"[..].into(), kept: true };
        assert_eq!(engine.fetch(KEY, &flight, WITHIN), Ok(Some(kept)));
        flush();
        assert_eq!(engine.discard(KEY, b"ada", WITHIN), Ok(true));
        leads(&claim(&engine, &other));
        flush();
        let release = Release { key: KEY, token: &other, end: End::RunYourOwn };
        assert_eq!(
            engine.release(&release, WITHIN),
            Ok(Released::Ended { told: 0, forgotten: false })
        );
        flush();
        assert_eq!(forget(&engine, other.inbox()), Forgotten::default());
        flush();
        forget_all(&engine, other.inbox());
    });
}

/// A flush costs an execution and no value.
#[test]
fn a_flush_ends_flights_and_results() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let [leader, later] = [token(), token()];
        leads(&claim(&engine, &leader));
        server.command(&["FLUSHALL"]);
        let lead = Lead { key: KEY, token: &leader, lease: LEASE };
        assert_eq!(engine.renew(&[lead], WITHIN), Ok(vec![false]));
        leads(&claim(&engine, &later));
        assert_eq!(publish(&engine, &leader, b"old"), Published::Refused);
        publish(&engine, &later, b"new");
        hits(&claim(&engine, &token()), b"new");
    });
}

/// A mark that was evicted forgets, and never revives.
#[test]
fn a_mark_that_is_gone_forgets() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        fill(&engine, b"ada");
        server.command(&["DEL", "{shop:users:7}:e"]);
        let later = token();
        leads(&claim(&engine, &later));
        server.command(&["DEL", "{shop:users:7}:e"]);
        let published = publish(&engine, &later, b"eve");
        assert_eq!(published, Published::Ended { told: 0, kept: false, forgotten: true });
    });
}

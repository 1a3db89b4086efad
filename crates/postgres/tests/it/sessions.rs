//! Sessions, rights and tables.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer_cluster::engine::{Claim, Claimed, End, Engine, ErrorKind, ForgetAll, Wait, Waited};
use coalescer_postgres::{OpenError, Postgres};
use postgres::{Client, NoTls};

use crate::place::{Place, Process, WITHIN, key, with_place, with_server};
use crate::proxy::Proxy;
use crate::support::wait_until;

const LONG: Duration = Duration::from_secs(3600);

fn is_outcome(waited: &Waited, expected: &[u8]) -> bool {
    matches!(waited, Waited::Ended { end: End::Outcome { bytes, .. }, .. } if **bytes == *expected)
}

#[test]
fn as_many_flights_as_connections_and_short_steps_beside_them() {
    with_place("exhausted", |place| {
        let engine = place.open().max_connections(2).engine().unwrap();
        let other = place.engine();
        let (process, elsewhere) = (Process::new(&engine), Process::new(&other));
        let (first, _) = process.lead(key(1));
        process.lead(key(2));
        let token = process.token();
        let claim = Claim::new(key(3), &token, WITHIN);
        assert_eq!(engine.claim(&claim, WITHIN).unwrap_err().kind(), ErrorKind::Exhausted);
        let (_, flight) = elsewhere.lead(key(4));
        let token = process.token();
        let wait = Wait { key: key(4), token: &token, flight: &flight, leads: None };
        assert_eq!(engine.wait(&wait, WITHIN).unwrap_err().kind(), ErrorKind::Exhausted);
        assert!(process.forget(key(1)), "a short step has a session of its own");
        engine.ping(WITHIN).unwrap();
        assert_eq!(place.sessions(), 2 + 1 + 1);

        process.publish(key(1), &first, b"ada", LONG);
        assert!(matches!(process.claim(key(3)).1, Claimed::Lead { .. }));
    });
}

/// A call that has left a wait has its session until the server ends that.
#[test]
fn a_flight_waits_for_a_session_whose_caller_has_left() {
    with_server(|server| {
        let place = Place::on("left", &server);
        let proxy = Proxy::to(server.directory().join(".s.PGSQL.5432"));
        let url = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", proxy.port());
        let other = place.engine();
        let (_, flight) = Process::new(&other).lead(key(1));
        let engine = place.open_at(&url).max_connections(1).engine().unwrap();
        let process = Process::new(&engine);
        assert!(matches!(process.claim(key(1)).1, Claimed::Follow { .. }));
        proxy.hold();
        // Too short to tell a server that is frozen.
        let waited = process.wait(key(1), &flight, None, Duration::from_millis(20));
        assert_eq!(waited, Waited::StillRuns);
        thread::scope(|scope| {
            let (begin, begun) = channel();
            let claim = scope.spawn(move || {
                let process = Process::new(&engine);
                begin.send(()).unwrap();
                process.claim(key(2)).1
            });
            begun.recv().unwrap();
            proxy.heal();
            assert!(matches!(claim.join().unwrap(), Claimed::Lead { .. }));
        });
    });
}

#[test]
fn a_dropped_engine_leaves_nothing_behind() {
    with_place("dropped", |place| {
        let engine = place.engine();
        let (_, flight) = Process::new(&engine).lead(key(1));
        let other = place.engine();
        let waiter = Process::new(&other);
        assert_eq!(
            waiter.wait(key(1), &flight, None, Duration::from_millis(20)),
            Waited::StillRuns
        );
        drop(engine);
        waiter.wait(key(1), &flight, None, WITHIN);
        assert!(matches!(waiter.claim(key(1)).1, Claimed::Lead { flight: of, .. } if of == flight));
        drop(other);
        wait_until(|| place.sessions() == 0);
    });
}

/// A claim whose answer is lost may have been carried out.
#[test]
fn a_claim_that_timed_out_leads_nothing() {
    with_place("timed_out", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let (token, flight) = process.lead(key(1));
        process.publish(key(1), &token, b"ada", Duration::ZERO);
        let mut holder = Client::connect(&place.url, NoTls).unwrap();
        let mut hold = holder.transaction().unwrap();
        hold.batch_execute("SELECT 1 FROM timed_out.coalescer_key FOR UPDATE").unwrap();
        let token = process.token();
        let claim = Claim::new(key(1), &token, WITHIN);
        let error = engine.claim(&claim, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        hold.commit().unwrap();
        let (_, next) = process.lead(key(1));
        assert_ne!(next, flight);
        wait_until(|| place.leaders() == 1);
    });
}

/// C25: ends go ten seconds after they are over, keys after a day. What is swept does not look like a leader's death.
#[test]
fn what_is_over_is_swept() {
    with_place("swept", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        // The first publication sweeps, and so does each 500th after it.
        for number in 1..=3 {
            let (token, _) = process.lead(key(number));
            process.publish(
                key(number),
                &token,
                b"ada",
                if number == 2 { LONG } else { Duration::ZERO },
            );
        }
        let ago = |seconds: u64| {
            format!(
                "UPDATE {{s}}.coalescer_result SET until = until - {seconds}000000; \
                     UPDATE {{s}}.coalescer_key SET led = led - {seconds}000000"
            )
        };
        place.run(&ago(9));
        place.run("SELECT {s}.sweep(1000)");
        assert_eq!(place.number("SELECT count(*) FROM {s}.coalescer_result"), 3);
        place.run(&ago(2));
        place.run("SELECT {s}.sweep(1000)");
        assert_eq!(
            place.number("SELECT count(*) FROM {s}.coalescer_result"),
            1,
            "the one in its window"
        );
        assert!(matches!(process.claim(key(2)).1, Claimed::Hit { .. }));
        let (_, Claimed::Lead { age, .. }) = process.claim(key(1)) else { panic!("it leads") };
        assert_eq!(age, Duration::ZERO, "a flight of its own");

        place.run(&ago(24 * 60 * 60));
        // A sweep looks at a thousand keys from a random place to the end.
        wait_until(|| {
            place.run("SELECT {s}.sweep(1000)");
            place.number("SELECT count(*) FROM {s}.coalescer_key") == 1
        });
        let runs = place.number("SELECT flight FROM {s}.coalescer_key");
        assert!(
            matches!(process.claim(key(1)).1, Claimed::Follow { flight, .. } if flight.as_str() == runs.to_string())
        );
    });
}

#[test]
fn publications_sweep() {
    with_place("sweeps", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        place.run("INSERT INTO {s}.coalescer_result VALUES ('old', 1, 0, false, 0, '')");
        let (token, _) = process.lead(key(1));
        process.publish(key(1), &token, b"ada", LONG);
        wait_until(|| place.number("SELECT count(*) FROM {s}.coalescer_result") == 1);
    });
}

/// The functions see each other's work whatever the role's settings are.
#[test]
fn settings_of_the_role_change_nothing() {
    with_place("settings", |place| {
        place.run(
            "CREATE ROLE strict SUPERUSER LOGIN; ALTER ROLE strict SET default_transaction_isolation = serializable;
             ALTER ROLE strict SET statement_timeout = '100ms'; ALTER ROLE strict SET lock_timeout = '100ms'",
        );
        if place.number("SELECT current_setting('server_version_num')::bigint") >= 140_000 {
            place.run("ALTER ROLE strict SET idle_session_timeout = '100ms'");
        }
        let url = place.url.replace("user=postgres", "user=strict");
        let engine =
            Postgres::open(&url).schema("settings").connect_timeout(WITHIN).engine().unwrap();
        let [leader, waiter] = [(); 2].map(|()| Process::new(&engine));
        let (token, flight) = leader.lead(key(1));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Process::new(&engine).wait(key(1), &flight, None, WITHIN));
            wait_until(|| place.waiters() == 1);
            // Longer than the timeouts of the role, if they counted.
            place.run("SELECT pg_sleep(0.3)");
            leader.publish(key(1), &token, b"ada", LONG);
            assert!(is_outcome(&waiting.join().unwrap(), b"ada"));
        });
        assert!(matches!(waiter.claim(key(1)).1, Claimed::Hit { .. }));
    });
}

#[test]
fn a_service_needs_no_more_rights_than_the_setup_names() {
    with_place("rights", |place| {
        place.run("CREATE ROLE service LOGIN");
        let sql = place.open().setup_sql().unwrap();
        let grants: Vec<_> =
            sql.lines().filter_map(|line| line.strip_prefix("--   GRANT")).collect();
        let url = place.url.replace("user=postgres", "user=service");
        let service = || Postgres::open(&url).schema("rights").connect_timeout(WITHIN);
        // Without one of them a step is denied.
        for grant in grants {
            let engine = service().engine().unwrap();
            let process = Process::new(&engine);
            let token = process.token();
            let claim = Claim::new(key(1), &token, WITHIN);
            let error = engine.claim(&claim, WITHIN).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
            place.run(&format!("GRANT {grant}"));
        }
        assert!(
            matches!(service().setup(), Err(OpenError::Engine(text)) if text.contains("42501"))
        );

        let engine = service().engine().unwrap();
        let process = Process::new(&engine);
        let (token, flight) = process.lead(key(1));
        process.publish(key(1), &token, b"ada", LONG);
        assert!(is_outcome(&process.wait(key(1), &flight, None, WITHIN), b"ada"));
        assert!(engine.discard(key(1), b"ada", WITHIN).unwrap());
        assert!(!process.forget(key(1)));
        let all = ForgetAll { namespace: "shop", name: "users", from: &process.inbox, id: 1 };
        engine.forget_all(&all, WITHIN).unwrap();
        let (token, _) = process.lead(key(1));
        process.publish(key(1), &token, b"ada", LONG);
    });
}

#[test]
fn a_schema_can_be_made_again_and_by_many_at_once() {
    with_place("again", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let (token, _) = process.lead(key(1));
        process.publish(key(1), &token, b"ada", LONG);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| place.open().setup().unwrap());
                scope.spawn(|| place.open().schema("again_and_new").setup().unwrap());
            }
        });
        assert!(matches!(process.claim(key(1)).1, Claimed::Hit { .. }));
    });
}

/// Two schemas of a database have other locks, though their flights have the same numbers.
#[test]
fn schemas_do_not_meet() {
    with_place("one_schema", |place| {
        place.open().schema("other_schema").setup().unwrap();
        let engines = [place.engine(), place.open().schema("other_schema").engine().unwrap()];
        let [one, other] = [0, 1].map(|at| Process::new(&engines[at]));
        let ((_, flight), (_, same)) = (one.lead(key(1)), other.lead(key(1)));
        assert_eq!(flight, same);
    });
}

#[test]
fn a_value_may_be_long_and_of_any_bytes() {
    with_place("long", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let value: Vec<u8> =
            (0..3_000_000_u32).map(|at| at.wrapping_mul(at).to_le_bytes()[1]).collect();
        let (token, flight) = process.lead(key(1));
        process.publish(key(1), &token, &value, LONG);
        assert!(matches!(process.claim(key(1)).1, Claimed::Hit { bytes, .. } if *bytes == *value));
        assert!(is_outcome(&process.wait(key(1), &flight, None, WITHIN), &value));
    });
}

/// A call may come from a runtime of the program's own, where a second one must not be driven.
#[test]
fn a_call_from_a_runtime_does_not_panic() {
    with_place("runtime", |place| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let engine = place.engine();
            let process = Process::new(&engine);
            let (token, _) = process.lead(key(1));
            process.publish(key(1), &token, b"ada", LONG);
        });
    });
}

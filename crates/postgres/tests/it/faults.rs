//! Faults that are made on a server of the test's own, and processes that are killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use coalescer_cluster::engine::{
    Claim, Claimed, End, Engine, EngineError, ErrorKind, FlightId, Publication, Published, Release,
    Wait, Waited,
};
use coalescer_postgres::{OpenError, Postgres, PostgresEngine};

use crate::place::{Place, Process, WITHIN, key, url, with_place, with_server};
use crate::support::wait_until;

const LONG: Duration = Duration::from_secs(3600);

/// The time of a step in a service.
const STEP: Duration = Duration::from_millis(100);

/// A step that is over after so long has been bounded by its own time, also on a busy machine.
const BOUND: Duration = Duration::from_secs(2);

fn claim(engine: &PostgresEngine, within: Duration) -> Result<Claimed, EngineError> {
    let process = Process::new(engine);
    engine.claim(&Claim::new(key(1), &process.token(), WITHIN), within)
}

fn kind(engine: &PostgresEngine) -> ErrorKind {
    claim(engine, WITHIN).unwrap_err().kind()
}

/// Another process of this program, which does what `worker` is told.
struct Worker(Child);

impl Worker {
    fn start(place: &Place, work: &str) -> (Self, BufReader<std::process::ChildStdout>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "faults::worker", "--nocapture"])
            .env("COALESCER_WORK", format!("{work} {} {}", place.schema, place.url))
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        (Self(child), said)
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Waits for a line that the worker says.
fn hears(said: &mut impl BufRead, word: &str) -> String {
    for line in said.lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once(word) {
            return rest.trim().to_owned();
        }
    }
    panic!("the worker has ended without '{word}'");
}

/// Not a test: the work of another process.
#[test]
fn worker() {
    let Ok(work) = std::env::var("COALESCER_WORK") else { return };
    let [work, schema, url] = work.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let engine = Postgres::open(url).schema(schema).connect_timeout(WITHIN).engine().unwrap();
    let process = Process::new(&engine);
    let (token, flight) = process.lead(key(1));
    println!("leads {flight}");
    if work == "asks" {
        let (_, claimed) = process.claim(key(2));
        let waited = process.wait(key(2), claimed.flight().unwrap(), Some(&token), WITHIN);
        println!("waited {waited:?}");
    }
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// C11, C16.
#[test]
fn a_killed_leader_is_followed_by_another_one() {
    with_place("killed", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let (worker, mut said) = Worker::start(place, "leads");
        let flight = FlightId::new(hears(&mut said, "leads "));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Process::new(&engine).wait(key(1), &flight, None, WITHIN));
            wait_until(|| place.waiters() == 1);
            worker.kill();
            let gone = Waited::Ended { end: End::AskAgain, forgotten: false };
            assert_eq!(waiting.join().unwrap(), gone);
        });
        assert_eq!(process.lead(key(1)).1, flight);
    });
}

/// C16: the server does not read from a session that waits, and finds out all the same.
#[test]
fn a_leader_that_is_killed_while_it_waits_is_followed_too() {
    with_place("killed_waiting", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        process.lead(key(2));
        let (worker, mut said) = Worker::start(place, "asks");
        let flight = FlightId::new(hears(&mut said, "leads "));
        wait_until(|| place.waiters() == 1);
        worker.kill();
        if place.number("SELECT current_setting('server_version_num')::bigint") >= 140_000 {
            let begin = Instant::now();
            process.wait(key(1), &flight, None, WITHIN);
            assert!(begin.elapsed() < BOUND, "its own wait would have had {WITHIN:?}");
        }
    });
}

/// C18.
#[test]
fn a_cycle_over_two_processes_is_seen_by_the_server() {
    with_place("two_processes", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let (token, _) = process.lead(key(2));
        let (_worker, mut said) = Worker::start(place, "asks");
        let flight = FlightId::new(hears(&mut said, "leads "));
        wait_until(|| place.waiters() == 1);
        let here = process.wait(key(1), &flight, Some(&token), Duration::from_secs(3));
        if here == Waited::WouldDeadlock {
            process.publish(key(2), &token, b"ada", LONG);
            assert!(hears(&mut said, "waited ").contains("Outcome"));
        } else {
            // The worker's own function runs now, and here the wait goes on.
            assert_eq!(
                (here, hears(&mut said, "waited ")),
                (Waited::StillRuns, "WouldDeadlock".to_owned())
            );
        }
    });
}

/// C15: a crash forgets everything, and the same engine goes on.
#[test]
fn a_server_that_crashes_and_comes_back_is_empty() {
    with_server(|mut server| {
        let place = Place::on("crash", &server);
        let engine = place.engine();
        let process = Process::new(&engine);
        let (token, _) = process.lead(key(1));
        process.publish(key(1), &token, b"ada", LONG);
        let (token, flight) = process.lead(key(2));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let process = Process::new(&engine);
                let wait =
                    Wait { key: key(2), token: &process.token(), flight: &flight, leads: None };
                engine.wait(&wait, WITHIN)
            });
            wait_until(|| place.waiters() == 1);
            server.crash_and_restart().unwrap();
            assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Lost);
        });
        let publication = Publication::new(key(2), &token, b"bob");
        let published = engine.publish(&publication, WITHIN);
        assert!(matches!(&published, Ok(Published::Refused)), "{published:?}");
        process.lead(key(1));
        process.lead(key(2));
    });
}

/// C15: each step returns in its time, and what it left behind on the server goes.
#[test]
fn a_frozen_server_costs_a_step_its_time() {
    with_server(|server| {
        let place = Place::on("frozen", &server);
        let [engine, other] = [place.engine(), place.engine()];
        let [process, elsewhere] = [&engine, &other].map(|engine| Process::new(engine));
        let (lead, _) = process.lead(key(2));
        let (_, flight) = elsewhere.lead(key(3));
        // A session for each step, so that the second claim needs no new one.
        process.claim(key(3));

        server.signal("STOP").unwrap();
        let timed = |what: &str, step: &dyn Fn() -> Result<(), EngineError>| {
            let begin = Instant::now();
            let kind = step().map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::TimedOut), "{what}");
            assert!(begin.elapsed() < BOUND, "{what} took {:?}", begin.elapsed());
        };
        timed("a claim", &|| claim(&engine, STEP).map(drop));
        timed("a claim in a new session", &|| claim(&engine, STEP).map(drop));
        timed("a publication", &|| {
            engine.publish(&Publication::new(key(2), &lead, b"ada"), STEP).map(drop)
        });
        timed("a sign of life", &|| engine.ping(STEP));
        timed("a release of what is not led", &|| {
            let release = Release { key: key(9), token: &process.token(), end: End::AskAgain };
            engine.release(&release, STEP).map(drop)
        });
        timed("a wait", &|| {
            let wait = Wait { key: key(3), token: &process.token(), flight: &flight, leads: None };
            other.wait(&wait, STEP).map(drop)
        });
        server.signal("CONT").unwrap();

        // The claims may be carried out now. Nobody holds what they have got.
        wait_until(|| matches!(claim(&other, WITHIN), Ok(Claimed::Lead { .. })));
        assert!(matches!(claim(&engine, WITHIN).unwrap(), Claimed::Follow { .. }));
    });
}

/// A frozen server must not hold the program's end up.
#[test]
fn an_engine_is_dropped_although_its_server_is_frozen() {
    with_server(|server| {
        let place = Place::on("frozen_drop", &server);
        let engine = place.engine();
        Process::new(&engine).lead(key(1));
        server.signal("STOP").unwrap();
        let begin = Instant::now();
        claim(&engine, STEP).unwrap_err();
        drop(engine);
        assert!(begin.elapsed() < BOUND);
        server.signal("CONT").unwrap();
    });
}

#[test]
fn a_table_that_is_missing_is_named_and_can_be_made_again() {
    with_place("dropped_table", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let (token, _) = process.lead(key(1));
        place.run("DROP TABLE {s}.coalescer_key CASCADE");
        let error = claim(&engine, WITHIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert!(error.text().contains("Postgres::setup()"), "{error}");
        let published = engine.publish(&Publication::new(key(1), &token, b"ada"), WITHIN);
        assert_eq!(published.unwrap_err().kind(), ErrorKind::Unexpected);
        place.open().setup().unwrap();
        assert!(matches!(claim(&engine, WITHIN), Ok(Claimed::Lead { .. })));

        let nowhere = place.open().schema("nowhere").engine().unwrap();
        let error = claim(&nowhere, WITHIN).unwrap_err();
        assert!(error.text().contains("Postgres::setup()"), "{error}");
    });
}

#[test]
fn a_wrong_password_is_told_and_not_repeated() {
    with_server(|server| {
        let place = Place::on("password", &server);
        place.run("CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 'right-word'");
        let rules = server.directory().join("data/pg_hba.conf");
        let others = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, format!("local all guarded scram-sha-256\n{others}")).unwrap();
        place.run("SELECT pg_reload_conf()");

        let open = |password: &str| {
            let url = format!("{} {password}", url(&server, "guarded"));
            Postgres::open(&url).schema("password").connect_timeout(WITHIN)
        };
        // The server reads its rules a moment later.
        wait_until(|| claim(&open("").engine().unwrap(), WITHIN).is_err());
        let told = format!("{:?}", open("password=wrong-word"));
        for password in ["password=wrong-word", ""] {
            let error = claim(&open(password).engine().unwrap(), WITHIN).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
            assert!(!format!("{told} {error} {error:?}").contains("wrong-word"), "{error}");
        }
        assert!(claim(&open("password=right-word").engine().unwrap(), WITHIN).is_ok());
    });
}

#[test]
fn who_gets_no_session_is_told_why() {
    with_place("told", |place| {
        place.run(
            "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0; CREATE ROLE reader SUPERUSER LOGIN; \
             ALTER ROLE reader SET default_transaction_read_only = on",
        );
        let of = |user: &str| {
            let url = place.url.replace("user=postgres", &format!("user={user}"));
            Postgres::open(&url).schema("told").connect_timeout(WITHIN).engine().unwrap()
        };
        assert_eq!(kind(&of("crowded")), ErrorKind::Refused);
        assert_eq!(kind(&of("reader")), ErrorKind::ReadOnly);
        assert_eq!(kind(&of("nobody_of_that_name")), ErrorKind::Denied);
        let url = place.url.replace("dbname=postgres", "dbname=no_such_database");
        let nowhere = Postgres::open(&url).connect_timeout(WITHIN).engine().unwrap();
        assert_eq!(kind(&nowhere), ErrorKind::Denied);
    });
}

/// C29: opening asks nobody, and joins when it can.
#[test]
fn a_server_that_is_down_refuses_and_is_joined_when_it_is_back() {
    with_server(|mut server| {
        let place = Place::on("down", &server);
        server.stop();
        let engine = place.engine();
        assert_eq!(kind(&engine), ErrorKind::Refused);
        server.crash_and_restart().unwrap();
        assert!(matches!(claim(&engine, WITHIN), Ok(Claimed::Lead { .. })));
    });
}

#[test]
fn a_replica_is_refused() {
    with_server(|mut server| {
        let place = Place::on("replica", &server);
        let engine = place.engine();
        server.stop();
        fs::write(server.directory().join("data/standby.signal"), "").unwrap();
        server.crash_and_restart().unwrap();
        let error = claim(&engine, WITHIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        assert!(error.text().contains("primary"), "{error}");
        // Among several hosts the client looks for the primary itself.
        let url =
            format!("{} host={1},{1}", url(&server, "postgres"), server.directory().display());
        let several =
            Postgres::open(&url).schema("replica").connect_timeout(WITHIN).engine().unwrap();
        assert_eq!(kind(&several), ErrorKind::ReadOnly);
    });
}

#[test]
fn settings_that_cannot_be_are_refused_at_once() {
    let refused = |postgres: Postgres, why: &str| match postgres.engine() {
        Err(OpenError::Engine(text)) => {
            assert!(text.contains(why) && !text.contains("secret"), "{text}");
        }
        other => panic!("{other:?}"),
    };
    refused(Postgres::open("postgresql://user:secret@localhost:port/shop"), "URL");
    refused(Postgres::open("host=localhost password=my secret"), "URL");
    refused(Postgres::open("dbname=shop password=secret"), "URL");
    refused(Postgres::open("postgresql://user:secret@localhost/shop?sslmode=require"), "tls");
    refused(Postgres::open("postgresql://localhost/shop").schema("a\"b"), "schema");
    let postgres = Postgres::open("postgresql://user:secret@localhost/shop")
        .secret(*b"secret..........secret..........");
    let shown = format!("{postgres:?}");
    assert!(
        shown.contains("localhost") && shown.contains("shop") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn settings_of_the_cluster_reach_it() {
    let open = || Postgres::open("postgresql://localhost/shop");
    let refused = |postgres: Postgres| postgres.connect().unwrap_err();
    assert!(matches!(refused(open().namespace("a b")), OpenError::Namespace(_)));
    assert!(matches!(refused(open().op_timeout(Duration::ZERO)), OpenError::OpTimeout(..)));
    assert!(matches!(refused(open().lease(Duration::from_millis(1))), OpenError::Lease(_)));
    assert!(matches!(refused(open().probe(Duration::ZERO)), OpenError::Probe));
}

//! A pooler before a server: pgbouncer, by transactions and by sessions.

use std::fs;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use coalescer_cluster::engine::{Claim, End, Engine, ErrorKind, Waited};
use coalescer_postgres::Postgres;

use crate::place::{Place, Process, WITHIN, key, with_server};
use crate::server::{Server, missing};
use crate::support::wait_until;

struct Pooler {
    child: Child,
    url: String,
}

impl Pooler {
    /// Starts one in the directory of the server. `None`: there is no such program.
    fn start(server: &Server, mode: &str) -> Option<Self> {
        let Some(program) = program() else {
            missing("pgbouncer was not found; on Debian, apt-get install pgbouncer");
            return None;
        };
        let directory = server.directory().display();
        let settings = server.directory().join("pgbouncer.ini");
        fs::write(&settings, format!(
            "[databases]\n* = host={directory} user=postgres\n[pgbouncer]\nlisten_port = 6432\nauth_type = any\n\
             unix_socket_dir = {directory}\npool_mode = {mode}\nignore_startup_parameters = extra_float_digits\n"
        )).unwrap();
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&settings).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = server.user() {
            command.uid(user).gid(group);
        }
        let pooler = Self {
            child: command.spawn().unwrap(),
            url: format!("host={directory} port=6432 user=postgres dbname=postgres"),
        };
        wait_until(|| UnixStream::connect(server.directory().join(".s.PGSQL.6432")).is_ok());
        Some(pooler)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

#[test]
fn a_pooler_by_transactions_is_refused_by_name() {
    with_server(|server| {
        let place = Place::on("pooled", &server);
        let Some(pooler) = Pooler::start(&server, "transaction") else { return };
        let engine =
            Postgres::open(&pooler.url).schema("pooled").connect_timeout(WITHIN).engine().unwrap();
        let process = Process::new(&engine);
        for _ in 0..3 {
            let error =
                engine.claim(&Claim::new(key(1), &process.token(), WITHIN), WITHIN).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
            assert!(error.text().contains("pgbouncer"), "{error}");
        }
        assert_eq!(place.number("SELECT count(*) FROM {s}.coalescer_key"), 0);
    });
}

#[test]
fn a_pooler_by_sessions_will_do() {
    with_server(|server| {
        let _place = Place::on("by_session", &server);
        let Some(pooler) = Pooler::start(&server, "session") else { return };
        // More than the pooler gives, which is 20, would wait for each other.
        let open = Postgres::open(&pooler.url).schema("by_session").connect_timeout(WITHIN);
        let engine = open.max_connections(16).engine().unwrap();
        let process = Process::new(&engine);
        let (token, flight) = process.lead(key(1));
        let short = Duration::from_millis(20);
        assert_eq!(process.wait(key(1), &flight, None, short), Waited::StillRuns);
        process.publish(key(1), &token, b"ada", WITHIN);
        let waited = process.wait(key(1), &flight, None, WITHIN);
        assert!(matches!(waited, Waited::Ended { end: End::Outcome { .. }, .. }));
        assert!(process.forget(key(1)));
        process.lead(key(1));
    });
}

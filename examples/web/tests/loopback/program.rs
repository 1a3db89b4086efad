//! The program itself.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{free_address, get, wait_until, watched};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_web"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// Kills the program at the end of the test.
pub(crate) struct Running {
    child: Child,
    pub(crate) site: SocketAddr,
    pub(crate) status: SocketAddr,
}

impl Running {
    /// Starts the program, and waits until it listens. `None`: one of the addresses is taken.
    pub(crate) fn start(site: SocketAddr, status: SocketAddr, options: &[&str]) -> Option<Self> {
        let addresses = [&site.to_string(), "--status", &status.to_string()];
        let mut command = program(&[&addresses[..], options].concat());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut running = Self { child, site, status };
        let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
        let site_line = lines.next()?.unwrap();
        assert_eq!(site_line, format!("listening on http://{site}/"));
        let status_line = lines.next().unwrap().unwrap();
        assert_eq!(status_line, format!("status pages on http://{status}/"));
        Some(running)
    }

    /// Starts the program at free ports. Another program may take a port before this one does.
    pub(crate) fn anywhere(options: &[&str]) -> Self {
        let mut attempts =
            (0..100).filter_map(|_| Self::start(free_address(), free_address(), options));
        attempts.next().expect("two free ports")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn the_program_prints_its_addresses_and_answers_there() {
    watched(|| {
        let running = Running::anywhere(&[]);
        assert_eq!(get(running.site, "/primes/10", &[]).text, "4\n");
        assert_eq!(
            get(running.site, "/stats", &[]).status,
            404,
            "the site's clients see no status"
        );
        assert_eq!(
            get(running.status, "/", &[]).headers["content-type"],
            "text/html; charset=utf-8"
        );
    });
}

#[test]
fn the_clients_of_the_demo_use_all_that_the_status_page_shows() {
    watched(|| {
        let running = Running::anywhere(&["--demo"]);
        let stats = || -> serde_json::Value {
            serde_json::from_str(&get(running.status, "/stats", &[]).text).unwrap()
        };
        let wanted = [
            "passed through: credentials",
            "passed through: declined",
            "passed through: method",
            "passed through: no-store",
            "unkept: no-cache",
            "unshared: status of one request",
        ];
        wait_until(|| {
            let stats = stats();
            let is_positive = |count: &serde_json::Value| count.as_u64() > Some(0);
            let flights = &stats["flights"];
            wanted.iter().all(|reason| is_positive(&stats["reasons"][reason]))
                && is_positive(&flights["late"])
                && is_positive(&flights["followers"])
        });
    });
}

#[test]
fn wrong_arguments_are_refused_with_a_hint() {
    watched(|| {
        let refused = |arguments: &[&str]| {
            let output = output(arguments);
            assert!(!output.status.success());
            String::from_utf8(output.stderr).unwrap()
        };
        let hint = "web: everywhere is not an address; use one such as 127.0.0.1:8080\n";
        assert_eq!(refused(&["everywhere"]), hint);
        let running = Running::anywhere(&[]);
        for (site, status) in [(running.site, free_address()), (free_address(), running.status)] {
            let said = refused(&[&site.to_string(), "--status", &status.to_string()]);
            assert!(said.starts_with("web: cannot listen on 127.0.0.1:"), "{said}");
            assert!(said.ends_with("; --help says how to choose another address\n"), "{said}");
        }
    });
}

#[test]
fn help_is_no_failure() {
    watched(|| {
        let output = output(&["--help"]);
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), web::USAGE);
    });
}

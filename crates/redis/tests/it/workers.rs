//! Other processes, which a test tells what to do by their standard input, and which say what becomes of it.
//!
//! ```text
//! the test                      the process
//! "call 7"                      calls. If it leads:
//!                               "runs"
//! "5"                           the function returns 5
//!                               "returns"
//!                               "got 5 Leader"
//! ```

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use coalescer::Coalescer;
use coalescer_redis::{Cluster, Redis};

use crate::proxy::Proxy;
use crate::servers;

const VARIABLE: &str = "COALESCER_REDIS_WORKER";

/// How long a process takes for a step, and for how long it leads without a sign of life.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) op_timeout: Duration,
    pub(crate) lease: Duration,
}

/// A step is never late, and a lease is not what a test waits for.
pub(crate) const ENDLESS: Patience =
    Patience { op_timeout: Duration::from_secs(20), lease: Duration::from_secs(60) };

/// The test waits for the end of a lease.
pub(crate) const USUAL: Patience =
    Patience { op_timeout: Duration::from_secs(1), lease: Duration::from_secs(3) };

/// The URL of a server behind a wire.
pub(crate) fn url_by(way: &Proxy) -> String {
    format!("redis://127.0.0.1:{}/", way.port())
}

pub(crate) fn connect(url: &str, patience: Patience) -> Cluster {
    let redis = Redis::open(url).namespace("shop");
    redis.op_timeout(patience.op_timeout).lease(patience.lease).connect().unwrap()
}

/// A process of this program's, that hears messages.
pub(crate) fn connected(url: &str, patience: Patience) -> Cluster {
    let cluster = connect(url, patience);
    servers::wait("the process to listen", || cluster.health().listening);
    cluster
}

pub(crate) type Numbers = Coalescer<u64, u64, String>;

/// The table that all processes share, for a minute.
pub(crate) fn numbers(
    cluster: &Cluster,
    run: impl Fn(&u64) -> Result<u64, String> + Send + Sync + 'static,
) -> Numbers {
    let builder = Coalescer::builder().window(Duration::from_secs(60));
    builder.shared(cluster.named("numbers").schema("1")).build(run)
}

pub(crate) struct Worker {
    child: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts one, which hears messages when this returns.
    pub(crate) fn start(url: &str, patience: Patience) -> Self {
        let Patience { op_timeout, lease } = patience;
        let job = format!("{} {} {url}", op_timeout.as_millis(), lease.as_millis());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "workers::worker", "--nocapture"]).env(VARIABLE, job);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (told, said) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut worker = Self { child, told, said: BufReader::new(said) };
        worker.says("listens");
        worker
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.told, "{line}").unwrap();
    }

    /// Waits until it says so.
    pub(crate) fn says(&mut self, words: &str) {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended without '{words}'");
            let line = line.trim_end();
            // The test harness of that process writes, too.
            if line.ends_with(words) {
                return;
            }
            assert!(!line.contains("got "), "'{line}' and not '{words}'");
        }
    }

    /// It calls, leads, and has the function's result.
    pub(crate) fn leads(&mut self, key: u64, value: u64) {
        self.tell(&format!("call {key}"));
        self.says("runs");
        self.tell(&value.to_string());
        self.says(&format!("got {value} Leader"));
    }

    /// It calls, and does not lead. Returns the value that it gets.
    pub(crate) fn gets(&mut self, key: u64) -> u64 {
        self.tell(&format!("call {key}"));
        let mut line = String::new();
        while !line.contains("got ") {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended");
        }
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// It stands still, with its connections, until it is told to go on.
    pub(crate) fn stop(&self) {
        servers::stop(self.child.id());
    }

    pub(crate) fn go_on(&self) {
        servers::signal(self.child.id(), "-CONT");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The body of another process. As a test of its own it does nothing.
#[test]
fn worker() {
    let Ok(job) = std::env::var(VARIABLE) else { return };
    let [op_timeout, lease, url] = job.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let time = |text: &str| Duration::from_millis(text.parse().unwrap());
    let cluster = connected(url, Patience { op_timeout: time(op_timeout), lease: time(lease) });
    let numbers = numbers(&cluster, |_| {
        println!("runs");
        let value = next_line().parse().unwrap();
        println!("returns");
        Ok(value)
    });
    println!("listens");
    loop {
        let line = next_line();
        let Some(key) = line.strip_prefix("call ") else { panic!("'{line}'") };
        let outcome = numbers.call(&key.parse::<u64>().unwrap()).outcome().unwrap();
        println!("got {} {:?}", outcome.value, outcome.role);
    }
}

/// Without a line the test has ended, and so does this process.
fn next_line() -> String {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap() == 0 {
        std::process::exit(0);
    }
    line.trim_end().to_owned()
}

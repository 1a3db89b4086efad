//! Clients with a connection and a thread each, which ask at the same moment or again and again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Figures;
use super::backend::{Backend, TEXT};
use super::servers::WINDOW;
use crate::options::Size;
use crate::stats::Times;

/// A thread of a client has no deep calls, and there are 500.
const STACK: usize = 64 << 10;

/// Longer than any answer takes, also if 500 runs go on in turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the clients ask.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// All at once, for a page that nobody has asked for. Then for the next one.
    Burst,
    /// Each of them as soon as it has its answer, for one page.
    Busy,
}

/// Clients that are connected.
pub(super) struct Crowd(Vec<Client>);

impl Crowd {
    pub(super) fn connect(address: SocketAddr, clients: usize) -> Result<Self> {
        Ok(Self((0..clients).map(|_| Client::connect(address)).collect::<Result<_>>()?))
    }

    /// Runs for each burst or each window, answers for each burst or second, and times of requests.
    pub(super) fn measure(&mut self, load: Load, backend: &Backend, size: Size) -> Figures {
        // The first request of a connection makes its thread at the server.
        self.all_ask(|client| client.ask("/warm").map(|time| vec![time]));
        let (before, begin) = (backend.runs(), Instant::now());
        let times = Mutex::new(Times::new());
        let all = |asked: Vec<Vec<Duration>>| {
            let mut times = times.lock().expect("no lane panics");
            asked.iter().flatten().for_each(|time| times.add(time.as_nanos() as f64));
            asked.iter().map(Vec::len).sum::<usize>()
        };
        let (answers, parts, windows) = match load {
            Load::Burst => {
                let bursts = size.pick(10, 5, 1);
                let burst = |number: u32| {
                    let page = format!("/burst/{number}");
                    all(self.all_ask(|client| client.ask(&page).map(|time| vec![time])))
                };
                let answers: usize = (0..bursts).map(burst).sum();
                (answers, f64::from(bursts), f64::from(bursts))
            }
            Load::Busy => {
                let [full, quick, tiny] = [5.0, 2.0, 0.2].map(Duration::from_secs_f64);
                let until = begin + size.pick(full, quick, tiny);
                let answers = all(self.all_ask(|client| client.ask_until("/busy", until)));
                let seconds = begin.elapsed().as_secs_f64();
                (answers, seconds, (seconds / WINDOW.as_secs_f64()).ceil())
            }
        };
        let runs = (backend.runs() - before) as f64 / windows;
        let times = times.into_inner().expect("no lane panics");
        let millis = |share| times.percentile(share) / 1e6;
        let answers = answers as f64 / parts;
        let [p50, p99, last] = [0.5, 0.99, 1.0].map(millis);
        vec![
            ("runs", runs),
            ("answers", answers),
            ("p50_ms", p50),
            ("p99_ms", p99),
            ("last_ms", last),
        ]
    }

    /// All clients begin at once.
    fn all_ask<T: Send>(&mut self, ask: impl Fn(&mut Client) -> Result<T> + Sync) -> Vec<T> {
        let (barrier, ask) = (Barrier::new(self.0.len()), &ask);
        let barrier = &barrier;
        thread::scope(|scope| {
            let begin = |client| {
                let thread = thread::Builder::new().stack_size(STACK);
                let run = move || {
                    barrier.wait();
                    ask(client).expect("each client gets the page")
                };
                thread.spawn_scoped(scope, run).expect("a thread for each client")
            };
            let threads: Vec<_> = self.0.iter_mut().map(begin).collect();
            threads.into_iter().map(|it| it.join().expect("no client panics")).collect()
        })
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ask_until(&mut self, page: &str, until: Instant) -> Result<Vec<Duration>> {
        let mut times = vec![self.ask(page)?];
        while Instant::now() < until {
            times.push(self.ask(page)?);
        }
        Ok(times)
    }

    /// The time from the request's first byte to the answer's last one.
    fn ask(&mut self, page: &str) -> Result<Duration> {
        let request = format!("GET {page} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        let begin = Instant::now();
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 200 "), "not a page: {line:?}");
        let mut length = 0;
        while !line.trim_end().is_empty() {
            line.clear();
            ensure!(self.0.read_line(&mut line)? > 0, "the connection has ended");
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let time = begin.elapsed();
        ensure!(body == TEXT.as_bytes(), "not the page: {length} bytes");
        Ok(time)
    }
}

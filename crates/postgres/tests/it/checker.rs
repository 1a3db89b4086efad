//! Random calls by many threads of several engines. All executions are recorded, and judged afterwards by one clock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use coalescer_cluster::engine::{
    Claim, Claimed, End, Engine, ErrorKind, FlightId, Forget, Inbox, Key, Manner, Publication,
    Published, Token, Wait, Waited,
};

use crate::place::{Place, WITHIN, key, with_place};

const ENGINES: usize = 4;
const THREADS: usize = 4;
const KEYS: u8 = 3;

/// For each window; `COALESCER_STRESS_SECONDS` is another number.
fn time() -> Duration {
    let set = std::env::var("COALESCER_STRESS_SECONDS").ok();
    Duration::from_secs(set.and_then(|text| text.parse().ok()).unwrap_or(5))
}

struct Execution {
    key: u8,
    is_fresh: bool,
    claim_sent: Instant,
    /// The begin of the function, after the reply.
    start: Instant,
    end: Instant,
    published: Option<Published>,
    /// The state that the function read: writes before its start are in it.
    version: u64,
}

#[derive(Clone, Copy)]
struct Forgetting {
    key: u8,
    begin: Instant,
    end: Instant,
}

struct Herd {
    window: Duration,
    /// Sessions are ended at random, so executions overlap.
    has_faults: bool,
    executions: Mutex<Vec<Execution>>,
    forgets: Mutex<Vec<Forgetting>>,
    writes: AtomicU64,
    /// Writes up to this number had been forgotten by a call that has returned.
    floors: [AtomicU64; KEYS as usize],
    calls: AtomicU64,
    shared: AtomicU64,
    is_over: AtomicBool,
}

/// A caller without a table: each of its calls asks the engine.
struct Caller<'a> {
    herd: &'a Herd,
    engine: &'a dyn Engine,
    inbox: Inbox,
    tokens: u64,
    random: u64,
}

impl Caller<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token::new(self.inbox.clone(), self.tokens)
    }

    fn step(&mut self) {
        let number = u8::try_from(self.below(KEYS.into())).unwrap();
        match self.below(10) {
            0 => self.forget(number),
            1 => self.call(number, true),
            _ => self.call(number, false),
        }
    }

    fn forget(&self, number: u8) {
        let written = self.herd.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let begin = Instant::now();
        let forget = Forget { key: key(number), from: &self.inbox, id: 1 };
        if self.engine.forget(&forget, WITHIN).is_err() {
            assert!(self.herd.has_faults);
            return;
        }
        self.herd.forgets.lock().unwrap().push(Forgetting {
            key: number,
            begin,
            end: Instant::now(),
        });
        self.herd.floors[usize::from(number)].fetch_max(written, Ordering::SeqCst);
    }

    fn call(&mut self, number: u8, is_fresh: bool) {
        let herd = self.herd;
        let floor = herd.floors[usize::from(number)].load(Ordering::SeqCst);
        let entered = Instant::now();
        let at = loop {
            if let Some(at) = self.ask(number, is_fresh) {
                break at;
            }
            // Its session was ended.
            assert!(herd.has_faults);
        };
        herd.calls.fetch_add(1, Ordering::Relaxed);
        let executions = herd.executions.lock().unwrap();
        let got = &executions[at];
        assert_eq!(got.key, number);
        assert!(got.version >= floor, "a call after a forget got something older");
        assert!(!is_fresh || got.start >= entered, "a fresh call got something older");
    }

    /// Returns the execution whose value the call gets; `None` after an error.
    fn ask(&mut self, number: u8, is_fresh: bool) -> Option<usize> {
        let (key, token) = (key(number), self.token());
        let (mut excluded, mut joined): (Option<FlightId>, Option<FlightId>) = (None, None);
        loop {
            let sent = Instant::now();
            let mut claim = Claim::new(key, &token, WITHIN);
            if is_fresh && excluded.is_none() {
                claim.manner = Manner::Fresh;
            }
            (claim.excluded, claim.joined) = (excluded.as_ref(), joined.as_ref());
            match self.tolerated(|engine| engine.claim(&claim, WITHIN))? {
                Claimed::Hit { bytes, .. } => {
                    self.herd.shared.fetch_add(1, Ordering::Relaxed);
                    let at = read(&bytes);
                    // Its flight began before the function did.
                    let window_end =
                        self.herd.executions.lock().unwrap()[at].start + self.herd.window;
                    assert!(sent < window_end, "a result was served after its window");
                    return Some(at);
                }
                Claimed::Lead { .. } => return Some(self.run(number, &token, is_fresh, sent)),
                Claimed::Wait { flight, .. } => {
                    self.wait(key, &token, &flight)?;
                    excluded = Some(flight);
                }
                Claimed::Follow { flight, .. } => {
                    if let Some(End::Outcome { bytes, .. }) = self.wait(key, &token, &flight)? {
                        self.herd.shared.fetch_add(1, Ordering::Relaxed);
                        return Some(read(&bytes));
                    }
                    joined = Some(flight);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the end, and the inner `None` is that it still runs.
    fn wait(&self, key: Key<'_>, token: &Token, flight: &FlightId) -> Option<Option<End>> {
        let wait = Wait { key, token, flight, leads: None };
        let waited =
            self.tolerated(|engine| match engine.wait(&wait, Duration::from_millis(250)) {
                // These threads keep the machine busy, and the server is not frozen.
                Err(error) if error.kind() == ErrorKind::TimedOut => Ok(Waited::StillRuns),
                waited => waited,
            });
        Some(match waited? {
            Waited::Ended { end, .. } => Some(end),
            Waited::StillRuns => None,
            other => panic!("{other:?}"),
        })
    }

    /// The function: it takes a moment, and returns the number of the execution.
    fn run(&mut self, number: u8, token: &Token, is_fresh: bool, claim_sent: Instant) -> usize {
        let herd = self.herd;
        let (start, version) = (Instant::now(), herd.writes.load(Ordering::SeqCst));
        let until = start + Duration::from_micros(self.below(3000));
        while Instant::now() < until {
            thread::yield_now();
        }
        let execution = Execution {
            key: number,
            is_fresh,
            claim_sent,
            start,
            end: Instant::now(),
            published: None,
            version,
        };
        let mut executions = herd.executions.lock().unwrap();
        executions.push(execution);
        let at = executions.len() - 1;
        drop(executions);
        let bytes = (at as u64).to_le_bytes();
        let mut publication = Publication::new(key(number), token, &bytes);
        publication.keep = (!herd.window.is_zero()).then_some(herd.window);
        let published = self.tolerated(|engine| engine.publish(&publication, WITHIN));
        assert!(
            herd.has_faults || matches!(published, Some(Published::Ended { .. })),
            "{published:?}"
        );
        herd.executions.lock().unwrap()[at].published = published;
        at
    }

    /// An answer, or nothing if its session was ended and sessions are ended in this test.
    fn tolerated<T>(
        &self,
        step: impl FnOnce(&dyn Engine) -> Result<T, coalescer_cluster::engine::EngineError>,
    ) -> Option<T> {
        match step(self.engine) {
            Ok(answer) => Some(answer),
            Err(error) => {
                let is_lost = matches!(error.kind(), ErrorKind::Lost | ErrorKind::Exhausted);
                assert!(self.herd.has_faults && is_lost, "{error}");
                None
            }
        }
    }
}

fn read(bytes: &[u8]) -> usize {
    usize::try_from(u64::from_le_bytes(bytes.try_into().unwrap())).unwrap()
}

fn run(place: &Place, window: Duration, has_faults: bool) -> Herd {
    let herd = Herd {
        window,
        has_faults,
        executions: Mutex::default(),
        forgets: Mutex::default(),
        writes: AtomicU64::new(0),
        floors: Default::default(),
        calls: AtomicU64::new(0),
        shared: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    let engines: Vec<_> =
        (0..ENGINES).map(|_| place.open().max_connections(THREADS + 1).engine().unwrap()).collect();
    let barrier = Arc::new(Barrier::new(ENGINES * THREADS + 1));
    thread::scope(|scope| {
        for (at, engine) in engines.iter().flat_map(|engine| [engine; THREADS]).enumerate() {
            let (herd, barrier) = (&herd, barrier.clone());
            scope.spawn(move || {
                let inbox = Inbox::draw("shop");
                let mut caller = Caller { herd, engine, inbox, tokens: 0, random: at as u64 };
                barrier.wait();
                while !herd.is_over.load(Ordering::Relaxed) {
                    caller.step();
                }
            });
        }
        barrier.wait();
        let until = Instant::now() + time();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            thread::park_timeout(left.min(Duration::from_millis(200)));
            if has_faults {
                place.end_leaders();
            }
        }
        herd.is_over.store(true, Ordering::Relaxed);
    });
    let [calls, shared] = [&herd.calls, &herd.shared].map(|count| count.load(Ordering::Relaxed));
    let executions = herd.executions.lock().unwrap().len();
    println!("window {window:?}: {calls} calls, {shared} shared, {executions} executions");
    assert!(shared > 0 && calls > 100, "{calls} calls, {shared} shared");
    herd
}

/// No two executions of a key overlap, and none begins within the window of another, unless a forget came between.
fn judge(herd: &Herd) {
    let executions = herd.executions.lock().unwrap();
    let forgets = herd.forgets.lock().unwrap();
    for number in 0..KEYS {
        let mut of_key: Vec<_> =
            executions.iter().filter(|execution| execution.key == number).collect();
        of_key.sort_by_key(|execution| execution.start);
        for pair in of_key.windows(2) {
            let [first, second] = pair else { unreachable!() };
            // Who has led may begin late, after somebody who led later.
            let from = first.claim_sent.min(second.claim_sent);
            let between = |forget: &Forgetting| {
                forget.key == number && forget.begin <= second.start && forget.end >= from
            };
            if forgets.iter().any(between) {
                continue;
            }
            assert!(second.start >= first.end, "two executions of key {number} overlap");
            let is_kept = matches!(first.published, Some(Published::Ended { kept: true, .. }));
            if is_kept && !second.is_fresh {
                assert!(
                    second.start >= first.claim_sent + herd.window,
                    "two executions in one window"
                );
            }
        }
    }
}

/// C1, C5, C20, C24.
#[test]
fn random_calls_without_a_window() {
    with_place("random", |place| judge(&run(place, Duration::ZERO, false)));
}

/// C1, C5, C20, C24.
#[test]
fn random_calls_with_a_window() {
    with_place("random_window", |place| judge(&run(place, Duration::from_millis(50), false)));
}

/// C11, C17, C20, C24: leaders lose their sessions, so executions overlap, and nobody gets anything older.
#[test]
fn random_calls_whose_leaders_lose_their_sessions() {
    with_place("random_faults", |place| {
        run(place, Duration::from_millis(20), true);
    });
}

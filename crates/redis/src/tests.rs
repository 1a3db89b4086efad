//! The scripts against the reference, with a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../../tests/support/servers.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod servers;
#[path = "../../../tests/support/watchdog.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod watchdog;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::conformance::Conformance;
use coalescer_cluster::engine::*;

use crate::listener::Subscribed;
use crate::{Redis, RedisEngine};

use watchdog::watched;

/// As many as an hour of somebody's patience would ask for, in `COALESCER_SEQUENCES`; in CI those that take
/// seconds.
fn sequences() -> u32 {
    let set = std::env::var("COALESCER_SEQUENCES").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(1000)
}

/// C1 to C25: random steps, answers and messages compared with the reference.
#[test]
fn the_scripts_and_the_reference_agree() {
    let Some(server) = servers::Redis::start() else { return };
    let url = server.url();
    for begin in (0..sequences()).step_by(100) {
        let (url, end) = (url.clone(), sequences().min(begin + 100));
        // The watchdog's time is for this part.
        watched(move || {
            let middle = begin.midpoint(end);
            thread::scope(|scope| {
                scope.spawn(|| agree(&url, begin, middle - begin));
                scope.spawn(|| agree(&url, middle, end - middle));
            });
        });
    }
}

fn agree(url: &str, seed: u32, sequences: u32) {
    let clock = ManualClock::new();
    let engine = Redis::open(url).engine().unwrap().clock(clock.clone());
    let kit = Conformance::new().sequences(sequences).seed(seed.into());
    kit.check(&Exact(engine), &|time| clock.advance(time));
}

/// The same with the time of the server, which ends keys. It is few sequences, as time passes in them.
#[test]
fn the_scripts_and_the_reference_agree_by_the_servers_clock() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let url = server.url();
        thread::scope(|scope| {
            for seed in 0..8 {
                let url = &url;
                scope.spawn(move || {
                    let engine = Exact(Redis::open(url).engine().unwrap());
                    // All steps of a sequence take less, also while other tests run.
                    let unit = Duration::from_millis(150);
                    let kit = Conformance::new().sequences(1).steps(30).seed(seed);
                    let kit = kit.real_time(unit);
                    kit.check(&engine, &pass);
                });
            }
        });
    });
}

/// Waits for time alone.
fn pass(time: Duration) {
    let (_nobody, nothing) = channel::<()>();
    nothing.recv_timeout(time).unwrap_err();
}

/// The engine with listeners that wait for the server before they say that nothing has come, and before they are gone.
/// A read that waits as short as a socket can takes milliseconds.
struct Exact(RedisEngine);

struct ExactListener(Subscribed);

impl Listener for ExactListener {
    fn next(&mut self, within: Duration) -> Result<Option<Message>, EngineError> {
        self.0.ping(Duration::from_secs(5))?;
        match self.0.take_waiting() {
            None if !within.is_zero() => self.0.next(within),
            waiting => Ok(waiting),
        }
    }

    fn ping(&mut self, within: Duration) -> Result<(), EngineError> {
        self.0.ping(within)
    }
}

impl Drop for ExactListener {
    fn drop(&mut self) {
        // An error means that the connection has ended.
        let _ = self.0.unsubscribe(Duration::from_secs(5));
    }
}

type Answer<T> = Result<T, EngineError>;

impl Engine for Exact {
    fn can(&self) -> Can {
        self.0.can()
    }

    fn ping(&self, within: Duration) -> Answer<()> {
        self.0.ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Answer<Claimed> {
        self.0.claim(claim, within)
    }

    fn publish(&self, publication: &Publication<'_>, within: Duration) -> Answer<Published> {
        self.0.publish(publication, within)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Answer<Released> {
        self.0.release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Answer<Vec<bool>> {
        self.0.renew(leads, within)
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Answer<Forgotten> {
        self.0.forget(forget, within)
    }

    fn forget_all(&self, forget: &ForgetAll<'_>, within: Duration) -> Answer<Forgotten> {
        self.0.forget_all(forget, within)
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Answer<bool> {
        self.0.discard(key, bytes, within)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Answer<Box<dyn Listener>> {
        Ok(Box::new(ExactListener(self.0.subscribe(inbox, within)?)))
    }

    fn confirm(&self, to: &Inbox, by: &Inbox, id: ForgetId, within: Duration) -> Answer<()> {
        self.0.confirm(to, by, id, within)
    }

    fn listening(&self, inboxes: &[Inbox], within: Duration) -> Answer<Vec<bool>> {
        self.0.listening(inboxes, within)
    }

    fn fetch(&self, key: Key<'_>, flight: &FlightId, within: Duration) -> Answer<Option<End>> {
        self.0.fetch(key, flight, within)
    }
}

//! An engine whose answers are written down beforehand, for an order of steps that no other engine can be made to take.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::codec::{Codec, Postcard};
use coalescer_cluster::engine::*;
use coalescer_cluster::wire::{Kind, Schema, Seal};

use super::{MINUTE, Table, open, site_of, users};
use crate::support::{wait_until, watched};

/// A flight of another process runs. While a call waits for it, it is forgotten, and then it ends.
struct Script {
    way: Way,
    panics: bool,
    clock: ManualClock,
    claims: AtomicU32,
    waits: Arc<AtomicU32>,
    lets_go: Mutex<Receiver<()>>,
}

/// The way in which the call learns of the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Told,
    /// The flight ends between two waits.
    Missed,
    /// The call looks before the forget. When it looks again, the engine does not know the flight any more.
    Gone,
}

type Step<T> = Result<T, EngineError>;

impl Script {
    fn new(way: Way, panics: bool) -> (Self, Arc<AtomicU32>, Sender<()>) {
        let (go, lets_go) = channel();
        let (clock, waits) = (ManualClock::new(), Arc::<AtomicU32>::default());
        let (claims, lets_go) = (AtomicU32::new(0), Mutex::new(lets_go));
        (Self { way, panics, clock, claims, waits: Arc::clone(&waits), lets_go }, waits, go)
    }

    fn end(&self, digest: Digest) -> End {
        if self.panics {
            return End::panicked("no such table");
        }
        let seal = Seal::new(Schema::named("1"), "postcard");
        let write = |out: &mut Vec<u8>| Postcard.encode(&1_u32, out);
        let bytes = seal.close(Kind::Value, digest, None, write).unwrap().into();
        End::Outcome { bytes, kept: false }
    }
}

impl Engine for Script {
    fn can(&self) -> Can {
        Can::by_blocking_calls()
    }

    fn clock(&self) -> Option<ManualClock> {
        Some(self.clock.clone())
    }

    fn ping(&self, _: Duration) -> Step<()> {
        Ok(())
    }

    fn claim(&self, _: &Claim<'_>, _: Duration) -> Step<Claimed> {
        let age = Duration::ZERO;
        Ok(match self.claims.fetch_add(1, Ordering::SeqCst) {
            0 => Claimed::Follow { flight: FlightId::new("0"), age, holder: None },
            number => Claimed::Lead { flight: FlightId::new(number.to_string()), age },
        })
    }

    fn wait(&self, wait: &Wait<'_>, _: Duration) -> Step<Waited> {
        assert_eq!(wait.flight.as_str(), "0");
        let is_first = self.waits.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first {
            self.lets_go.lock().unwrap().recv().unwrap();
        }
        let end = self.end(wait.key.digest);
        Ok(match self.way {
            Way::Missed if is_first => Waited::StillRuns,
            Way::Gone if is_first => Waited::Ended { end, forgotten: false },
            Way::Gone => Waited::Ended { end: End::AskAgain, forgotten: false },
            Way::Told | Way::Missed => Waited::Ended { end, forgotten: true },
        })
    }

    fn publish(&self, _: &Publication<'_>, _: Duration) -> Step<Published> {
        Ok(Published::Ended { told: 0, kept: true, forgotten: false })
    }

    fn release(&self, _: &Release<'_>, _: Duration) -> Step<Released> {
        Ok(Released::Ended { told: 0, forgotten: false })
    }

    fn renew(&self, leads: &[Lead<'_>], _: Duration) -> Step<Vec<bool>> {
        Ok(vec![true; leads.len()])
    }

    fn forget(&self, _: &Forget<'_>, _: Duration) -> Step<Forgotten> {
        Ok(Forgotten::default())
    }

    fn forget_all(&self, _: &ForgetAll<'_>, _: Duration) -> Step<Forgotten> {
        Ok(Forgotten::default())
    }

    fn discard(&self, _: Key<'_>, _: &[u8], _: Duration) -> Step<bool> {
        Ok(false)
    }
}

/// C20: the call that has waited gets the end, and one that joined after the forget does not.
#[test]
fn c20_a_forgotten_end_is_for_those_who_came_before() {
    watched(|| {
        let ways = [Way::Told, Way::Missed, Way::Gone];
        for (way, panics) in ways.into_iter().flat_map(|way| [(way, false), (way, true)]) {
            let (script, waits, go) = Script::new(way, panics);
            let clock = script.clock.clone();
            let set = |table: Table<u32>| table.clock(clock.clone());
            let here = site_of(open(script), set, users, |_| Ok(100));
            thread::scope(|scope| {
                let before = scope.spawn(|| here.users.execute(&7));
                wait_until(|| waits.load(Ordering::SeqCst) == 1);
                let after = scope.spawn(|| here.value(7));
                wait_until(|| here.followers() == 1);
                clock.advance(MINUTE);
                go.send(()).unwrap();
                match before.join().unwrap() {
                    Ok(value) => assert_eq!((*value, panics), (1, false)),
                    Err(error) => assert!(panics && error.is_panic(), "{error}"),
                }
                assert_eq!(after.join().unwrap(), 100, "{way:?}, panics: {panics}");
            });
        }
    });
}

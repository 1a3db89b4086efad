//! Every bound on a wait, for every verb that waits.
//!
//! A hook for slow flights signals that a call waits: its deadline is computed before the hook is
//! called (S32), so the clock may move from then on.

use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use coalescer::at_rest::alarms_of;
use coalescer::{Error, Group, ManualClock, SlowFlight};

use crate::jobs::{NumberTicket, never};
use crate::support::{MS, NS, Numbers, lead, wait_until, watched};

const HOUR: Duration = Duration::from_secs(3600);

/// The bound of the setting, and that of a call.
const MAX_WAIT: Duration = Duration::from_millis(10);
const SHORT: Duration = Duration::from_millis(5);

/// A wait, and the bound that its verb was given.
struct Verb {
    name: &'static str,
    own: Option<Duration>,
    wait: Wait,
}

type Wait = fn(&Numbers, &ManualClock, NumberTicket, Duration) -> Result<(), Error<String>>;

/// How a test knows that a call waits, and the clock with which it ends the wait.
struct Stage {
    group: Numbers,
    clock: ManualClock,
    waits: Receiver<()>,
}

impl Stage {
    fn new(max_wait: Option<Duration>) -> Self {
        let (clock, (tell, waits)) = (ManualClock::new(), channel());
        let tell = Mutex::new(tell);
        let builder = Group::builder()
            .clock(clock.clone())
            .on_slow(MS, move |_: &SlowFlight<'_, String>| tell.lock().unwrap().send(()).unwrap())
            .executor(|_| -> Result<(), &str> { unreachable!("a follower submits no job") });
        let builder = match max_wait {
            Some(wait) => builder.max_wait(wait),
            None => builder,
        };
        Self { group: builder.build(), clock, waits }
    }

    /// Waits as `verb` says, and checks that the wait ends after `bound` and not before.
    fn check(&self, verb: &Verb, bound: Option<Duration>) {
        let leader = lead(&self.group, "k");
        let ticket = self.group.submit("k", never).unwrap();
        self.clock.advance(MS);
        let (group, clock) = (self.group.clone(), self.clock.clone());
        let (wait, own) = (verb.wait, verb.own.unwrap_or(HOUR));
        let waiter = thread::spawn(move || (wait(&group, &clock, ticket, own), clock.now()));
        self.waits.recv().unwrap();
        let begun = self.clock.now();
        self.clock.advance(bound.unwrap_or(HOUR) - NS);
        match bound {
            Some(bound) => {
                self.clock.advance(NS);
                wait_until(|| waiter.is_finished());
                leader.returns(Ok(1)).unwrap();
                let (result, ended) = waiter.join().unwrap();
                assert!(result.unwrap_err().is_timeout());
                assert_eq!(ended - begun, bound, "not at its bound");
            }
            None => {
                leader.returns(Ok(1)).unwrap();
                waiter.join().unwrap().0.unwrap();
            }
        }
    }
}

fn unit<T: Debug>(result: Result<T, Error<String>>) -> Result<(), Error<String>> {
    result.map(drop)
}

fn verb(name: &'static str, own: Option<Duration>, wait: Wait) -> Verb {
    Verb { name, own, wait }
}

/// Verbs without a bound of their own.
fn unbounded() -> Vec<Verb> {
    vec![
        verb("execute", None, |g, _, _, _| unit(g.execute("k", never))),
        verb("execute_fresh", None, |g, _, _, _| unit(g.execute_fresh("k", never))),
        verb("run", None, |g, _, _, _| unit(g.call("k").run(never))),
        verb("outcome", None, |g, _, _, _| unit(g.call("k").outcome(never))),
        verb("fresh", None, |g, _, _, _| unit(g.call("k").fresh().run(never))),
        verb("max_age", None, |g, _, _, _| unit(g.call("k").max_age(NS).run(never))),
        verb("Ticket::wait", None, |_, _, ticket, _| unit(ticket.wait())),
        verb("Ticket::wait_outcome", None, |_, _, ticket, _| unit(ticket.wait_outcome())),
    ]
}

/// Verbs with a bound of their own, given that bound.
fn bounded(own: Duration) -> Vec<Verb> {
    let own = Some(own);
    vec![
        verb("execute_timeout", own, |g, _, _, by| unit(g.execute_timeout("k", by, never))),
        verb("execute_deadline", own, |g, clock, _, by| {
            unit(g.execute_deadline("k", clock.now() + by, never))
        }),
        verb("timeout", own, |g, _, _, by| unit(g.call("k").timeout(by).run(never))),
        verb("deadline", own, |g, clock, _, by| {
            unit(g.call("k").deadline(clock.now() + by).outcome(never))
        }),
        verb("fresh, timeout", own, |g, _, _, by| unit(g.call("k").fresh().timeout(by).run(never))),
        verb("max_age, deadline", own, |g, clock, _, by| {
            unit(g.call("k").max_age(NS).deadline(clock.now() + by).run(never))
        }),
        verb("wait_timeout", own, |_, _, mut ticket, by| unit(ticket.wait_timeout(by))),
        verb("wait_deadline", own, |_, clock, mut ticket, by| {
            unit(ticket.wait_deadline(clock.now() + by))
        }),
    ]
}

fn check(max_wait: Option<Duration>, verbs: Vec<Verb>, bound: Option<Duration>) {
    for verb in verbs {
        println!("{}", verb.name);
        Stage::new(max_wait).check(&verb, bound);
    }
}

#[test]
fn a_call_waits_as_long_as_its_own_bound_says() {
    // S32 S33
    watched(|| check(None, bounded(SHORT), Some(SHORT)));
}

#[test]
fn max_wait_bounds_what_has_no_bound_of_its_own() {
    // S44
    watched(|| check(Some(MAX_WAIT), unbounded(), Some(MAX_WAIT)));
}

#[test]
fn max_wait_bounds_what_has_a_longer_bound() {
    // S44
    watched(|| check(Some(MAX_WAIT), bounded(HOUR), Some(MAX_WAIT)));
}

#[test]
fn max_wait_lengthens_no_wait() {
    // S44
    watched(|| check(Some(MAX_WAIT), bounded(SHORT), Some(SHORT)));
}

#[test]
fn without_a_bound_a_call_waits_for_the_end_of_its_flight() {
    // S33
    let shared = ["execute", "run", "outcome", "Ticket::wait", "Ticket::wait_outcome"];
    watched(move || {
        let verbs = unbounded().into_iter().filter(|verb| shared.contains(&verb.name)).collect();
        check(None, verbs, None);
    });
}

#[test]
fn a_ticket_adds_up_its_waits() {
    // S32: `waited` is the sum, whichever wait was the long one.
    watched(|| {
        let stage = Stage::new(None);
        let leader = lead(&stage.group, "k");
        let mut ticket = stage.group.submit("k", never).unwrap();
        stage.clock.advance(MS);
        thread::scope(|s| {
            let waits = s.spawn(|| ticket.wait_timeout(100 * MS));
            stage.waits.recv().unwrap();
            stage.clock.advance(100 * MS);
            assert!(waits.join().unwrap().unwrap_err().is_timeout());
        });
        thread::scope(|s| {
            let waits = s.spawn(|| ticket.wait_timeout(NS));
            // It counts from before its alarm is armed, and its deadline from earlier still. Time that
            // passes between the two shortens the wait.
            wait_until(|| alarms_of(&stage.clock) == 1);
            stage.clock.advance(NS);
            assert!(waits.join().unwrap().unwrap_err().is_timeout());
        });
        leader.returns(Ok(1)).unwrap();
        assert_eq!(ticket.wait_outcome().unwrap().waited, 100 * MS + NS);
    });
}

#[test]
fn a_call_has_not_waited_longer_than_it_took() {
    // S32, on the real clock, whose coarse readings are behind.
    watched(|| {
        let group: Numbers = Group::new();
        for _ in 0..50 {
            let leader = lead(&group, "k");
            let follower = {
                let group = group.clone();
                thread::spawn(move || {
                    let begin = std::time::Instant::now();
                    let outcome = group.call("k").outcome(never).unwrap();
                    (outcome.waited, begin.elapsed())
                })
            };
            wait_until(|| crate::support::followers(&group) == 1);
            leader.returns(Ok(1)).unwrap();
            let (waited, took) = follower.join().unwrap();
            assert!(waited <= took, "waited {waited:?} in a call of {took:?}");
        }
    });
}

//! Everything about one key, as its file has it, and the steps that change it.
//!
//! The steps are those of the engine in memory, without leases and messages. A flight has one execution. Who leads
//! it holds the lock of the execution's byte, so an execution whose byte is free and whose end is not noted here
//! has died.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::{Claim, DAY, End, FlightId, Manner};
use crate::sync::{Nanos, nanos};

/// The end of a flight that somebody was told of is remembered so long, for those who have not looked yet.
const REMEMBERED: u64 = 10_000_000_000;

/// A key remembers so many ends at most, the last ones, since each step reads all of them. A call that has not looked
/// before so many later flights have ended asks again.
const ENDS: usize = 64;

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The name's mark when the state was last settled.
    mark: u64,
    /// The last number of a flight or an execution.
    last: u64,
    flights: Vec<Flight>,
    result: Option<Kept>,
    ended: Vec<Ended>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Flight {
    number: u64,
    execution: u64,
    begin: Nanos,
    /// The begin of its execution.
    youngest: Nanos,
    place: Place,
    inbox: String,
    /// A claim was told of it, and may wait for its end.
    is_awaited: bool,
    /// A sweep has found that its leader has died, at that time.
    found_dead: Option<Nanos>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Current,
    Superseded,
    Forgotten,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    flight: u64,
    begin: Nanos,
    until: Nanos,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) flight: u64,
    pub(super) how: How,
    pub(super) forgotten: bool,
    until: Nanos,
}

/// An end that those who wait learn of. Without one they ask again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum How {
    /// The outcome is in a file of its own.
    Outcome {
        kept: bool,
    },
    RunYourOwn,
    Panicked(String),
}

impl How {
    pub(super) fn of(end: &End) -> Option<Self> {
        match end {
            End::RunYourOwn => Some(Self::RunYourOwn),
            End::Panicked(text) => Some(Self::Panicked(text.to_string())),
            _ => None,
        }
    }
}

/// The state that a claim finds, with the number of the flight and its age.
pub(super) enum Found {
    Hit(u64, Duration),
    /// The execution has begun in the state. Its byte must be locked before the state is written.
    Lead {
        flight: u64,
        age: Duration,
        execution: u64,
    },
    Follow(u64, Duration, String),
    Wait(u64, Duration, String),
    Full,
    Busy,
}

/// The state that a wait finds.
pub(super) enum Look {
    Ended(Ended),
    /// With the number of the execution.
    Runs(u64),
    /// Its leader has died, or nobody knows of it any more. One of those who ask again leads.
    Gone,
}

pub(super) struct Done {
    pub(super) flight: u64,
    pub(super) kept: bool,
    pub(super) forgotten: bool,
}

impl State {
    /// Notices a new mark, and lets go what is over.
    pub(super) fn settle(&mut self, mark: u64, now: Nanos) {
        if self.mark != mark {
            self.mark = mark;
            self.detach();
        }
        self.result.take_if(|result| result.until <= now);
        self.ended.retain(|ended| now < ended.until);
    }

    /// `runs` says if an execution has its lock.
    pub(super) fn claim(
        &mut self,
        claim: &Claim<'_>,
        now: Nanos,
        runs: &dyn Fn(u64) -> bool,
    ) -> Found {
        let excluded = claim.excluded.and_then(number);
        let is_accepted =
            |result: &&Kept| claim.manner != Manner::Fresh && excluded != Some(result.flight);
        if let Some(result) = self.result.as_ref().filter(is_accepted) {
            return Found::Hit(result.flight, age(result.begin, now));
        }
        self.flights.retain(|flight| flight.place == Place::Current || runs(flight.execution));
        let Some(at) = self.flights.iter().position(|flight| flight.place == Place::Current) else {
            return self.begin(claim, now);
        };
        let flight = &self.flights[at];
        if !runs(flight.execution) {
            return self.go_on(at, claim, now);
        }
        let (number_of, since) = (flight.number, age(flight.begin, now));
        let holder = flight.inbox.clone();
        if claim.manner == Manner::Fresh || excluded == Some(number_of) {
            self.flights[at].is_awaited = true;
            return Found::Wait(number_of, since, holder);
        }
        let limits = claim.limits;
        let is_counted = |flight: &&Flight| flight.place != Place::Forgotten;
        let running = self.flights.iter().filter(is_counted).count();
        let has_room = running < limits.max_leaders as usize;
        let is_too_old = limits.max_join_age.is_some_and(|limit| since >= limit);
        let is_apart = is_too_old && claim.joined.and_then(number) != Some(number_of);
        let is_due =
            limits.leader_timeout.is_some_and(|limit| age(self.flights[at].youngest, now) >= limit);
        if has_room && (is_apart || is_due) {
            self.flights[at].place = Place::Superseded;
            return self.begin(claim, now);
        }
        match claim.manner {
            _ if is_apart => Found::Full,
            Manner::Try => Found::Busy,
            _ => {
                self.flights[at].is_awaited = true;
                Found::Follow(number_of, since, holder)
            }
        }
    }

    /// Returns the flight of an execution and its age.
    pub(super) fn led(&self, execution: u64, now: Nanos) -> Option<(u64, Duration)> {
        let flight = self.flights.iter().find(|flight| flight.execution == execution)?;
        Some((flight.number, age(flight.begin, now)))
    }

    /// Ends a flight; `None` if that execution leads nothing.
    pub(super) fn end(
        &mut self,
        execution: u64,
        how: Option<How>,
        keep: Option<Duration>,
        now: Nanos,
    ) -> Option<Done> {
        let at = self.flights.iter().position(|flight| flight.execution == execution)?;
        let flight = self.flights.remove(at);
        let forgotten = flight.place != Place::Current;
        let until = keep.map(|keep| flight.begin.saturating_add(nanos(keep.min(DAY))));
        let until = until.filter(|until| !forgotten && now < *until);
        if let Some(until) = until {
            self.result = Some(Kept { flight: flight.number, begin: flight.begin, until });
        }
        let kept = until.is_some();
        if let Some(how) = how.filter(|_| flight.is_awaited) {
            let how = if let How::Outcome { .. } = how { How::Outcome { kept } } else { how };
            let until = now.saturating_add(REMEMBERED);
            if self.ended.len() == ENDS {
                self.ended.remove(0);
            }
            self.ended.push(Ended { flight: flight.number, how, forgotten, until });
        }
        Some(Done { flight: flight.number, kept, forgotten })
    }

    pub(super) fn look(&self, flight: u64, runs: &dyn Fn(u64) -> bool) -> Look {
        if let Some(ended) = self.ended.iter().find(|ended| ended.flight == flight) {
            return Look::Ended(ended.clone());
        }
        let running = self.flights.iter().find(|running| running.number == flight);
        let execution =
            running.map(|running| running.execution).filter(|execution| runs(*execution));
        execution.map_or(Look::Gone, Look::Runs)
    }

    /// Returns whether there was a result or a running flight.
    pub(super) fn forget(&mut self, runs: &dyn Fn(u64) -> bool) -> bool {
        let is_running = |flight: &Flight| flight.place == Place::Current && runs(flight.execution);
        let was_there = self.result.is_some() || self.flights.iter().any(is_running);
        self.detach();
        was_there
    }

    /// The flight whose outcome is the result.
    pub(super) fn result(&self) -> Option<u64> {
        self.result.as_ref().map(|result| result.flight)
    }

    pub(super) fn remove_result(&mut self) {
        self.result = None;
    }

    /// The flights whose outcomes are in files.
    pub(super) fn outcomes(&self) -> BTreeSet<u64> {
        let ended = self.ended.iter().filter(|ended| matches!(ended.how, How::Outcome { .. }));
        ended.map(|ended| ended.flight).chain(self.result()).collect()
    }

    /// True if the outcome of that flight is in a file.
    pub(super) fn has_outcome(&self, flight: u64) -> bool {
        self.outcomes().contains(&flight)
    }

    /// True if a new state would say the same: nothing is known, and the next number is larger in any case.
    pub(super) fn says_nothing(&self, now: Nanos) -> bool {
        let knows_nothing =
            self.flights.is_empty() && self.result.is_none() && self.ended.is_empty();
        knows_nothing && self.last < now
    }

    /// Notes the flights whose leaders have died. They stay for a while, for those who wait and have not asked again.
    pub(super) fn note_dead(&mut self, now: Nanos, runs: &dyn Fn(u64) -> bool) {
        for flight in &mut self.flights {
            flight.found_dead = match runs(flight.execution) {
                true => None,
                false => flight.found_dead.or(Some(now)),
            };
        }
    }

    /// True if nothing would be missing without the file. Dead leaders have been noted.
    pub(super) fn is_over(&self, now: Nanos) -> bool {
        let is_over = |flight: &Flight| match flight.found_dead {
            None => false,
            Some(since) => {
                flight.place != Place::Current || since.saturating_add(REMEMBERED) <= now
            }
        };
        self.last < now
            && self.result.as_ref().is_none_or(|result| result.until <= now)
            && self.ended.iter().all(|ended| ended.until <= now)
            && self.flights.iter().all(is_over)
    }

    fn begin(&mut self, claim: &Claim<'_>, now: Nanos) -> Found {
        self.result = None;
        let number = self.next(now);
        self.flights.push(Flight {
            number,
            execution: number,
            begin: now,
            youngest: now,
            place: Place::Current,
            inbox: claim.token.inbox().as_str().to_owned(),
            is_awaited: false,
            found_dead: None,
        });
        Found::Lead { flight: number, age: Duration::ZERO, execution: number }
    }

    /// The leader has died. Those who wait stay with the flight.
    fn go_on(&mut self, at: usize, claim: &Claim<'_>, now: Nanos) -> Found {
        let execution = self.next(now);
        let flight = &mut self.flights[at];
        (flight.execution, flight.youngest, flight.found_dead) = (execution, now, None);
        claim.token.inbox().as_str().clone_into(&mut flight.inbox);
        Found::Lead { flight: flight.number, age: age(flight.begin, now), execution }
    }

    /// Numbers are times, so with a new file they go on.
    fn next(&mut self, now: Nanos) -> u64 {
        self.last = now.max(self.last.saturating_add(1));
        self.last
    }

    fn detach(&mut self) {
        self.result = None;
        for flight in &mut self.flights {
            flight.place = Place::Forgotten;
        }
        // For calls that come from now on, also what has ended and is still on its way to a process.
        for ended in &mut self.ended {
            ended.forgotten = true;
        }
    }
}

pub(super) fn id(flight: u64) -> FlightId {
    FlightId::new(flight.to_string())
}

pub(super) fn number(flight: &FlightId) -> Option<u64> {
    flight.as_str().parse().ok()
}

fn age(begin: Nanos, now: Nanos) -> Duration {
    Duration::from_nanos(now.saturating_sub(begin))
}

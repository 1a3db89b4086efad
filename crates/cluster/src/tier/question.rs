//! One question to the engine, from its first claim to its answer. It knows digests and bytes, and no types.
//!
//! ```text
//! next ─┬─ not asked, or the step failed ───────────▶ Alone
//!       └─▶ claim ─┬─ Hit ──────────────────────────▶ Outcome ── reject ─▶ next
//!            ▲     ├─ Lead ─────────────────────────▶ Lead
//!            │     ├─ Full, Old, Busy ──────────────▶ Alone, WouldBlock
//!            │     └─ Follow, Wait ─▶ wait ─┬─ the outcome of that flight ──▶ Outcome, Panicked
//!            │                              ├─ run your own, waited enough ─▶ Alone
//!            │                              └─ deadline ────────────────────▶ TimedOut
//!            └── its end, some time, its leader is missing, messages lost or back ──┘
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::shared::Moment;

use crate::engine::{
    Claim, Claimed, End, FlightId, Inbox, Limits, Manner, Token, Wait, Waited, Wakes,
};
use crate::health::{Reason, Unasked};
use crate::sync::leads_here;

use super::ear::Hearing;
use super::leads::Place;
use super::process::Process;
use super::waits::{Seat, Woken};

/// A call that waits claims again after so long, at first: after a flush nothing else would wake it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The same, while the process hears no messages.
const FIRST_DEAF_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_DEAF_PAUSE: Duration = Duration::from_millis(16);

/// A call waits in an engine for so long at a time.
const BLOCKING_WAIT: Duration = Duration::from_millis(250);

/// So many outcomes that cannot be decoded end a question.
const REJECTIONS: u32 = 2;

/// What a call asks.
pub(super) struct Terms<'a> {
    pub(super) place: &'a Place,
    /// The table keeps copies of what other processes made.
    pub(super) copies: bool,
    pub(super) limits: Limits,
    /// Older results are too old.
    pub(super) not_before: Option<Moment>,
    /// The call accepts no flight that began before it asked.
    pub(super) is_fresh: bool,
    pub(super) waits: bool,
    pub(super) deadline: Option<Instant>,
    /// Then the call runs its own function.
    pub(super) gives_up: Option<Instant>,
    /// The flight whose outcome this process has used up.
    pub(super) used_up: Option<FlightId>,
    /// The time by the clock of the table.
    pub(super) moment: &'a dyn Fn() -> Moment,
}

/// The answer.
pub(super) enum Reply {
    Lead(Leads),
    Outcome(Outcome),
    Panicked(Arc<str>, Moment),
    Alone(Reason),
    TimedOut,
    WouldBlock,
}

/// A lead of this process.
pub(super) struct Leads {
    pub(super) token: Token,
    pub(super) flight: FlightId,
    pub(super) began: Moment,
    /// The process has heard everything since before the claim was sent. `None`: a copy could not be taken back.
    pub(super) hearing: Option<Hearing>,
}

/// An outcome of another process.
pub(super) struct Outcome {
    pub(super) bytes: Arc<[u8]>,
    pub(super) flight: FlightId,
    pub(super) began: Moment,
    /// It is a result in its window, and not the end of a flight that the call waited for.
    pub(super) is_hit: bool,
    /// This process may keep a copy.
    pub(super) keep: bool,
}

pub(super) struct Question<'a> {
    process: &'a Process,
    terms: Terms<'a>,
    seat: Seat<'a>,
    token: Token,
    manner: Manner,
    excluded: Option<FlightId>,
    /// Any other flight than the excluded one began after the question.
    knows_by_identity: bool,
    joined: Option<FlightId>,
    pause: Option<Duration>,
    rejections: u32,
}

/// What follows a wait.
enum Next {
    Claim,
    Reply(Reply),
}

/// A flight of which a claim was told.
struct Told {
    flight: FlightId,
    began: Moment,
    age: Duration,
    sent: Instant,
    hearing: Option<Hearing>,
    /// The call accepts its outcome. If not, it waits for the end alone.
    is_accepted: bool,
}

impl<'a> Question<'a> {
    pub(super) fn new(process: &'a Process, terms: Terms<'a>) -> Self {
        let token = Token::new(process.inbox.clone(), process.next_number());
        let seat = process.waits.take_seat(terms.place.digest);
        let manner = match terms.waits {
            _ if terms.is_fresh => Manner::Fresh,
            true => Manner::Normal,
            false => Manner::Try,
        };
        let excluded = terms.used_up.clone();
        let (knows_by_identity, joined, pause, rejections) = (false, None, None, 0);
        Self {
            process,
            terms,
            seat,
            token,
            manner,
            excluded,
            knows_by_identity,
            joined,
            pause,
            rejections,
        }
    }

    /// Asks until there is an answer.
    pub(super) fn next(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.over() {
                return reply;
            }
            let hearing = self.process.ear.hearing();
            let moment = (self.terms.moment)();
            let sent = self.process.now();
            let claimed = match self.claim() {
                Ok(claimed) => claimed,
                Err(error) => return self.failed(&error),
            };
            // A process that stood still has an answer of long ago.
            let is_old = self.process.now().saturating_duration_since(sent) >= self.lease();
            let (told, holder) = match claimed {
                Claimed::Lead { flight, age } => {
                    let began = self.began(moment, age);
                    return Reply::Lead(self.leads(flight, began, sent, hearing));
                }
                _ if is_old => continue,
                Claimed::Hit { flight, age, bytes } => {
                    let began = moment.before(age);
                    if self.is_too_old(began) {
                        self.exclude(flight);
                        continue;
                    }
                    let began = self.began(moment, age);
                    let keep = self.may_keep(hearing);
                    return Reply::Outcome(Outcome { bytes, flight, began, is_hit: true, keep });
                }
                Claimed::Full | Claimed::Old => return Reply::Alone(Reason::Full),
                Claimed::Busy => return Reply::WouldBlock,
                Claimed::Follow { flight, age, holder } => {
                    if self.is_too_old(moment.before(age)) {
                        self.exclude(flight);
                        continue;
                    }
                    let began = self.began(moment, age);
                    (Told { flight, began, age, sent, hearing, is_accepted: true }, holder)
                }
                Claimed::Wait { flight, age, holder } => {
                    let began = self.began(moment, age);
                    // The first answer to a fresh claim: that flight began before the call.
                    self.exclude(flight.clone());
                    (Told { flight, began, age, sent, hearing, is_accepted: false }, holder)
                }
            };
            if !self.terms.waits {
                return Reply::WouldBlock;
            }
            match self.wait(told, holder) {
                Next::Claim => {}
                Next::Reply(reply) => return reply,
            }
        }
    }

    /// The outcome cannot be decoded: it goes, if it is still there. Then asks again.
    pub(super) fn reject(&mut self, outcome: &Outcome) {
        self.rejections += 1;
        self.process.guarded.counters().found_undecodable();
        if outcome.is_hit {
            let key = self.terms.place.key(&self.process.terms.namespace);
            let _ = self.process.ask(self.step_time(), |engine, within| {
                engine.discard(key, &outcome.bytes, within)
            });
        } else {
            self.excluded = Some(outcome.flight.clone());
        }
    }

    fn claim(&mut self) -> Result<Claimed, Unasked> {
        let (within, place) = (self.step_time(), self.terms.place);
        let key = place.key(&self.process.terms.namespace);
        let mut claim = Claim::new(key, &self.token, self.lease());
        claim.manner = self.manner;
        claim.excluded = self.excluded.as_ref();
        claim.joined = self.joined.as_ref();
        claim.presence = self.process.presence(self.terms.copies);
        claim.limits = self.terms.limits;
        let claimed = self.process.claim(&claim, place, within);
        if self.manner == Manner::Suspect {
            self.manner = Manner::Normal;
        }
        claimed
    }

    /// Accepts nothing of this flight. Flights that are not this one began after the question: this one ran, or
    /// its result was the key's, when the question came.
    fn exclude(&mut self, flight: FlightId) {
        let is_used_up = self.terms.used_up.as_ref() == Some(&flight);
        if self.manner == Manner::Fresh {
            self.manner = Manner::Normal;
        }
        self.knows_by_identity |= !is_used_up || self.terms.is_fresh;
        self.excluded = Some(flight);
    }

    fn is_too_old(&self, began: Moment) -> bool {
        !self.knows_by_identity && self.terms.not_before.is_some_and(|limit| began < limit)
    }

    /// The begin of a flight that was so old after `moment`, by the clock of the table: not later than it was.
    fn began(&self, moment: Moment, age: Duration) -> Moment {
        let reckoned = moment.before(age);
        match self.terms.not_before {
            Some(limit) if self.knows_by_identity => reckoned.max(limit),
            _ => reckoned,
        }
    }

    fn leads(
        &mut self,
        flight: FlightId,
        began: Moment,
        sent: Instant,
        hearing: Option<Hearing>,
    ) -> Leads {
        if self.joined.as_ref() == Some(&flight) {
            self.process.guarded.counters().took_over();
        }
        let (token, stands_until) = (self.token.clone(), sent + self.lease());
        self.process.leads.enter(token.clone(), self.terms.place.clone(), stands_until);
        if self.process.can.leases {
            self.process.bell.ring_for_work();
        }
        Leads { token, flight, began, hearing }
    }

    /// Waits for a flight of another process.
    fn wait(&mut self, told: Told, holder: Option<Inbox>) -> Next {
        if self.joined.as_ref() != Some(&told.flight) {
            self.joined = Some(told.flight.clone());
            self.pause = None;
        }
        match self.process.can.wakes {
            Wakes::Messages => self.wait_for_message(told, holder),
            Wakes::Blocking => self.wait_in_engine(told),
        }
    }

    fn wait_for_message(&mut self, told: Told, holder: Option<Inbox>) -> Next {
        let process = self.process;
        let (first, longest) = match told.hearing {
            Some(_) => (FIRST_PAUSE, LONGEST_PAUSE),
            None => (FIRST_DEAF_PAUSE, LONGEST_DEAF_PAUSE),
        };
        let pause = self.pause.map_or(first, |pause| (pause * 2).min(longest));
        self.pause = Some(pause);
        let claims_at = self.earliest(&told, process.now() + pause);
        if holder.is_some() && told.hearing.is_some() {
            self.seat.waits_for(holder);
            process.bell.ring_for_work();
        }
        let until = [self.terms.deadline, self.terms.gives_up].into_iter().flatten();
        let until = until.fold(claims_at, Instant::min);
        let next = loop {
            match self.seat.wait(&told.flight, until, || process.now(), process.is_manual()) {
                // A message of long ago, which the process reads now: others have gone on without it.
                Woken::Ended(_)
                    if process.now().saturating_duration_since(told.sent) >= self.lease() =>
                {
                    break Next::Claim;
                }
                Woken::Ended(end) => break self.ended(end, told, true),
                Woken::Missing => {
                    self.manner = Manner::Suspect;
                    break Next::Claim;
                }
                Woken::Looks => {}
            }
            if let Some(reply) = self.over() {
                break Next::Reply(reply);
            }
            if process.is_alone() {
                break Next::Reply(Reply::Alone(Reason::Down));
            }
            if process.now() >= claims_at || process.ear.hearing() != told.hearing {
                break Next::Claim;
            }
        };
        self.seat.waits_for(None);
        next
    }

    /// Waits in the engine. The flight may be due for a further execution before it ends.
    fn wait_in_engine(&mut self, told: Told) -> Next {
        let process = self.process;
        let now = process.now();
        let claims_at = self.earliest(&told, now + 4 * BLOCKING_WAIT);
        loop {
            if let Some(reply) = self.over() {
                return Next::Reply(reply);
            }
            let now = process.now();
            if now >= claims_at {
                return Next::Claim;
            }
            let until = [self.terms.deadline, self.terms.gives_up].into_iter().flatten();
            let until = until.fold(claims_at.min(now + BLOCKING_WAIT), Instant::min);
            let leads = leads_here(|token| process.leads.has(token));
            let wait = Wait {
                key: self.terms.place.key(&process.terms.namespace),
                token: &self.token,
                flight: &told.flight,
                leads: leads.as_ref(),
            };
            let within = until.saturating_duration_since(now);
            match process.ask(within, |engine, within| engine.wait(&wait, within)) {
                Ok(Waited::Ended { end, forgotten }) => return self.ended(end, told, !forgotten),
                Ok(Waited::WouldDeadlock) => return Next::Reply(Reply::Alone(Reason::Cycle)),
                Ok(Waited::StillRuns) => {}
                Err(error) => return Next::Reply(self.failed(&error)),
            }
        }
    }

    /// The flight that the call waited for has ended.
    fn ended(&mut self, end: End, told: Told, keep: bool) -> Next {
        if !told.is_accepted {
            return Next::Claim;
        }
        let Told { flight, began, hearing, .. } = told;
        match end {
            End::Outcome { bytes, kept } => {
                let keep = keep && kept && self.may_keep(hearing);
                let outcome = Outcome { bytes, flight, began, is_hit: false, keep };
                Next::Reply(Reply::Outcome(outcome))
            }
            End::Fetch => {
                let key = self.terms.place.key(&self.process.terms.namespace);
                let within = self.step_time();
                match self.process.ask(within, |engine, within| engine.fetch(key, &flight, within))
                {
                    Ok(Some(End::Outcome { bytes, kept })) => {
                        let keep = keep && kept && self.may_keep(hearing);
                        let outcome = Outcome { bytes, flight, began, is_hit: false, keep };
                        Next::Reply(Reply::Outcome(outcome))
                    }
                    Ok(_) => Next::Claim,
                    Err(error) => Next::Reply(self.failed(&error)),
                }
            }
            End::AskAgain => Next::Claim,
            End::RunYourOwn => Next::Reply(Reply::Alone(Reason::RunYourOwn)),
            End::Panicked(text) => Next::Reply(Reply::Panicked(text, began)),
        }
    }

    /// A copy can be taken back: the process has heard everything since before the claim.
    fn may_keep(&self, hearing: Option<Hearing>) -> bool {
        let hears = hearing.is_some() && self.process.ear.hearing() == hearing;
        self.terms.copies && (hears || self.process.can.wakes == Wakes::Blocking)
    }

    /// A step has failed.
    fn failed(&self, error: &Unasked) -> Reply {
        use crate::engine::ErrorKind::Exhausted;
        match error {
            Unasked::Failed { error, .. } if error.kind() == Exhausted => {
                Reply::Alone(Reason::Full)
            }
            _ if self.is_past(self.terms.deadline) => Reply::TimedOut,
            _ => Reply::Alone(Reason::Down),
        }
    }

    /// The answer that needs no further claim.
    fn over(&self) -> Option<Reply> {
        if self.is_past(self.terms.deadline) {
            return Some(Reply::TimedOut);
        }
        if self.is_past(self.terms.gives_up) {
            return Some(Reply::Alone(Reason::WaitedEnough));
        }
        (self.rejections >= REJECTIONS).then_some(Reply::Alone(Reason::Undecodable))
    }

    fn is_past(&self, end: Option<Instant>) -> bool {
        end.is_some_and(|end| self.process.now() >= end)
    }

    /// The time at which the call claims again: then, or when the flight is due for a further execution.
    fn earliest(&self, told: &Told, then: Instant) -> Instant {
        let left = self.terms.limits.leader_timeout.and_then(|limit| limit.checked_sub(told.age));
        left.map_or(then, |left| then.min(told.sent + left))
    }

    fn step_time(&self) -> Duration {
        let left = self.terms.deadline.map(|end| end.saturating_duration_since(self.process.now()));
        left.map_or(self.process.terms.op_timeout, |left| left.min(self.process.terms.op_timeout))
    }

    fn lease(&self) -> Duration {
        self.process.terms.lease
    }
}

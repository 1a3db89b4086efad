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

use std::time::{Duration, Instant};

use coalescer::shared::Moment;

use crate::engine::{Claim, Claimed, FlightId, Manner, Token, Wakes};
use crate::health::{Reason, Unasked};
use crate::observe::{Span, Step};

use super::ear::Hearing;
use super::process::Process;
use super::waits::Seat;
use super::words::{Begin, Leads, Next, Outcome, Reply, Terms};

/// So many outcomes that cannot be decoded end a question.
const REJECTIONS: u32 = 2;

pub(super) struct Question<'a> {
    pub(super) process: &'a Process,
    pub(super) terms: Terms<'a>,
    pub(super) seat: Seat<'a>,
    pub(super) token: Token,
    pub(super) manner: Manner,
    pub(super) excluded: Option<FlightId>,
    /// Any other flight than the excluded one began after the question.
    pub(super) knows_by_identity: bool,
    pub(super) joined: Option<Told>,
    pub(super) pause: Option<Duration>,
    pub(super) rejections: u32,
    /// Calls of this process join the flight, although it has no copies.
    pub(super) is_reopened: bool,
    pub(super) span: Span,
}

/// A flight of which a claim was told.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) flight: FlightId,
    pub(super) began: Begin,
    pub(super) age: Duration,
    pub(super) sent: Instant,
    pub(super) hearing: Option<Hearing>,
    /// The call accepts its outcome. If not, it waits for the end alone.
    pub(super) is_accepted: bool,
}

impl<'a> Question<'a> {
    pub(super) fn new(process: &'a Process, terms: Terms<'a>) -> Self {
        let span = Span::of_question(&terms.place.name);
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
            is_reopened: false,
            span,
        }
    }

    /// Asks until there is an answer.
    pub(super) fn next(&mut self) -> Reply {
        let reply = self.ask();
        self.span.ends(reply.word());
        reply
    }

    fn ask(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.over() {
                return reply;
            }
            let hearing = self.process.ear.hearing();
            let moment = (self.terms.moment)();
            let sent = self.process.now();
            let within = self.step_time();
            let claimed = match self.claim(within) {
                Ok(claimed) => claimed,
                Err(error) => return self.failed(&error, within),
            };
            // A process that stood still has an answer of long ago.
            let is_old = self.process.now().saturating_duration_since(sent) >= self.lease();
            if let Some(reply) = self.missed(&claimed) {
                return reply;
            }
            let (told, holder) = match claimed {
                Claimed::Lead { flight, age } => {
                    let began = self.began(moment, age);
                    return self.leads(flight, began, sent, hearing);
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
                    let (is_hit, is_kept, is_late) = (true, true, false);
                    let outcome = Outcome { bytes, flight, began, is_hit, keep, is_kept, is_late };
                    return Reply::Outcome(outcome);
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
            let _ = self.process.ask(Step::Discard, self.step_time(), |engine, within| {
                engine.discard(key, &outcome.bytes, within)
            });
        } else {
            self.excluded = Some(outcome.flight.clone());
        }
    }

    fn claim(&mut self, within: Duration) -> Result<Claimed, Unasked> {
        if self.is_reopened {
            // A result is for calls that came before the claim is sent.
            (self.terms.door)(false);
            self.is_reopened = false;
        }
        let place = self.terms.place;
        let key = place.key(&self.process.terms.namespace);
        let mut claim = Claim::new(key, &self.token, self.lease());
        claim.manner = self.manner;
        claim.excluded = self.excluded.as_ref();
        claim.joined = self.joined.as_ref().map(|told| &told.flight);
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

    /// The begin of a flight that was so old after `moment`.
    fn began(&self, moment: Moment, age: Duration) -> Begin {
        let reckoned = Begin::reckoned(moment, age);
        match self.terms.not_before {
            Some(limit) if self.knows_by_identity => reckoned.not_before(limit),
            _ => reckoned,
        }
    }

    fn leads(
        &mut self,
        flight: FlightId,
        began: Begin,
        sent: Instant,
        hearing: Option<Hearing>,
    ) -> Reply {
        let process = self.process;
        let (token, stands_until) = (self.token.clone(), sent + self.lease());
        process.leads.enter(token.clone(), self.terms.place.clone(), stands_until);
        // Looked at when it is there: who closes later finds it.
        if process.is_closed() {
            process.leads.leave(&token);
            process.abandon(token, self.terms.place.clone());
            return Reply::Alone(Reason::Down);
        }
        if self.has_joined(&flight) {
            process.guarded.counters().took_over();
        }
        if process.can.leases {
            process.bell.ring_for_work();
        }
        Reply::Lead(Leads { token, flight, began, hearing })
    }

    pub(super) fn has_joined(&self, flight: &FlightId) -> bool {
        self.joined.as_ref().is_some_and(|told| told.flight == *flight)
    }

    /// A copy can be taken back: the process has heard everything since before the claim.
    pub(super) fn may_keep(&self, hearing: Option<Hearing>) -> bool {
        let hears = hearing.is_some() && self.process.ear.hearing() == hearing;
        self.terms.copies && (hears || self.process.can.wakes == Wakes::Blocking)
    }

    /// A step has failed that had so much time.
    pub(super) fn failed(&self, error: &Unasked, within: Duration) -> Reply {
        use crate::engine::ErrorKind::{Exhausted, TimedOut};
        match error {
            Unasked::Failed { error, .. } if error.kind() == Exhausted => {
                Reply::Alone(Reason::Full)
            }
            _ if self.is_past(self.terms.deadline) => Reply::TimedOut,
            // It had the time of its call, which says nothing about the engine. A socket's clock may be ahead by some
            // milliseconds.
            Unasked::Failed { error, .. }
                if error.kind() == TimedOut && within < self.process.terms.op_timeout =>
            {
                self.wait_for_deadline();
                Reply::TimedOut
            }
            _ => Reply::Alone(Reason::Down),
        }
    }

    /// Nobody moves a test's clock meanwhile.
    fn wait_for_deadline(&self) {
        while !self.process.is_manual() && !self.is_past(self.terms.deadline) {
            let bell = &self.process.bell;
            bell.wait(bell.count(), self.step_time());
        }
    }

    /// The answer that needs no further claim.
    pub(super) fn over(&self) -> Option<Reply> {
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
    pub(super) fn earliest(&self, told: &Told, then: Instant) -> Instant {
        let left = self.terms.limits.leader_timeout.and_then(|limit| limit.checked_sub(told.age));
        left.map_or(then, |left| then.min(told.sent + left))
    }

    pub(super) fn step_time(&self) -> Duration {
        let left = self.terms.deadline.map(|end| end.saturating_duration_since(self.process.now()));
        left.map_or(self.process.terms.op_timeout, |left| left.min(self.process.terms.op_timeout))
    }

    pub(super) fn lease(&self) -> Duration {
        self.process.terms.lease
    }
}

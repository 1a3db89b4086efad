//! A question that waits for another process: by a message, or by a blocking call of the engine.

use std::time::{Duration, Instant};

use crate::engine::{Claimed, End, FlightId, Inbox, Manner, Token, Wait, Waited, Wakes};
use crate::health::{Reason, Unasked};
use crate::observe::Step;
use crate::sync::leads_here;

use super::question::{Question, Told};
use super::waits::Woken;
use super::words::{Next, Outcome, Reply};

/// A call that waits claims again after so long, at first: after a flush nothing else would wake it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The same, while the process hears no messages.
const FIRST_DEAF_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_DEAF_PAUSE: Duration = Duration::from_millis(16);

/// A call waits in an engine for so long at a time.
const BLOCKING_WAIT: Duration = Duration::from_millis(250);

impl Question<'_> {
    /// Waits for a flight of another process.
    pub(super) fn wait(&mut self, told: Told, holder: Option<Inbox>) -> Next {
        if told.is_accepted && !self.terms.copies && self.process.can.wakes == Wakes::Blocking {
            // The engine says at the end if it was forgotten meanwhile.
            (self.terms.door)(true);
            self.is_reopened = true;
        }
        if !self.has_joined(&told.flight) {
            self.pause = None;
            let holder = holder.as_ref().map_or("", Inbox::as_str);
            self.span.waits_for(holder);
            let began = told.sent.checked_sub(told.age).unwrap_or(told.sent);
            self.seat.show(holder.to_owned(), began);
        }
        self.joined = Some(told.clone());
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
        let until = self.limited(claims_at);
        let next = loop {
            match self.seat.wait(&told.flight, until, || process.now(), process.is_manual()) {
                // A message of long ago, which the process reads now: others have gone on without it.
                Woken::Ended(_)
                    if process.now().saturating_duration_since(told.sent) >= self.lease() =>
                {
                    break Next::Claim;
                }
                Woken::Ended(end) => break self.ended(end, told, true, false),
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
            let until = self.limited(claims_at.min(now + BLOCKING_WAIT));
            let leads = leads_here(|token| process.leads.has(token));
            let within = until.saturating_duration_since(now);
            match self.wait_for(&told.flight, leads.as_ref(), within) {
                Ok(Waited::Ended { end, forgotten }) => {
                    let is_late = self.is_reopened && self.is_for_the_first(&told, forgotten);
                    return self.ended(end, told, !forgotten, is_late);
                }
                Ok(Waited::WouldDeadlock) => return Next::Reply(Reply::Alone(Reason::Cycle)),
                Ok(Waited::StillRuns) => {}
                // A wait that has no more time than its call ends without an error.
                Err(error) => return Next::Reply(self.failed(&error, Duration::MAX)),
            }
        }
    }

    /// Calls have joined since the question, and the flight may have been forgotten before they came: then its
    /// outcome is not for them. The engine's word is of before they came, so it is asked once more. One that does not know the
    /// flight any more does not know either if it was forgotten.
    fn is_for_the_first(&mut self, told: &Told, was_forgotten: bool) -> bool {
        self.is_reopened = false;
        if !(self.terms.door)(false) || was_forgotten {
            return was_forgotten;
        }
        let ended = self.wait_for(&told.flight, None, self.step_time());
        match ended {
            Ok(Waited::Ended { end, forgotten }) => forgotten || end == End::AskAgain,
            _ => true,
        }
    }

    /// The engine tells of another flight than the one that the call has joined. So that one has ended, and its
    /// outcome may be on its way: then the call takes it, and gives up what it was told.
    pub(super) fn missed(&mut self, claimed: &Claimed) -> Option<Reply> {
        let is_end = !matches!(claimed, Claimed::Hit { .. });
        let other = claimed.flight().filter(|flight| is_end && !self.has_joined(flight));
        let told = self.joined.clone().filter(|told| other.is_some() && told.is_accepted)?;
        // Without messages, calls may have joined after the flight was forgotten: then it is not for them.
        let (end, is_late) = match self.process.can.wakes {
            Wakes::Messages if told.hearing.is_some() => {
                self.process.catch_up(self.step_time());
                (self.seat.end_of(&told.flight)?, false)
            }
            Wakes::Messages => return None,
            Wakes::Blocking => match self.wait_for(&told.flight, None, self.step_time()) {
                Ok(Waited::Ended { end, forgotten }) => (end, forgotten),
                _ => return None,
            },
        };
        if !matches!(end, End::Outcome { .. } | End::Fetch | End::Panicked(_)) {
            return None;
        }
        let Next::Reply(reply) = self.ended(end, told, false, is_late) else { return None };
        if matches!(claimed, Claimed::Lead { .. }) {
            self.process.give_up(&self.token, self.terms.place, self.step_time());
        }
        Some(reply)
    }

    /// The end of a wait for a message, or in the engine: then, or when the call has waited as long as it may.
    fn limited(&self, then: Instant) -> Instant {
        [self.terms.deadline, self.terms.gives_up].into_iter().flatten().fold(then, Instant::min)
    }

    fn wait_for(
        &self,
        flight: &FlightId,
        leads: Option<&Token>,
        within: Duration,
    ) -> Result<Waited, Unasked> {
        let key = self.terms.place.key(&self.process.terms.namespace);
        let wait = Wait { key, token: &self.token, flight, leads };
        self.process.ask(Step::Wait, within, |engine, within| engine.wait(&wait, within))
    }

    /// The flight that the call waited for has ended.
    fn ended(&mut self, end: End, told: Told, keep: bool, is_late: bool) -> Next {
        if !told.is_accepted {
            return Next::Claim;
        }
        let Told { flight, began, hearing, .. } = told;
        let end = match end {
            End::Fetch => {
                let within = self.step_time();
                match self.fetch(&flight, within) {
                    Ok(Some(fetched @ End::Outcome { .. })) => fetched,
                    Ok(_) => End::AskAgain,
                    Err(error) => return Next::Reply(self.failed(&error, within)),
                }
            }
            end => end,
        };
        match end {
            End::Outcome { bytes, kept } => {
                let keep = keep && kept && self.may_keep(hearing);
                let (is_hit, is_kept) = (false, kept);
                let outcome = Outcome { bytes, flight, began, is_hit, keep, is_kept, is_late };
                Next::Reply(Reply::Outcome(outcome))
            }
            End::Fetch | End::AskAgain => Next::Claim,
            End::RunYourOwn => Next::Reply(Reply::Alone(Reason::RunYourOwn)),
            End::Panicked(text) => Next::Reply(Reply::Panicked { text, began, is_late }),
        }
    }

    fn fetch(&self, flight: &FlightId, within: Duration) -> Result<Option<End>, Unasked> {
        let key = self.terms.place.key(&self.process.terms.namespace);
        self.process.ask(Step::Fetch, within, |engine, within| engine.fetch(key, flight, within))
    }
}

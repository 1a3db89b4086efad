//! [`StalePage`]: how a request is answered that has found a page past its lifetime (H31 to H35).
//!
//! ```text
//! past its lifetime ─▶ the request wants none that is stale ─▶ a page that is younger: it joins a run, or leads one
//!                   ─▶ another request makes it anew ────────▶ the stale page, or that run's if it is for trouble alone
//!                   ─▶ else it makes it anew ─┬─ done ───────▶ the new page
//!                                             └─ trouble ────▶ the stale page
//! ```

use std::time::Duration;

use coalescer::Outcome;
use http::{Request, Response, StatusCode};

use crate::body::Body;
use crate::cache_status::Forward;
use crate::coalesced::answer::{Answer, Answered, Own, Trouble};
use crate::coalesced::inner::{Asked, Inner};
use crate::expiry::{Attempt, Expiry};
use crate::flights::Freshness;
use crate::key::Key;
use crate::page::Page;
use crate::served_role::ServedReason;
use crate::stats::Counters;
use crate::verdict::Unkept;

pub(super) const SERVER_ERROR: ServedReason = ServedReason::Unkept(Unkept::ServerError);

/// A page that a request has found past its lifetime, and within its window.
pub(super) struct StalePage<'o> {
    found: &'o Outcome<Page>,
    expiry: &'o Expiry,
    past: Duration,
}

impl<'o> StalePage<'o> {
    /// `None` if the page is fresh.
    pub(super) fn of(found: &'o Outcome<Page>) -> Option<Self> {
        let expiry = found.value.expiry(found.role)?;
        let past = expiry.past(found.age)?;
        Some(Self { found, expiry, past })
    }

    /// How long the page is fresh, from the start of its run.
    pub(super) fn fresh_for(&self) -> Duration {
        self.expiry.times().fresh_for
    }

    /// How long it has been past its lifetime.
    pub(super) fn past(&self) -> Duration {
        self.past
    }

    /// True if it is served while it is made anew, and not only in the place of trouble.
    pub(super) fn is_served_at_once(&self) -> bool {
        self.expiry.is_served_at_once(self.past)
    }

    /// The part of a request that finds the page. One that begins calls [`end`](Self::end).
    pub(super) fn attempt(&self) -> Attempt {
        self.expiry.attempt(self.found.age)
    }

    pub(super) fn end(&self, has_succeeded: bool) {
        self.expiry.end(self.found.age, has_succeeded);
    }

    /// The page, some time after it was found.
    pub(super) fn answer(&self, since: Duration) -> Answer {
        let age = self.found.age.saturating_add(since);
        let response = self.found.value.response(self.found.role, age);
        Answer::stale(response, age, self.expiry.times().fresh_for)
    }
}

impl<H, E> Inner<H, E> {
    /// Answers a request that has found a page past its lifetime.
    pub(super) fn answer_past_lifetime<B, R>(
        &self,
        key: &Key,
        stale: &StalePage<'_>,
        request: Request<B>,
    ) -> Answered<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let fresh = Freshness::Within(stale.expiry.times().fresh_for);
        if !self.gates.accepts_stale(request.headers(), stale.past) {
            let mut request = Some(request);
            let asked = self.ask(key, fresh, &mut request);
            let answer = self.answer_with(key, asked, request)?;
            return Ok(answer.because_of(Forward::Stale));
        }
        let revalidation = match stale.attempt() {
            Attempt::Begins => Some(Revalidation::begun(stale, &self.counters)),
            // The page is good enough in trouble alone, so the request waits for the end of the run.
            Attempt::IsUnderWay if !stale.is_served_at_once() => None,
            Attempt::IsUnderWay | Attempt::Pauses => {
                self.counters.count_stale();
                return Ok(stale.answer(Duration::ZERO));
            }
        };
        let (mut request, begun) = (Some(request), self.clock.now());
        let asked = self.ask(key, fresh, &mut request);
        let Some(trouble) = asked.trouble(request.is_none()) else {
            let has_renewed = revalidation.map(|revalidation| revalidation.end(&asked)).is_some();
            let answer = self.answer_with(key, asked, request)?.because_of(Forward::Stale);
            return Ok(if has_renewed { answer.renewed() } else { answer });
        };
        drop(revalidation);
        self.counters.count_stale();
        let waited = match &asked.outcome {
            Ok(outcome) => Some(outcome.waited),
            Err(error) => self.waited_for(error, Some(begun)),
        };
        let answer = stale.answer(asked.time_taken().unwrap_or_else(|| self.clock.since(begun)));
        Ok(answer.after_trouble(trouble, waited))
    }
}

impl<E> Asked<E> {
    /// The reason to serve a page that is still good instead: an error, or status 5xx.
    fn trouble(&self, has_run: bool) -> Option<Trouble> {
        match (&self.own, &self.outcome) {
            (Some(Ok(Own { response, verdict })), Ok(_)) => {
                let status = Some(response.status()).filter(StatusCode::is_server_error)?;
                let reason = ServedReason::of_verdict(*verdict).unwrap_or(SERVER_ERROR);
                Some(Trouble { reason, own: Some(Some(status)) })
            }
            (Some(Err(_)), _) => Some(Trouble { reason: ServedReason::Failed, own: Some(None) }),
            (_, Err(error)) => {
                Some(Trouble { reason: ServedReason::of(error), own: has_run.then_some(None) })
            }
            (None, Ok(outcome)) => {
                let is_trouble = outcome.value.is_trouble();
                is_trouble.then_some(Trouble { reason: SERVER_ERROR, own: None })
            }
        }
    }

    /// True if later requests get what the request got.
    fn is_for_later(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|outcome| outcome.value.is_for_later())
    }

    /// How long it took by the clock of the flights. `None` if no run has told.
    fn time_taken(&self) -> Option<Duration> {
        let outcome = self.outcome.as_ref().ok()?;
        let ran_for = if self.own.is_some() { outcome.age } else { Duration::ZERO };
        Some(outcome.waited.saturating_add(ran_for))
    }
}

/// The one request that makes a stale page anew. If it is dropped without an end, it has failed: the handler may
/// have panicked.
struct Revalidation<'o> {
    expiry: &'o Expiry,
    /// The age of the page.
    began: Duration,
    has_succeeded: bool,
    counters: &'o Counters,
}

impl<'o> Revalidation<'o> {
    fn begun(stale: &StalePage<'o>, counters: &'o Counters) -> Self {
        counters.count_revalidation();
        Self { expiry: stale.expiry, began: stale.found.age, has_succeeded: false, counters }
    }

    fn end<E>(mut self, asked: &Asked<E>) {
        self.has_succeeded = asked.is_for_later();
    }
}

impl Drop for Revalidation<'_> {
    fn drop(&mut self) {
        self.expiry.end(self.began, self.has_succeeded);
        if !self.has_succeeded {
            self.counters.count_failed_revalidation();
        }
    }
}

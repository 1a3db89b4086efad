//! [`Inner`]: how a request is answered, by its own run of the handler or by that of another request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::{Error, Outcome, ShareWith};
use http::{HeaderMap, Request, Response, StatusCode, request};

use crate::after_wait::{AfterWait, AfterWaits};
use crate::body::Body;
use crate::clock::Clock;
use crate::coalesced::answer::{Answer, Answered, Own, Telling};
use crate::coalesced::stale::StalePage;
use crate::flights::{ErrorRule, Flights, Freshness};
use crate::gates::{Gates, Judged};
use crate::key::Key;
use crate::layer::Upkeep;
#[cfg(feature = "tracing")]
use crate::observe::{OwnRun, tell_response};
use crate::page::Page;
use crate::room::Budget;
use crate::routes::{RouteVisit, Routes};
use crate::served::Served;
use crate::served_role::{ServedReason, ServedRole};
use crate::stats::Counters;
use crate::verdict::{RequestVerdict, ResponseVerdict, Unshared};
use crate::write::Write;

/// Makes the response for an [`Error`] of coalescing.
pub(crate) type ErrorResponse =
    Arc<dyn Fn(&Error<Infallible>, &Key) -> Response<Body> + Send + Sync>;

/// Begins to count a request by its route.
pub(crate) type RouteBy = Arc<dyn Fn(&request::Parts, &Routes) -> RouteVisit + Send + Sync>;

/// The result of asking for a page once.
///
/// The group gives one value to everyone, so the handler's own response for this request is beside it. A request
/// that leads no run is still there afterwards.
pub(super) struct Asked<E> {
    /// The handler's response for this request, if it led a run.
    pub(super) own: Option<Result<Own, Arc<E>>>,
    pub(super) outcome: Result<Outcome<Page>, Error<E>>,
    /// The beginning, if the layer tells how long requests wait.
    begun: Option<Instant>,
}

/// The state that all handles of a [`Coalesced`](crate::Coalesced) share.
pub(crate) struct Inner<H, E> {
    pub(crate) handler: H,
    pub(crate) gates: Gates,
    pub(crate) flights: Flights<E>,
    pub(crate) counters: Counters,
    pub(crate) error_response: ErrorResponse,
    /// Without a rule, an error goes to nobody else.
    pub(crate) error_rule: Option<ErrorRule<E>>,
    pub(crate) after_waits: AfterWaits,
    pub(crate) keeps_after_writes: bool,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) window: Duration,
    pub(crate) clock: Clock,
    pub(crate) telling: Telling,
    pub(crate) routes: Option<(RouteBy, Routes)>,
    #[cfg(feature = "metrics")]
    pub(crate) published: crate::metrics::Published,
    /// The bytes of retained pages, if they are bounded.
    pub(crate) budget: Option<Arc<Budget>>,
    pub(crate) upkeep: Upkeep,
}

impl<H, E> Inner<H, E> {
    /// Answers a request. `has_body` is the word of the transport, if there is one.
    pub(crate) fn call<B, R>(
        &self,
        request: Request<B>,
        has_body: Option<bool>,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let (parts, body) = request.into_parts();
        let visit = self.visit(&parts);
        let answer = self.answer(parts, body, has_body);
        if let Some(visit) = visit {
            visit.end(answer.as_ref().ok().map(Answer::served));
        }
        answer.map(|answer| self.upkeep.outgoing(answer.into_response(&self.telling)))
    }

    /// Begins to count a request by its route.
    pub(super) fn visit(&self, request: &request::Parts) -> Option<RouteVisit> {
        self.routes.as_ref().map(|(by, routes)| by(request, routes))
    }

    fn answer<B, R>(
        &self,
        mut parts: request::Parts,
        body: B,
        has_body: Option<bool>,
    ) -> Answered<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        if let Some(answer) = self.purge(&parts) {
            return Ok(Answer::refused(answer, Served::purged()));
        }
        let judged = self.gates.judge(&parts, has_body);
        let Judged { verdict, replaced } = judged.unwrap_or_else(Judged::passed_through);
        let (key, freshness) = match verdict {
            RequestVerdict::PassThrough(reason) => {
                self.counters.count_passed_through(reason);
                let write = if self.keeps_after_writes { None } else { Write::of(&parts) };
                let request = Request::from_parts(parts, body);
                let response = self.pass(request, write, ServedReason::PassThrough(reason))?;
                return Ok(Answer::passed_through(response, reason));
            }
            RequestVerdict::OnlyIfCached(key, age) => {
                return Ok(self.answer_from_window(&key, age, &parts.headers));
            }
            RequestVerdict::Shared(key) => (key, Freshness::Any),
            RequestVerdict::Within(key, age) => (key, Freshness::Within(age)),
            RequestVerdict::Fresh(key) => (key, Freshness::Fresh),
        };
        replaced.write(&mut parts.headers);
        let answer = self.share(&key, freshness, Request::from_parts(parts, body))?;
        Ok(match freshness {
            Freshness::Fresh => answer.for_fresh(),
            _ => answer,
        })
    }

    pub(super) fn run<B, R>(&self, request: Request<B>) -> Result<Response<Body>, E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        (self.handler)(request).map(|response| response.map(Into::into))
    }

    /// Runs the handler for a request whose response no other request gets, for this reason.
    pub(super) fn run_own<B, R>(
        &self,
        request: Request<B>,
        reason: ServedReason,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let _ = reason;
        #[cfg(feature = "tracing")]
        let run = {
            let target = (request.method(), request.uri().path());
            OwnRun::begin(self.flights.name(), target, reason)
        };
        let response = self.run(request);
        #[cfg(feature = "tracing")]
        run.end(response.as_ref().ok().map(Response::status));
        response.map_err(Arc::new)
    }

    /// Runs the handler. After a write, no later request gets a page from before it.
    fn pass<B, R>(
        &self,
        request: Request<B>,
        write: Option<Write>,
        reason: ServedReason,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let response = self.run_own(request, reason)?;
        if let Some(write) = write {
            self.forget_after(&write, response.status(), response.headers());
        }
        Ok(response)
    }

    /// Forgets the pages that a write has made old, if its response says that it has.
    pub(super) fn forget_after(&self, write: &Write, status: StatusCode, headers: &HeaderMap) {
        let changed = write.changed(status, headers);
        if !changed.is_empty() {
            // The counters of the cluster tell if somebody was not reached.
            let _ = self.flights.forget_at(&changed, |key| write.is_at(key));
        }
    }

    fn share<B, R>(&self, key: &Key, freshness: Freshness, request: Request<B>) -> Answered<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        if self.waits_in_vain(key) {
            return self.pass_remembered(key, request);
        }
        let mut request = Some(request);
        let asked = self.ask(key, freshness, &mut request);
        self.answer_with(key, asked, request)
    }

    /// Asks for a page once. Takes the request if it leads a run.
    pub(super) fn ask<B, R>(
        &self,
        key: &Key,
        freshness: Freshness,
        request: &mut Option<Request<B>>,
    ) -> Asked<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        // The flights do not tell how long a wait in vain took. Without this setting, a hit reads no clock here.
        let begun = self.telling.has_timing.then(|| self.clock.now());
        let mut own = None;
        let outcome = self.flights.call(key, freshness, || {
            let request = request.take().expect("a call leads one run");
            let (page, result) = self.lead(key, request)?;
            own = Some(result);
            Ok(page)
        });
        Asked { own, outcome, begun }
    }

    /// Answers a request that has asked, and asks again for one that has found a page past its lifetime.
    pub(super) fn answer_with<B, R>(
        &self,
        key: &Key,
        asked: Asked<E>,
        request: Option<Request<B>>,
    ) -> Answered<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let Asked { own, outcome, begun } = asked;
        if let Some(own) = own {
            let outcome = outcome.ok();
            let waited = outcome.as_ref().map(|outcome| outcome.waited);
            let is_stored = outcome.is_some_and(|outcome| self.tells_stored(key, &outcome.value));
            return own.map(|own| Answer::of_own(own, waited, is_stored));
        }
        let error = match (outcome, &request) {
            (Ok(outcome), _) => {
                return match (StalePage::of(&outcome), request) {
                    (Some(stale), Some(request)) => self.answer_past_lifetime(key, &stale, request),
                    _ => Ok(Answer::of_page(&outcome, self.window)),
                };
            }
            (Err(Error::Failed(error)), None) => return Err(error),
            (Err(Error::Failed(error)), Some(_)) if !self.hides(&error) => return Err(error),
            (Err(error), _) => error,
        };
        let waited = self.waited_for(&error, begun);
        match request {
            Some(request) if self.runs_own_after(&error) => {
                self.counters.count_alone();
                let response = self.run_own(request, ServedReason::of(&error))?;
                Ok(Answer::alone(response, Served::in_vain(ServedRole::Alone, &error, waited)))
            }
            _ => {
                self.counters.count_refused();
                let served = Served::in_vain(ServedRole::Refused, &error, waited);
                let response = (self.error_response)(&without_failed(error), key);
                Ok(Answer::refused(response, served))
            }
        }
    }

    /// Returns `true` if the window has this page, and the layer tells it.
    fn tells_stored(&self, key: &Key, page: &Arc<Page>) -> bool {
        self.telling.cache_status.is_some() && self.flights.has_kept(key, page)
    }

    /// Returns `true` if the window has a page of this key, and the layer tells it.
    pub(super) fn tells_any_stored(&self, key: &Key) -> bool {
        self.telling.cache_status.is_some() && self.flights.peek(key).is_some()
    }

    /// Runs the handler. Returns the page for other requests, and the result for this one.
    fn lead<B, R>(&self, key: &Key, request: Request<B>) -> Result<(Page, Result<Own, Arc<E>>), E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        match self.run(request) {
            Ok(response) => {
                let room = |bytes| self.room(bytes);
                let (verdict, page, response) = Page::split(&self.gates, key, response, room);
                self.count_response(key, verdict);
                self.flights.note(key, response.status(), response.headers(), verdict);
                Ok((page, Ok(Own { response, verdict })))
            }
            // The group asks the rule too, for how long the error is kept.
            Err(error) if self.shares(&error) => Err(error),
            Err(error) => {
                self.count_response(key, ResponseVerdict::Unshared(Unshared::Failed));
                match self.after_waits.on_error {
                    AfterWait::RunOwn => Ok((Page::Own, Err(Arc::new(error)))),
                    // It ends their waits, and they do not get it.
                    AfterWait::Respond => Err(error),
                }
            }
        }
    }

    pub(super) fn count_response(&self, key: &Key, verdict: ResponseVerdict) {
        self.counters.count_response(verdict);
        let _ = key;
        #[cfg(feature = "tracing")]
        tell_response(self.flights.name(), key, verdict);
    }

    /// Returns `true` if those who wait get an error of the handler.
    fn shares(&self, error: &E) -> bool {
        self.error_rule.as_ref().is_some_and(|rule| rule(error) != ShareWith::Nobody)
    }

    /// Returns `true` if this error ends the waits of others, and they do not get it.
    fn hides(&self, error: &E) -> bool {
        self.after_waits.on_error == AfterWait::Respond && !self.shares(error)
    }

    /// How long a request has waited that got this error. `None` if it is not known.
    pub(super) fn waited_for(&self, error: &Error<E>, begun: Option<Instant>) -> Option<Duration> {
        match error {
            Error::TimedOut => self.max_wait,
            Error::LeaderPanicked { .. } | Error::Abandoned | Error::Failed(_) => {
                begun.map(|begun| self.clock.since(begun))
            }
            // It was refused at once.
            _ => Some(Duration::ZERO),
        }
    }

    /// Returns `true` if a request that waited in vain runs the handler itself.
    pub(super) fn runs_own_after(&self, error: &Error<E>) -> bool {
        let then = match error {
            Error::LeaderPanicked { .. } | Error::Abandoned => self.after_waits.on_panic,
            Error::TimedOut => self.after_waits.on_timeout,
            _ => AfterWait::Respond,
        };
        then == AfterWait::RunOwn
    }
}

/// Converts an error that is not the handler's to a type that does not depend on the handler.
fn without_failed<E>(error: Error<E>) -> Error<Infallible> {
    match error {
        Error::LeaderPanicked { message } => Error::LeaderPanicked { message },
        Error::TimedOut => Error::TimedOut,
        Error::WouldBlock => Error::WouldBlock,
        Error::WouldDeadlock => Error::WouldDeadlock,
        Error::Overloaded => Error::Overloaded,
        Error::Rejected => Error::Rejected,
        // Nobody but its own request gets `Failed`. A variant of a later version answers like `Abandoned`.
        _ => Error::Abandoned,
    }
}

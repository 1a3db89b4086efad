//! [`Inner`]: how a request is answered, by its own run of the handler or by that of another request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Error, Outcome, ShareWith};
use http::{HeaderMap, Request, Response, StatusCode};

use crate::body::Body;
use crate::coalesced::answer::{Answer, Answered, Own};
use crate::coalesced::stale::StalePage;
use crate::flights::{ErrorRule, Flights, Freshness};
use crate::gates::{Gates, Judged};
use crate::key::Key;
use crate::layer::Upkeep;
use crate::page::Page;
use crate::room::Budget;
use crate::served::Served;
use crate::served_role::ServedRole;
use crate::stats::Counters;
use crate::verdict::{RequestVerdict, ResponseVerdict, Unshared};
use crate::write::Write;

/// Makes the response for an [`Error`] of coalescing.
pub(crate) type ErrorResponse =
    Arc<dyn Fn(&Error<Infallible>, &Key) -> Response<Body> + Send + Sync>;

/// The result of asking for a page once.
///
/// The group gives one value to everyone, so the handler's own response for this request is beside it. A request
/// that leads no run is still there afterwards.
pub(super) struct Asked<E> {
    /// The handler's response for this request, if it led a run.
    pub(super) own: Option<Result<Own, Arc<E>>>,
    pub(super) outcome: Result<Outcome<Page>, Error<E>>,
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
    pub(crate) runs_own_after_max_wait: bool,
    pub(crate) keeps_after_writes: bool,
    pub(crate) max_wait: Option<Duration>,
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
        self.answer(request, has_body).map(|answer| self.upkeep.outgoing(answer.into_response()))
    }

    fn answer<B, R>(&self, request: Request<B>, has_body: Option<bool>) -> Answered<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let (mut parts, body) = request.into_parts();
        if let Some(answer) = self.purge(&parts) {
            return Ok(Answer::new(answer, Served::purged()));
        }
        let judged = self.gates.judge(&parts, has_body);
        let Judged { verdict, replaced } = judged.unwrap_or_else(Judged::passed_through);
        let (key, freshness) = match verdict {
            RequestVerdict::PassThrough(reason) => {
                self.counters.count_passed_through(reason);
                let write = if self.keeps_after_writes { None } else { Write::of(&parts) };
                let response = self.pass(Request::from_parts(parts, body), write)?;
                return Ok(Answer::new(response, Served::passed_through(reason)));
            }
            RequestVerdict::OnlyIfCached(key, age) => {
                return Ok(self.answer_from_window(&key, age, &parts.headers));
            }
            RequestVerdict::Shared(key) => (key, Freshness::Any),
            RequestVerdict::Within(key, age) => (key, Freshness::Within(age)),
            RequestVerdict::Fresh(key) => (key, Freshness::Fresh),
        };
        replaced.write(&mut parts.headers);
        self.share(&key, freshness, Request::from_parts(parts, body))
    }

    pub(super) fn run<B, R>(&self, request: Request<B>) -> Result<Response<Body>, E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        (self.handler)(request).map(|response| response.map(Into::into))
    }

    /// Runs the handler. After a write, no later request gets a page from before it.
    fn pass<B, R>(
        &self,
        request: Request<B>,
        write: Option<Write>,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let response = self.run(request).map_err(Arc::new)?;
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
        let mut own = None;
        let outcome = self.flights.call(key, freshness, || {
            let request = request.take().expect("a call leads one run");
            let (page, result) = self.lead(key, request)?;
            own = Some(result);
            Ok(page)
        });
        Asked { own, outcome }
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
        let Asked { own, outcome } = asked;
        if let Some(own) = own {
            let waited = outcome.ok().map(|outcome| outcome.waited);
            return own.map(|own| Answer::new(own.response, Served::led(own.verdict, waited)));
        }
        match (outcome, request) {
            (Ok(outcome), Some(request)) => match StalePage::of(&outcome) {
                Some(stale) => self.answer_past_lifetime(key, &stale, request),
                None => Ok(Answer::of_page(&outcome)),
            },
            (Ok(outcome), None) => Ok(Answer::of_page(&outcome)),
            (Err(Error::Failed(error)), _) => Err(error),
            (Err(error), Some(request)) if self.runs_own_after(&error) => {
                self.counters.count_alone();
                let served = Served::in_vain(ServedRole::Alone, &error, self.waited_for(&error));
                let response = self.run(request).map_err(Arc::new)?;
                Ok(Answer::new(response, served))
            }
            (Err(error), _) => {
                let served = Served::in_vain(ServedRole::Refused, &error, self.waited_for(&error));
                let response = (self.error_response)(&without_failed(error), key);
                Ok(Answer::new(response, served))
            }
        }
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
                self.counters.count_response(verdict);
                self.flights.note(key, response.status(), response.headers(), verdict);
                Ok((page, Ok(Own { response, verdict })))
            }
            // The group asks the rule too, for how long the error is kept.
            Err(error) if self.shares(&error) => Err(error),
            Err(error) => {
                self.counters.count_response(ResponseVerdict::Unshared(Unshared::Failed));
                Ok((Page::Own, Err(Arc::new(error))))
            }
        }
    }

    /// Returns `true` if those who wait get an error of the handler.
    fn shares(&self, error: &E) -> bool {
        self.error_rule.as_ref().is_some_and(|rule| rule(error) != ShareWith::Nobody)
    }

    /// How long a request has waited that got this error. `None` if it is not known.
    pub(super) fn waited_for(&self, error: &Error<E>) -> Option<Duration> {
        match error {
            Error::TimedOut => self.max_wait,
            Error::LeaderPanicked { .. } | Error::Abandoned => None,
            // It was refused at once.
            _ => Some(Duration::ZERO),
        }
    }

    /// Returns `true` if a request that waited in vain runs the handler itself.
    pub(super) fn runs_own_after(&self, error: &Error<E>) -> bool {
        match error {
            // A panic may be about one request, so it is not for the others.
            Error::LeaderPanicked { .. } | Error::Abandoned => true,
            Error::TimedOut => self.runs_own_after_max_wait,
            _ => false,
        }
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
        // The caller has handled `Failed`. A variant of a later version answers like `Abandoned`.
        _ => Error::Abandoned,
    }
}

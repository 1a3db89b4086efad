//! [`Hooks`]: pages whose handler runs between two hooks, and not inside the layer.

use std::convert::Infallible;
use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use coalescer::Job;
use http::{HeaderMap, Response, StatusCode, request};

use crate::body::Body;
use crate::coalesced::Coalesced;
use crate::coalesced::answer::Answer;
use crate::coalesced::capture::run;
use crate::coalesced::joining::{Joining, PageCell, Revalidating, Step, Waiting};
use crate::coalesced::pass::Pass;
use crate::coalesced::stale::SERVER_ERROR;
use crate::flights::Freshness;
use crate::forgotten_tags::Moment;
use crate::gates::Judged;
use crate::key::Key;
use crate::page::Page;
use crate::served::Served;
use crate::verdict::{PassThrough, RequestVerdict, ResponseVerdict};
use crate::write::Write;

/// Coalesced pages for a server that calls a hook before its handler and one after it; from
/// [`CoalesceLayer::hooks`](crate::CoalesceLayer::hooks).
///
/// The type can be named, for instance in the state of a server. All methods of [`Coalesced`] that need no handler
/// are there: [`forget_path`](Coalesced::forget_path), [`stats`](Coalesced::stats), and so on.
pub type Pages = Coalesced<Hooks, Infallible>;

/// Stands in the place of a handler in [`Pages`].
#[derive(Clone, Debug)]
pub struct Hooks {
    /// How long a request waits for the leaders of its page.
    pub(crate) max_wait: Option<Duration>,
}

/// The way of a request that a server's first hook has begun; from [`Pages::begin`](Coalesced::begin).
#[derive(Debug)]
#[must_use = "a request that leads or passes needs its handler to run"]
pub enum Begun {
    /// Run the handler, and give its response to [`Lead::finish`]. Other requests wait for it.
    Lead(Lead),
    /// Send this response. The handler does not run.
    Answered(Response<Body>),
    /// Run the handler, and give its response to [`Pass::finish`]. It is for this request alone.
    Pass(Pass),
}

/// The right to make a page for all requests that wait for it, and the duty to end their wait.
///
/// [`finish`](Self::finish) takes the response of the handler. If the guard is dropped instead, because the
/// handler failed, panicked or was cancelled, the requests that wait are told at once: one of them leads, and
/// the others wait for that one. It can be sent to another thread, and finished there.
#[must_use = "other requests wait until it is finished or dropped"]
pub struct Lead {
    pages: Pages,
    key: Key,
    /// `None` when it is finished.
    job: Option<Job>,
    /// Where the job takes the page from.
    cell: PageCell,
    revalidating: Option<Revalidating>,
    /// How long the request waited for others before.
    waited: Duration,
    began: Moment,
}

impl Pages {
    /// Begins a request, before its handler: the hook that the original of this library calls `process_request`.
    ///
    /// A request of HTTP/2 or later announces a body by no field, so it is passed through: use
    /// [`begin_with`](Self::begin_with) for it. Settings such as [`ignore_cookies`](crate::CoalesceLayer::ignore_cookies)
    /// take fields out of the request that the handler is to see.
    ///
    /// # Blocking
    ///
    /// A request that follows waits for the response of its leader, for at most the setting `max_wait`. All others
    /// return at once.
    ///
    /// # Panics
    ///
    /// As [`Coalesced::call`], if a function of the settings panics.
    ///
    /// # Deadlocks
    ///
    /// A leader is known by its guard and not by its thread. So a handler that begins a request for its own page,
    /// on the same thread, waits for itself until `max_wait` is over. If its page is
    /// [remembered](crate::CoalesceLayer::remember_unshared) as one that is not shared, it does not wait, so such a
    /// handler begins requests without end.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Begun, Body, CoalesceLayer, Pages};
    /// use http::{Request, Response};
    ///
    /// /// A server with two hooks, as many frameworks have them.
    /// fn serve(pages: &Pages, request: Request<()>) -> Response<Body> {
    ///     let (mut parts, ()) = request.into_parts();
    ///     match pages.begin(&mut parts) {
    ///         Begun::Answered(response) => response,
    ///         Begun::Lead(lead) => lead.finish(Response::new("a slow page")),
    ///         Begun::Pass(pass) => pass.finish(Response::new("a slow page")).map(Body::from),
    ///     }
    /// }
    ///
    /// let pages = CoalesceLayer::new().hooks();
    /// for age in [None, Some("0")] {
    ///     let response = serve(&pages, Request::get("/").body(()).unwrap());
    ///     assert_eq!(response.headers().get("age").map(|age| age.to_str().unwrap()), age);
    /// }
    /// assert_eq!(pages.stats().flights.executed_requests, 1);
    /// ```
    pub fn begin(&self, request: &mut request::Parts) -> Begun {
        self.begin_by(request, None)
    }

    /// Does the same as [`begin`](Self::begin) for a request of which the transport tells if it has a body: see
    /// [`Gates::request_with`](crate::Gates::request_with).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Begun, CoalesceLayer};
    /// let pages = CoalesceLayer::new().hooks();
    /// let request = http::Request::get("https://shop.example/").version(http::Version::HTTP_2);
    /// let (mut request, ()) = request.body(()).unwrap().into_parts();
    /// assert!(matches!(pages.begin_with(&mut request, false), Begun::Lead(_)));
    /// assert!(matches!(pages.begin_with(&mut request, true), Begun::Pass(_)));
    /// ```
    pub fn begin_with(&self, request: &mut request::Parts, has_body: bool) -> Begun {
        self.begin_by(request, Some(has_body))
    }

    fn begin_by(&self, request: &mut request::Parts, has_body: Option<bool>) -> Begun {
        let mut joining = match self.start(request, has_body) {
            Ok(joining) => joining,
            Err(begun) => return *begun,
        };
        let mut step = joining.ask(&request.headers);
        loop {
            step = match step {
                Step::Wait(Waiting { mut ticket, at_most }) => {
                    let waited = match at_most {
                        Some(at_most) => ticket.wait_timeout(at_most),
                        None => ticket.wait(),
                    };
                    joining.resume(waited, &request.headers)
                }
                step => return self.begun(step),
            };
        }
    }

    /// Begins a request that a thread or a future then takes further, if it does not end here.
    pub(crate) fn start(
        &self,
        request: &mut request::Parts,
        has_body: Option<bool>,
    ) -> Result<Joining, Box<Begun>> {
        let inner = self.inner();
        if let Some(answer) = inner.purge(request) {
            let answer = Answer::new(answer, Served::purged());
            return Err(Box::new(self.begun(Step::answered(answer))));
        }
        let judged = inner.gates.judge(request, has_body);
        let Judged { verdict, replaced } = judged.unwrap_or_else(Judged::passed_through);
        let (key, freshness) = match verdict {
            RequestVerdict::Shared(key) => (key, Freshness::Any),
            RequestVerdict::Within(key, age) => (key, Freshness::Within(age)),
            RequestVerdict::Fresh(key) => (key, Freshness::Fresh),
            RequestVerdict::OnlyIfCached(key, age) => {
                let answer = inner.answer_from_window(&key, age, &request.headers);
                return Err(Box::new(self.begun(Step::answered(answer))));
            }
            RequestVerdict::PassThrough(reason) => {
                let write = if inner.keeps_after_writes { None } else { Write::of(request) };
                return Err(Box::new(self.passed_through(reason, write, None)));
            }
        };
        replaced.write(&mut request.headers);
        if inner.flights.is_unshared(&key) {
            let begun = self.passed_through(PassThrough::Remembered, None, Some(key));
            return Err(Box::new(begun));
        }
        Ok(Joining::new(self.clone(), key, freshness))
    }

    /// The result of a step that does not wait.
    pub(crate) fn begun(&self, step: Step) -> Begun {
        match step {
            Step::Lead(lead) => Begun::Lead(*lead),
            Step::Answered(response) => Begun::Answered(self.outgoing(response)),
            Step::RunOwn(served) => self.pass(served, None, None),
            Step::Wait(_) => unreachable!("its caller waits"),
        }
    }

    fn passed_through(
        &self,
        reason: PassThrough,
        write: Option<Write>,
        remembered: Option<Key>,
    ) -> Begun {
        self.inner().counters.count_passed_through(reason);
        self.pass(Served::passed_through(reason), write, remembered)
    }

    fn pass(&self, served: Served, write: Option<Write>, remembered: Option<Key>) -> Begun {
        Begun::Pass(Pass::new(self.clone(), served, write, remembered))
    }
}

impl Lead {
    pub(super) fn new(
        (pages, key): (Pages, Key),
        (job, cell): (Job, PageCell),
        revalidating: Option<Revalidating>,
        waited: Duration,
    ) -> Self {
        let began = pages.inner().flights.now();
        Self { pages, key, job: Some(job), cell, revalidating, waited, began }
    }

    /// Ends the request with the response of its handler: the hook that the original of this library calls
    /// `process_response`.
    ///
    /// Those who wait get the part of the response that may be shared, or learn that they must run the handler
    /// themselves: the [tables](crate#never-shared) decide. Returns the response for this request. It has the same
    /// content, unless this request has made a page anew that was past its lifetime and has failed with status
    /// 5xx: then it is the old page.
    ///
    /// Blocks to read a [`Body`] of known length that is shared.
    ///
    /// # Examples
    ///
    /// See [`Pages::begin`](Coalesced::begin).
    pub fn finish<R: Into<Body>>(self, response: Response<R>) -> Response<Body> {
        let pages = self.pages.clone();
        let inner = pages.inner();
        let room = |bytes| inner.room(bytes);
        let (verdict, page, mut response) =
            Page::split(&inner.gates, &self.key, response.map(Into::into), room);
        let response = match self.publish(verdict, page, response.status(), response.headers()) {
            Ended::Own(served) => {
                response.extensions_mut().insert(served);
                response
            }
            Ended::Stale(stale) => stale,
        };
        pages.outgoing(response)
    }

    /// The page of a response whose body is in memory, and the verdict.
    #[cfg(feature = "tower")]
    pub(crate) fn page_of(
        &self,
        response: &http::response::Parts,
        bytes: bytes::Bytes,
        verdict: ResponseVerdict,
    ) -> (ResponseVerdict, Page) {
        let inner = self.pages.inner();
        let room = |bytes| inner.room(bytes);
        Page::shared_by((&inner.gates, &self.key), response, bytes, verdict, room)
    }

    /// Asks the response gate.
    #[cfg(feature = "tower")]
    pub(crate) fn judge(
        &self,
        response: &http::response::Parts,
        length: Option<u64>,
    ) -> ResponseVerdict {
        self.pages.inner().gates.response(&self.key, response, length)
    }

    /// Ends the run with this page, whose response has this status and these fields.
    pub(crate) fn publish(
        mut self,
        verdict: ResponseVerdict,
        page: Page,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Ended {
        let inner = self.pages.inner();
        inner.counters.count_response(verdict);
        inner.flights.note(&self.key, status, headers, verdict);
        let page = inner.flights.made_since(page, self.began);
        let is_for_later = page.is_for_later();
        *self.cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
        if let Some(job) = self.job.take() {
            let unshared = match verdict {
                ResponseVerdict::Unshared(reason) => Some(reason),
                _ => None,
            };
            run(job, unshared);
        }
        let served = Served::led(verdict, Some(self.waited));
        let Some(mut revalidating) = self.revalidating.take() else { return Ended::Own(served) };
        if status.is_server_error() {
            let stale = revalidating.stale_page().because(SERVER_ERROR, Some(self.waited));
            return Ended::Stale(stale.into_response());
        }
        revalidating.end(is_for_later);
        Ended::Own(revalidating.renews(served))
    }

    /// Returns the key of the page.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Begun, CoalesceLayer};
    /// let pages = CoalesceLayer::new().hooks();
    /// let mut request = http::Request::get("/a").body(()).unwrap().into_parts().0;
    /// let Begun::Lead(lead) = pages.begin(&mut request) else { panic!("nobody else asks") };
    /// assert_eq!(lead.key().path_and_query(), "/a");
    /// # let _ = lead.finish(http::Response::new("a page"));
    /// ```
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }
}

/// How a guard has ended.
pub(crate) enum Ended {
    /// Its request gets its own response.
    Own(Served),
    /// Its request gets the page that it should have made anew.
    Stale(Response<Body>),
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("key", &self.key).finish_non_exhaustive()
    }
}

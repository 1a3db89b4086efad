//! [`Hooks`]: pages whose handler runs between two hooks, and not inside the layer.

use std::convert::Infallible;

use http::{Response, request};

use crate::body::Body;
use crate::coalesced::Coalesced;
use crate::coalesced::answer::{Answer, Told};
use crate::coalesced::joining::{Joining, Step, Waiting};
use crate::coalesced::lead::Lead;
use crate::coalesced::pass::Pass;
use crate::flights::Freshness;
use crate::gates::Judged;
use crate::key::Key;
use crate::routes::RouteVisit;
use crate::served::Served;
use crate::verdict::{PassThrough, RequestVerdict};
use crate::write::Write;

/// Coalesced pages for a server that calls a hook before its handler and one after it; from
/// [`CoalesceLayer::hooks`](crate::CoalesceLayer::hooks).
///
/// The type can be named, for instance in the state of a server. All methods of [`Coalesced`] that need no handler
/// are there: [`forget_path`](Coalesced::forget_path), [`stats`](Coalesced::stats), and so on.
pub type Pages = Coalesced<Hooks, Infallible>;

/// Stands in the place of a handler in [`Pages`].
#[derive(Clone, Debug)]
pub struct Hooks(pub(crate) ());

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
        let visit = inner.visit(request);
        if let Some(answer) = inner.purge(request) {
            let answer = Answer::refused(answer, Served::purged());
            return Err(Box::new(self.begun(Step::answered(answer, visit))));
        }
        let judged = inner.gates.judge(request, has_body);
        let Judged { verdict, replaced } = judged.unwrap_or_else(Judged::passed_through);
        let (key, freshness) = match verdict {
            RequestVerdict::Shared(key) => (key, Freshness::Any),
            RequestVerdict::Within(key, age) => (key, Freshness::Within(age)),
            RequestVerdict::Fresh(key) => (key, Freshness::Fresh),
            RequestVerdict::OnlyIfCached(key, age) => {
                let answer = inner.answer_from_window(&key, age, &request.headers);
                return Err(Box::new(self.begun(Step::answered(answer, visit))));
            }
            RequestVerdict::PassThrough(reason) => {
                let write = if inner.keeps_after_writes { None } else { Write::of(request) };
                return Err(Box::new(self.passed_through(reason, visit, write, None)));
            }
        };
        replaced.write(&mut request.headers);
        if inner.flights.is_unshared(&key) {
            let begun = self.passed_through(PassThrough::Remembered, visit, None, Some(key));
            return Err(Box::new(begun));
        }
        Ok(Joining::new(self.clone(), key, freshness, visit))
    }

    /// The response with what the layer tells of it.
    #[cfg(feature = "tower")]
    pub(crate) fn tell<R>(&self, told: Told, response: Response<R>) -> Response<R> {
        told.to(response, &self.inner().telling)
    }

    #[cfg(feature = "tower")]
    pub(crate) fn telling(&self, answer: Answer) -> Response<Body> {
        answer.into_response(&self.inner().telling)
    }

    /// The result of a step that does not wait.
    pub(crate) fn begun(&self, step: Step) -> Begun {
        match step {
            Step::Lead(lead) => Begun::Lead(*lead),
            Step::Answered(answer) => {
                let response = answer.into_response(&self.inner().telling);
                Begun::Answered(self.outgoing(response))
            }
            Step::RunOwn(told, visit) => self.pass(told, visit, None, None),
            Step::Wait(_) => unreachable!("its caller waits"),
        }
    }

    fn passed_through(
        &self,
        reason: PassThrough,
        visit: Option<RouteVisit>,
        write: Option<Write>,
        remembered: Option<Key>,
    ) -> Begun {
        self.inner().counters.count_passed_through(reason);
        self.pass(Told::passed_through(reason), visit, write, remembered)
    }

    fn pass(
        &self,
        told: Told,
        visit: Option<RouteVisit>,
        write: Option<Write>,
        remembered: Option<Key>,
    ) -> Begun {
        Begun::Pass(Pass::new(self.clone(), (told, visit), write, remembered))
    }
}

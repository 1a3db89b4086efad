//! [`Answer`]: a response for one request, and how it was made.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Outcome, Role};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::cache_status::{CacheName, Forward, Member, add_timing};
use crate::page::Page;
use crate::served::Served;
use crate::served_role::ServedReason;
use crate::verdict::{PassThrough, ResponseVerdict};

/// The response for a request, and how the request was answered.
pub(crate) struct Answer {
    response: Response<Body>,
    told: Told,
}

/// The answer to a request, or the error of its handler.
pub(super) type Answered<E> = Result<Answer, Arc<E>>;

/// How a request was answered, with what `Cache-Status` wants to know.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    served: Served,
    source: Source,
    /// Why no page of a window was good for the request.
    forward: Forward,
}

/// The origin of a response.
#[derive(Clone, Copy)]
enum Source {
    /// The handler, in a run for this request. Its page is in the window now, or it is not.
    Handler { is_stored: bool },
    /// The handler, in a run that the request waited for.
    Another,
    /// A window. The page's lifetime is not always known.
    Window { lifetime: Option<Duration> },
    /// A window, after a run for this request that failed, with this status if it had one.
    AfterFailure { status: Option<StatusCode> },
    /// The layer.
    Layer,
}

impl Answer {
    pub(super) fn passed_through(response: Response<Body>, reason: PassThrough) -> Self {
        Self { response, told: Told::passed_through(reason) }
    }

    /// The answer to a request that led a run.
    pub(super) fn of_own(own: Own, waited: Option<Duration>, is_stored: bool) -> Self {
        let told = Told::led(Served::led(own.verdict, waited), is_stored);
        Self { response: own.response, told }
    }

    /// The answer to a request that ran the handler after a wait in vain.
    pub(super) fn alone(response: Response<Body>, served: Served) -> Self {
        Self { response, told: Told::led(served, false) }
    }

    /// The answer of the layer itself, to a request that got no page.
    pub(super) fn refused(response: Response<Body>, served: Served) -> Self {
        Self { response, told: Told::new(served, Source::Layer) }
    }

    /// The answer to a request that ran no handler. A window is as long as this.
    pub(super) fn of_page(outcome: &Outcome<Page>, window: Duration) -> Self {
        let page = &*outcome.value;
        if !page.was_kept(outcome.role) {
            return Self::followed(page, outcome.waited);
        }
        let response = page.response(outcome.role, outcome.age);
        let source = Source::Window { lifetime: page.lifetime(window) };
        Self { response, told: Told::new(Served::hit(outcome.age), source) }
    }

    /// The answer to a request that has waited for this page.
    pub(super) fn followed(page: &Page, waited: Duration) -> Self {
        let told = Told::new(Served::followed(waited), Source::Another);
        Self { response: page.response(Role::Follower, Duration::ZERO), told }
    }

    /// The answer by a page past its lifetime.
    pub(super) fn stale(response: Response<Body>, age: Duration, lifetime: Duration) -> Self {
        let source = Source::Window { lifetime: Some(lifetime) };
        Self { response, told: Told::new(Served::stale(age), source) }
    }

    /// The same of a request for a run that begins after it.
    pub(super) fn for_fresh(self) -> Self {
        Self { told: self.told.because_of(Forward::Request), ..self }
    }

    /// The same of a request for this reason.
    pub(super) fn because_of(self, forward: Forward) -> Self {
        Self { told: self.told.because_of(forward), ..self }
    }

    /// The same of a request whose attempt to make the page anew has failed.
    pub(super) fn after_trouble(self, trouble: Trouble, waited: Option<Duration>) -> Self {
        let source = match trouble.own {
            Some(status) => Source::AfterFailure { status },
            None => self.told.source,
        };
        let served = self.told.served.because(trouble.reason).after(waited);
        Self { told: Told { served, source, forward: Forward::Stale }, ..self }
    }

    /// The same of a request that has made the page anew.
    pub(super) fn renewed(self) -> Self {
        Self { told: self.told.renewed(), ..self }
    }

    pub(super) fn served(&self) -> &Served {
        &self.told.served
    }

    /// The response as it leaves the layer. It is for this request alone.
    pub(crate) fn into_response(self, tells: &Telling) -> Response<Body> {
        self.told.to(self.response, tells)
    }
}

impl Told {
    pub(super) fn passed_through(reason: PassThrough) -> Self {
        let forward = match reason {
            PassThrough::Method => Forward::Method,
            _ => Forward::Bypass,
        };
        Self::led(Served::passed_through(reason), false).because_of(forward)
    }

    /// Of a request that ran the handler.
    pub(super) fn led(served: Served, is_stored: bool) -> Self {
        Self::new(served, Source::Handler { is_stored })
    }

    fn new(served: Served, source: Source) -> Self {
        Self { served, source, forward: Forward::Miss }
    }

    /// The same of a request that did not want a page of a window, or found none that was good for it.
    pub(super) fn because_of(self, forward: Forward) -> Self {
        Self { forward, ..self }
    }

    /// The same of a request that has made the page anew.
    pub(super) fn renewed(self) -> Self {
        Self { served: self.served.renewed(), ..self }.because_of(Forward::Stale)
    }

    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    /// Tells it by a response, which is for its own request alone.
    pub(crate) fn to<R>(&self, mut response: Response<R>, tells: &Telling) -> Response<R> {
        if let Some(name) = &tells.cache_status {
            name.add_to(response.headers_mut(), &self.member());
        }
        if tells.has_timing {
            add_timing(response.headers_mut(), &self.served);
        }
        response.extensions_mut().insert(self.served);
        response
    }

    fn member(&self) -> Member {
        let Self { served, source, forward } = self;
        let (forward, detail) = (*forward, served.reason().map(ServedReason::as_str));
        let member = Member { detail, ..Member::default() };
        match *source {
            Source::Handler { is_stored } => {
                // A request for a fresh answer waits until it may run, and not for a page.
                let shares = matches!(forward, Forward::Miss | Forward::Stale);
                let has_waited = served.waited() != Some(Duration::ZERO);
                let is_collapsed = (shares && has_waited).then_some(false);
                Member { forward: Some(forward), is_stored, is_collapsed, ..member }
            }
            Source::Another => {
                Member { forward: Some(forward), is_collapsed: Some(true), ..member }
            }
            Source::Window { lifetime } => {
                let age = served.age().unwrap_or_default();
                Member { is_hit: true, ttl: lifetime.and_then(|time| rest(time, age)), ..member }
            }
            Source::AfterFailure { status } => {
                Member { forward: Some(forward), forward_status: status, ..member }
            }
            Source::Layer => member,
        }
    }
}

/// The seconds that are left, rounded down: negative for a page that is past its lifetime.
fn rest(lifetime: Duration, age: Duration) -> Option<i64> {
    let left = match lifetime.checked_sub(age) {
        Some(left) => i64::try_from(left.as_secs()),
        None => {
            let past = age - lifetime;
            let seconds = past.as_secs() + u64::from(past.subsec_nanos() > 0);
            i64::try_from(seconds).map(|seconds| -seconds)
        }
    };
    left.ok()
}

/// The handler's response in a run that others may share, and who may get it.
pub(super) struct Own {
    pub(super) response: Response<Body>,
    pub(super) verdict: ResponseVerdict,
}

/// Why a page was not made anew.
pub(super) struct Trouble {
    pub(super) reason: ServedReason,
    /// The request ran the handler, which returned this status or an error.
    pub(super) own: Option<Option<StatusCode>>,
}

/// The settings about telling clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Telling {
    pub(crate) cache_status: Option<CacheName>,
    pub(crate) has_timing: bool,
}

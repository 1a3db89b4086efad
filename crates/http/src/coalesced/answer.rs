//! [`Answer`]: a response for one request, and how it was made.

use std::sync::Arc;
use std::time::Duration;

use coalescer::Outcome;
use http::{Response, StatusCode};

use crate::body::Body;
use crate::cache_status::{CacheName, Forward, Member, add_timing};
use crate::page::Page;
use crate::served::Served;
use crate::served_role::ServedReason;
use crate::verdict::{PassThrough, ResponseVerdict};

/// The response for a request, and how the request was answered.
pub(super) struct Answer {
    response: Response<Body>,
    served: Served,
    source: Source,
    /// Why no page of a window was good for the request.
    forward: Forward,
}

/// The answer to a request, or the error of its handler.
pub(super) type Answered<E> = Result<Answer, Arc<E>>;

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
        let forward = match reason {
            PassThrough::Method => Forward::Method,
            _ => Forward::Bypass,
        };
        let served = Served::passed_through(reason);
        Self { response, served, source: Source::Handler { is_stored: false }, forward }
    }

    /// The answer to a request that led a run.
    pub(super) fn of_own(own: Own, waited: Option<Duration>, is_stored: bool) -> Self {
        let served = Served::led(own.verdict, waited);
        Self::new(own.response, served, Source::Handler { is_stored })
    }

    /// The answer to a request that ran the handler after a wait in vain.
    pub(super) fn alone(response: Response<Body>, served: Served) -> Self {
        Self::new(response, served, Source::Handler { is_stored: false })
    }

    /// The answer to a request that got no page.
    pub(super) fn refused(response: Response<Body>, served: Served) -> Self {
        Self::new(response, served, Source::Layer)
    }

    /// The answer to a request that ran no handler. A window is as long as this.
    pub(super) fn of_page(outcome: &Outcome<Page>, window: Duration) -> Self {
        let page = &*outcome.value;
        let response = page.response(outcome.role, outcome.age);
        match page.was_kept(outcome.role) {
            true => {
                let source = Source::Window { lifetime: page.lifetime(window) };
                Self::new(response, Served::hit(outcome.age), source)
            }
            false => Self::new(response, Served::followed(outcome.waited), Source::Another),
        }
    }

    /// The answer by a page past its lifetime.
    pub(super) fn stale(response: Response<Body>, age: Duration, lifetime: Duration) -> Self {
        let source = Source::Window { lifetime: Some(lifetime) };
        Self::new(response, Served::stale(age), source)
    }

    fn new(response: Response<Body>, served: Served, source: Source) -> Self {
        Self { response, served, source, forward: Forward::Miss }
    }

    /// The same of a request that did not want a page of a window, or found none that was good for it.
    pub(super) fn because_of(self, forward: Forward) -> Self {
        Self { forward, ..self }
    }

    /// The same of a request whose attempt to make the page anew has failed.
    pub(super) fn after_trouble(self, trouble: Trouble, waited: Option<Duration>) -> Self {
        let source = match trouble.own {
            Some(status) => Source::AfterFailure { status },
            None => self.source,
        };
        let served = self.served.because(trouble.reason).after(waited);
        Self { served, source, ..self }.because_of(Forward::Stale)
    }

    /// The same of a request that has made the page anew.
    pub(super) fn renewed(self) -> Self {
        Self { served: self.served.renewed(), ..self }
    }

    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    /// The response as it leaves the layer. It is for this request alone.
    pub(super) fn into_response(mut self, tells: &Telling) -> Response<Body> {
        let headers = self.response.headers_mut();
        if let Some(name) = &tells.cache_status {
            name.add_to(headers, &Self::member(&self.served, self.source, self.forward));
        }
        if tells.has_timing {
            add_timing(headers, &self.served);
        }
        self.response.extensions_mut().insert(self.served);
        self.response
    }

    fn member(served: &Served, source: Source, forward: Forward) -> Member {
        let detail = served.reason().map(ServedReason::as_str);
        let member = Member { detail, ..Member::default() };
        match source {
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

/// What a layer tells its clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Telling {
    pub(crate) cache_status: Option<CacheName>,
    pub(crate) has_timing: bool,
}

//! [`Lead`]: a request whose handler runs between two hooks, for all that wait.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use coalescer::Job;
use http::{HeaderMap, Response, StatusCode};

use crate::body::Body;
use crate::cache_status::Forward;
use crate::coalesced::answer::{Answer, Told, Trouble};
use crate::coalesced::capture::run;
use crate::coalesced::hooks::Pages;
use crate::coalesced::joining::{PageCell, Revalidating};
use crate::coalesced::stale::SERVER_ERROR;
use crate::forgotten_tags::Moment;
use crate::key::Key;
use crate::page::Page;
use crate::routes::RouteVisit;
use crate::served::Served;
use crate::served_role::ServedReason;
use crate::verdict::ResponseVerdict;

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
    /// Why no page of the window was good for it.
    forward: Forward,
    visit: Option<RouteVisit>,
    began: Moment,
}

impl Lead {
    pub(super) fn new(
        (pages, key): (Pages, Key),
        (job, cell): (Job, PageCell),
        revalidating: Option<Revalidating>,
        (waited, forward): (Duration, Forward),
        visit: Option<RouteVisit>,
    ) -> Self {
        let began = pages.inner().flights.now();
        Self { pages, key, job: Some(job), cell, revalidating, waited, forward, visit, began }
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
    /// See [`Pages::begin`](crate::Coalesced::begin).
    pub fn finish<R: Into<Body>>(self, response: Response<R>) -> Response<Body> {
        let pages = self.pages.clone();
        let inner = pages.inner();
        let room = |bytes| inner.room(bytes);
        let (verdict, page, response) =
            Page::split(&inner.gates, &self.key, response.map(Into::into), room);
        let response = match self.publish(verdict, page, response.status(), response.headers()) {
            Ended::Own(told) => told.to(response, &inner.telling),
            Ended::Stale(stale) => stale.into_response(&inner.telling),
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
        inner.count_response(&self.key, verdict);
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
        let is_stored = is_for_later && inner.tells_any_stored(&self.key);
        let told = Told::led(Served::led(verdict, Some(self.waited)), is_stored);
        let told = told.because_of(self.forward);
        let visit = self.visit.take();
        let ended = match self.revalidating.take() {
            None => Ended::Own(told),
            Some(revalidating) if status.is_server_error() => {
                let reason = ServedReason::of_verdict(verdict).unwrap_or(SERVER_ERROR);
                let trouble = Trouble { reason, own: Some(Some(status)) };
                let stale = revalidating.stale_page();
                Ended::Stale(stale.after_trouble(trouble, Some(self.waited)))
            }
            Some(mut revalidating) => {
                revalidating.end(is_for_later);
                Ended::Own(if revalidating.is_the_one() { told.renewed() } else { told })
            }
        };
        if let Some(visit) = visit {
            visit.end(Some(ended.served()));
        }
        ended
    }

    #[cfg(feature = "tower")]
    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
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
    Own(Told),
    /// Its request gets the page that it should have made anew.
    Stale(Answer),
}

impl Ended {
    fn served(&self) -> &Served {
        match self {
            Self::Own(told) => told.served(),
            Self::Stale(answer) => answer.served(),
        }
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("key", &self.key).finish_non_exhaustive()
    }
}

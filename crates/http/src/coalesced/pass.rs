//! [`Pass`]: a request whose handler runs between two hooks, for it alone.

use std::fmt;

use http::Response;

use crate::coalesced::answer::Told;
use crate::coalesced::hooks::Pages;
use crate::key::Key;
use crate::routes::RouteVisit;
use crate::served::Served;
use crate::write::Write;

/// A request whose handler runs for it alone.
#[must_use = "a write forgets pages when it is finished"]
pub struct Pass {
    pages: Pages,
    told: Told,
    visit: Option<RouteVisit>,
    write: Option<Write>,
    /// The key, if it is remembered as one whose pages are not shared.
    remembered: Option<Key>,
}

impl Pass {
    pub(super) fn new(
        pages: Pages,
        (told, visit): (Told, Option<RouteVisit>),
        write: Option<Write>,
        remembered: Option<Key>,
    ) -> Self {
        Self { pages, told, visit, write, remembered }
    }

    /// Ends the request with the response of its handler, which is returned with the same content.
    ///
    /// If the request was a write that has succeeded, the pages of its path are forgotten before this method
    /// returns: see [Writes](crate#writes). If a [`Pass`] is dropped instead, nothing is forgotten, so drop it only
    /// if the handler has failed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Begun, CoalesceLayer};
    /// use http::{Request, Response};
    ///
    /// let pages = CoalesceLayer::new().hooks();
    /// let (mut read, ()) = Request::get("/cart").body(()).unwrap().into_parts();
    /// let Begun::Lead(lead) = pages.begin(&mut read) else { panic!("nobody else asks") };
    /// let _ = lead.finish(Response::new("an empty cart"));
    ///
    /// let (mut write, ()) = Request::post("/cart").body(()).unwrap().into_parts();
    /// let Begun::Pass(pass) = pages.begin(&mut write) else { panic!("a write") };
    /// let _ = pass.finish(Response::new("done"));
    /// assert_eq!(pages.forget_all(), 0); // the write has forgotten the page
    /// ```
    pub fn finish<R>(self, mut response: Response<R>) -> Response<R> {
        if let Some(write) = &self.write {
            self.pages.inner().forget_after(write, response.status(), response.headers());
        }
        let inner = self.pages.inner();
        if let Some(key) = &self.remembered {
            response = inner.judge_head(key, response);
        }
        if let Some(visit) = self.visit {
            visit.end(Some(self.told.served()));
        }
        self.pages.outgoing(self.told.to(response, &inner.telling))
    }

    /// Returns why the handler runs: the request was passed through; or it shared at first, and the page of its leader
    /// was for that one alone, or it waited in vain.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Begun, CoalesceLayer};
    /// let pages = CoalesceLayer::new().hooks();
    /// let (mut write, ()) = http::Request::post("/cart").body(()).unwrap().into_parts();
    /// let Begun::Pass(pass) = pages.begin(&mut write) else { panic!("a write") };
    /// assert_eq!(pass.served().to_string(), "passed through: method");
    /// ```
    #[must_use]
    pub fn served(&self) -> &Served {
        self.told.served()
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("served", self.told.served()).finish_non_exhaustive()
    }
}

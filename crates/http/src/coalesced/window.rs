//! The window of a layer: requests that it alone answers (H42), and the bytes of its pages (H45).

use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::body::Body;
use crate::coalesced::Coalesced;
use crate::coalesced::answer::Answer;
use crate::coalesced::inner::Inner;
use crate::coalesced::stale::StalePage;
use crate::key::Key;
use crate::room::Room;
use crate::served::Served;

impl<H, E> Coalesced<H, E> {
    /// Returns the bytes of the pages that the layer retains, bodies and fields.
    ///
    /// They are at most those given to [`max_retained_bytes`](crate::CoalesceLayer::max_retained_bytes). Without that
    /// setting they are not counted, and the result is 0. Does not block.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .max_retained_bytes(1 << 20)
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// assert_eq!(pages.retained_bytes(), 5);
    /// pages.forget_all();
    /// assert_eq!(pages.retained_bytes(), 0);
    /// ```
    #[must_use]
    pub fn retained_bytes(&self) -> u64 {
        self.inner.budget.as_ref().map_or(0, |budget| budget.used())
    }
}

impl<H, E> Inner<H, E> {
    /// Answers a request that wants what the window has, if that is younger than this.
    pub(super) fn answer_from_window(
        &self,
        key: &Key,
        younger_than: Option<Duration>,
        request: &HeaderMap,
    ) -> Answer {
        let found = self.flights.peek(key);
        let found = found.filter(|found| younger_than.is_none_or(|bound| found.age < bound));
        let answer = found.as_ref().and_then(|found| {
            let Some(stale) = StalePage::of(found) else {
                return Some(Answer::of_page(found, self.window));
            };
            if !stale.is_served_at_once() || !self.gates.accepts_stale(request, stale.past()) {
                return None;
            }
            self.counters.count_stale();
            Some(stale.answer(Duration::ZERO))
        });
        self.counters.count_only_if_cached(answer.is_some());
        answer.unwrap_or_else(|| {
            self.counters.count_refused();
            Answer::refused(not_cached(), Served::not_kept())
        })
    }

    /// Takes room for a page of this many bytes, if there is some. Drops pages whose time is over if there is none.
    pub(super) fn room(&self, bytes: u64) -> Option<Room> {
        let Some(budget) = &self.budget else { return Some(Room::default()) };
        let room = budget.take(bytes);
        if room.is_some() || !budget.could_take(bytes) {
            return room;
        }
        self.flights.purge_expired();
        let room = budget.take(bytes);
        if room.is_some() || !budget.begins_search() {
            return room;
        }
        let (pages, dropped) = self.flights.purge_unserved();
        budget.has_searched(pages, dropped > 0);
        budget.take(bytes)
    }
}

/// The response for a request whose page the window does not have (RFC 9111, 5.2.1.7).
fn not_cached() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! Requests for a page that was not shared lately: they wait for nothing (H51, H52).

use std::cell::Cell;

use http::{Request, Response};

use crate::body::Body;
use crate::coalesced::answer::{Answer, Answered};
use crate::coalesced::inner::Inner;
use crate::key::Key;
use crate::served_role::ServedReason;
use crate::verdict::PassThrough;

thread_local! {
    static IS_PASSING: Cell<bool> = const { Cell::new(false) };
}

/// A handler that runs on this thread for a request that is passed through in this way.
///
/// If it calls its own page, that call is not passed through again, and again. It goes to the flights, which refuse the
/// call after that one.
struct Passing;

impl Passing {
    fn begin() -> Self {
        IS_PASSING.set(true);
        Self
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        IS_PASSING.set(false);
    }
}

impl<H, E> Inner<H, E> {
    /// Returns `true` if a request of this key would wait for a page that it does not get.
    pub(super) fn waits_in_vain(&self, key: &Key) -> bool {
        self.flights.is_unshared(key) && !IS_PASSING.get()
    }

    /// Runs the handler for a request of a key that is remembered. Its response tells if the key still is.
    pub(super) fn pass_remembered<B, R>(&self, key: &Key, request: Request<B>) -> Answered<E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let reason = PassThrough::Remembered;
        self.counters.count_passed_through(reason);
        let passing = Passing::begin();
        let response = self.run_own(request, ServedReason::PassThrough(reason))?;
        let (parts, body) = response.into_parts();
        drop(passing);
        let verdict = self.gates.response(key, &parts, body.len());
        self.flights.note(key, parts.status, &parts.headers, verdict);
        Ok(Answer::passed_through(Response::from_parts(parts, body), reason))
    }

    /// Judges a response whose handler ran between two hooks. Nobody sees its body.
    pub(super) fn judge_head<R>(&self, key: &Key, response: Response<R>) -> Response<R> {
        let (parts, body) = response.into_parts();
        let verdict = self.gates.response(key, &parts, Some(0));
        self.flights.note_head(key, parts.status, &parts.headers, verdict);
        Response::from_parts(parts, body)
    }
}

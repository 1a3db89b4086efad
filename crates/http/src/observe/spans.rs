//! Spans and events for `tracing`.
//!
//! | | name | fields |
//! |---|---|---|
//! | span | `coalescer_http.run`: a run of the handler that no other request shares | `name`, `method`, `path`, `reason`, `result` (`ok`, `error`, `panic`), `status` |
//! | event | `a response is not shared`, within the span of its run | `name`, `key`, `verdict` (`unshared`, `unkept`), `reason` |
//!
//! The runs that others share have the spans of coalescer. No query is shown, as it may be a secret (H9). The subscriber is the
//! user's code: each of its methods is called alone, and a panic ends there.

use http::{Method, StatusCode};
use tracing::{Level, Span, event, field, span};

use super::contain;
use crate::key::Key;
use crate::served_role::ServedReason;
use crate::verdict::ResponseVerdict;

/// The target of all spans and events, for filters.
const TARGET: &str = "coalescer_http";

/// The span of a run, while the handler runs. If it is dropped without an end, the handler has panicked.
pub(crate) struct OwnRun {
    span: Option<Span>,
    has_entered: bool,
    has_ended: bool,
}

/// True if a subscriber can be interested. It runs no user code.
fn may_be_heard() -> bool {
    Level::DEBUG <= tracing::level_filters::STATIC_MAX_LEVEL
        && Level::DEBUG <= tracing::level_filters::LevelFilter::current()
}

impl OwnRun {
    /// Opens and enters the span of a run that is about to begin.
    pub(crate) fn begin(
        name: Option<&str>,
        (method, path): (&Method, &str),
        reason: ServedReason,
    ) -> Self {
        let mut run = Self { span: None, has_entered: false, has_ended: false };
        if may_be_heard() {
            contain(|| {
                let span = span!(
                    target: TARGET,
                    Level::DEBUG,
                    "coalescer_http.run",
                    name,
                    method = method.as_str(),
                    path,
                    reason = reason.as_str(),
                    result = field::Empty,
                    status = field::Empty,
                );
                run.span = Some(span).filter(|span| !span.is_disabled());
            });
            let mut has_entered = false;
            run.tell(|span| {
                span.with_subscriber(|(id, subscriber)| {
                    subscriber.enter(id);
                    has_entered = true;
                });
            });
            run.has_entered = has_entered;
        }
        run
    }

    /// Leaves the span when the handler has returned. An error has no status.
    pub(crate) fn end(mut self, status: Option<StatusCode>) {
        self.has_ended = true;
        self.tell(|span| {
            span.record("result", if status.is_some() { "ok" } else { "error" });
        });
        if let Some(status) = status {
            self.tell(|span| {
                span.record("status", status.as_u16());
            });
        }
    }

    fn tell(&self, what: impl FnOnce(&Span)) {
        if let Some(span) = &self.span {
            contain(|| what(span));
        }
    }
}

impl Drop for OwnRun {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tell(|span| {
                span.record("result", "panic");
            });
        }
        if self.has_entered {
            self.tell(|span| {
                span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
            });
        }
        let span = self.span.take();
        contain(|| drop(span));
    }
}

/// Tells why a response is not for others, or not for later requests.
pub(crate) fn tell_response(name: Option<&str>, key: &Key, verdict: ResponseVerdict) {
    let Some(reason) = ServedReason::of_verdict(verdict).filter(|_| may_be_heard()) else { return };
    let verdict = match verdict {
        ResponseVerdict::Unshared(_) => "unshared",
        _ => "unkept",
    };
    contain(|| {
        event!(
            target: TARGET,
            Level::DEBUG,
            name,
            key = field::display(key),
            verdict,
            reason = reason.as_str(),
            "a response is not shared",
        );
    });
}

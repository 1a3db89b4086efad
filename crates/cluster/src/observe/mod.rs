//! For operators: how long the steps take, and a span for each question and publication.

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "tracing")]
mod spans;

use std::time::Duration;

#[cfg(feature = "tracing")]
pub(crate) use spans::Span;

/// A step, as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Ping,
    Claim,
    Publish,
    Release,
    Renew,
    Forget,
    Discard,
    Confirm,
    Listening,
    Fetch,
    Wait,
}

impl Step {
    #[cfg(feature = "metrics")]
    const fn word(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Claim => "claim",
            Self::Publish => "publish",
            Self::Release => "release",
            Self::Renew => "renew",
            Self::Forget => "forget",
            Self::Discard => "discard",
            Self::Confirm => "confirm",
            Self::Listening => "listening",
            Self::Fetch => "fetch",
            Self::Wait => "wait",
        }
    }
}

/// Tells if the time of steps is recorded.
pub(crate) fn records_steps() -> bool {
    #[cfg(feature = "metrics")]
    return metrics::is_enabled();
    #[cfg(not(feature = "metrics"))]
    false
}

/// A step has taken so long, whether it failed or not.
pub(crate) fn took(step: Step, time: Duration) {
    #[cfg(feature = "metrics")]
    metrics::took(step.word(), time);
    #[cfg(not(feature = "metrics"))]
    let _ = (step, time);
}

/// Without the feature `tracing`, there are no spans.
#[cfg(not(feature = "tracing"))]
pub(crate) struct Span;

#[cfg(not(feature = "tracing"))]
impl Span {
    pub(crate) fn of_question(_: &str) -> Self {
        Self
    }

    pub(crate) fn of_publication(_: &str) -> Self {
        Self
    }

    pub(crate) fn waits_for(&self, _: &str) {}

    pub(crate) fn ends(&self, _: &'static str) {}
}

//! The words of a question: what a call asks, and the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::shared::Moment;

use crate::engine::{FlightId, Limits, Token};
use crate::health::Reason;

use super::ear::Hearing;
use super::leads::Place;

/// The question of a call.
pub(super) struct Terms<'a> {
    pub(super) place: &'a Place,
    /// The table keeps copies of what other processes made.
    pub(super) copies: bool,
    pub(super) limits: Limits,
    /// Older results are too old.
    pub(super) not_before: Option<Moment>,
    /// The call accepts no flight that began before it asked.
    pub(super) is_fresh: bool,
    pub(super) waits: bool,
    pub(super) deadline: Option<Instant>,
    /// Then the call runs its own function.
    pub(super) gives_up: Option<Instant>,
    /// The flight whose outcome this process has used up.
    pub(super) used_up: Option<FlightId>,
    /// The time by the clock of the table.
    pub(super) moment: &'a dyn Fn() -> Moment,
    /// Lets calls of this process join the flight, or not. Returns true if one has joined.
    pub(super) door: &'a dyn Fn(bool) -> bool,
}

/// The begin of a flight, by the clock of the table.
#[derive(Clone, Copy)]
pub(super) struct Begin {
    /// Not later than it was, if the clock is not younger.
    pub(super) at: Moment,
    /// The clock of the table is younger by so much. What the flight made has that much less time to live.
    pub(super) earlier: Duration,
}

impl Begin {
    /// The begin of a flight that was so old at that moment.
    pub(super) fn reckoned(moment: Moment, age: Duration) -> Self {
        let at = moment.before(age);
        Self { at, earlier: age.saturating_sub(moment.since(at)) }
    }

    /// The same for a flight that did not begin before this moment.
    pub(super) fn not_before(self, limit: Moment) -> Self {
        if self.at >= limit { self } else { Self { at: limit, earlier: Duration::ZERO } }
    }
}

/// The answer.
pub(super) enum Reply {
    Lead(Leads),
    Outcome(Outcome),
    Panicked { text: Arc<str>, began: Begin, is_late: bool },
    Alone(Reason),
    TimedOut,
    WouldBlock,
}

impl Reply {
    /// The word for spans.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Lead(_) => "lead",
            Self::Outcome(_) => "served",
            Self::Panicked { .. } => "panicked",
            Self::Alone(_) => "alone",
            Self::TimedOut => "timed_out",
            Self::WouldBlock => "would_block",
        }
    }
}

/// A lead of this process.
pub(super) struct Leads {
    pub(super) token: Token,
    pub(super) flight: FlightId,
    pub(super) began: Begin,
    /// The process has heard everything since before the claim was sent. `None`: a copy could not be taken back.
    pub(super) hearing: Option<Hearing>,
}

/// An outcome of another process.
pub(super) struct Outcome {
    pub(super) bytes: Arc<[u8]>,
    pub(super) flight: FlightId,
    pub(super) began: Begin,
    /// It is a result in its window, and not the end of a flight that the call waited for.
    pub(super) is_hit: bool,
    /// This process may keep a copy.
    pub(super) keep: bool,
    /// The engine keeps it until its window ends. So it was published before that.
    pub(super) is_kept: bool,
    /// It is not for calls that came after the question.
    pub(super) is_late: bool,
}

/// The step that follows a wait.
pub(super) enum Next {
    Claim,
    Reply(Reply),
}

//! The calls that wait at a gate by a ticket, and how one of them begins an execution.
//!
//! ```text
//!            its job is handed over             the job begins, and an execution is due
//!   Idle ───────────────────────────▶ Trying ───────────────────────────────────────────▶ Left
//!    ▲                                  │ │ the job is lost: rejected, or dropped           ▲
//!    └──────────────────────────────────┘ └─────────────────────────────────────────────────┘
//!      the job begins, and none is due
//! ```
//!
//! A call with a thread claims an execution and runs it. A ticket needs a job for that, and the job may
//! stand in a queue, or be lost. So a ticket claims when its job begins, and until then it is a
//! *candidate*: it counts as waiting, and a call with a thread may claim the execution before it.
//!
//! A status is read and written under the gate's lock.

use std::sync::Arc;

use super::contain::contain;
use crate::sync::{LockedCell, unique_number};

/// A ticket's place among the calls of a flight, with a function of its own.
pub(crate) trait GateSeat: Send + Sync {
    fn status(&self) -> &SeatStatus;

    /// True if [`flight_has_ended`](Self::flight_has_ended) answers the job of this call, at which a
    /// thread can wait.
    fn answers_a_job(&self) -> bool;

    /// Called when the gate has closed. Hands the seat's own job over if the outcome is not for it.
    fn flight_has_ended(&self);

    /// Has the calls made that the thread which closed the gate does not make itself, of this flight's
    /// seats. Called under no lock.
    fn pass_on(&self, rest: Rest);

    /// Hands the seat's job over, which begins the flight. Called for a candidate, under no lock.
    /// Returns the seats that are to begin a flight after that: the job may have run or been lost.
    fn begin_flight(self: Arc<Self>) -> Seats;

    /// Tells the call of a candidate that its job is lost, as if the executor had dropped it. Called under
    /// no lock. Returns the seats that are to begin a flight after that.
    fn lose_flight(self: Arc<Self>) -> Seats;
}

/// Callbacks of a closed gate that are still to be made.
pub(crate) type Rest = Box<dyn FnOnce() + Send>;

/// Seats that are to begin a flight each.
#[must_use = "no other call begins these flights"]
#[derive(Default)]
pub(crate) struct Seats(Vec<Arc<dyn GateSeat>>);

impl Seats {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, seat: Option<Arc<dyn GateSeat>>) {
        self.0.extend(seat);
    }

    pub(crate) fn append(&mut self, mut more: Self) {
        self.0.append(&mut more.0);
    }

    /// Hands the job of each seat over, one after the other and not one within the other, however many
    /// of them are lost. The caller holds no lock, and has published its own outcome.
    pub(crate) fn begin(mut self) {
        while let Some(seat) = self.0.pop() {
            contain(|| self.0.extend(seat.begin_flight().0));
        }
    }

    /// Loses the job of each seat, where none can be handed over. The caller holds no lock.
    pub(crate) fn lose(mut self) {
        while let Some(seat) = self.0.pop() {
            contain(|| self.0.extend(seat.lose_flight().0));
        }
    }
}

pub(crate) struct SeatStatus(LockedCell);

const IDLE: u64 = 0;
const TRYING: u64 = 1;
const LEFT: u64 = 2;

impl SeatStatus {
    pub(crate) fn idle() -> Self {
        Self(LockedCell::new(IDLE))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.get() == IDLE
    }

    /// True if its job is on its way.
    pub(super) fn is_trying(&self) -> bool {
        self.0.get() == TRYING
    }

    pub(super) fn has_left(&self) -> bool {
        self.0.get() == LEFT
    }
}

impl std::fmt::Debug for SeatStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeatStatus")
    }
}

/// The numbers of a seat's callbacks at the gate: its own, and the one to call with its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeatNumbers {
    pub(crate) seat: u64,
    pub(crate) done: u64,
}

impl SeatNumbers {
    pub(crate) fn unique() -> Self {
        Self { seat: unique_number(), done: unique_number() }
    }
}

/// The way of a candidate, when its job begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidacy {
    /// An execution is due: the candidate may claim it.
    Due,
    /// No execution is due. The ticket waits on in its seat.
    Waits,
    /// The flight has ended, or the call has left its seat.
    Over,
}

/// How a call counts as waiting at a gate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Standing<'s> {
    /// For as long as its thread waits.
    Call,
    /// For as long as its ticket lives.
    Seat(&'s SeatStatus),
    /// Not at all: it waits for its own job.
    Job,
    /// Not at all: it waits for its own job, and until it must begin that itself.
    Opener,
}

impl SeatStatus {
    pub(super) fn set_idle(&self) {
        self.0.set(IDLE);
    }

    pub(super) fn set_trying(&self) {
        self.0.set(TRYING);
    }

    pub(super) fn set_left(&self) {
        self.0.set(LEFT);
    }
}

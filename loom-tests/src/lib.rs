//! The parts of the models of coalescer: the explorer, a stage with a group on it, and the checker's
//! own threads.
//!
//! A model is a test with two to four threads. It asserts what must hold in every order of their
//! steps, and it names the endings that it can have. [`Model::explore`] goes through the orders and
//! fails unless it has seen each of these endings and no other: a model that never reaches the case in
//! its name would prove nothing.
//!
//! ```text
//!            --cfg loom                         --cfg shuttle
//! explorer   every order, up to a number of     random orders, for a while
//!            preemptions or without a bound
//! threads    at most five                       any number
//! time       the manual clock                   the manual clock
//! ```
//!
//! The counters and results of a model are std's, which the checker does not see. So they add no
//! states. They are exact, as the threads of a model run one at a time.
//!
//! This package is empty without one of the two flags.

#![cfg(any(loom, shuttle))]

mod explore;
mod latch;
mod stage;

pub use explore::{Model, Seen};
pub use latch::Latch;
pub use stage::{Answer, Failure, Hash, Stage, TICK, quietly_panics, settings};

/// The checker: loom or shuttle.
pub mod checker {
    #[cfg(loom)]
    pub use loom::{sync, thread};
    #[cfg(shuttle)]
    pub use shuttle::{sync, thread};
}

//! What the models of coalescer are made of: the explorer, a stage to play on, and the checker's
//! own threads.
//!
//! A model is a test that says what two to four threads do, what must hold in every order in which
//! they can do it, and by which names its endings go. [`Model::explore`] goes through the orders and
//! fails unless it has seen each of those endings and no other: a model that never gets where its
//! name says it does would prove nothing.
//!
//! ```text
//!            --cfg loom                         --cfg shuttle
//! explorer   every order, up to a number of     orders by chance, for a while
//!            preemptions or without a bound
//! threads    at most five                       any number
//! time       the manual clock                   the manual clock
//! ```
//!
//! The counters and results of a model are std's, which the checker does not see. So they cost no
//! states, and they are exact: threads of a model run one at a time.
//!
//! Without one of the two flags this package is empty.

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

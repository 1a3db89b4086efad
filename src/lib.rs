//! Request coalescing for blocking threads.
mod builder;
mod clock;
mod coalescer;
mod deadlock;
mod error;
mod flight;
mod forget;
mod gate;
mod group;
mod in_flight;
mod key;
mod order;
mod outcome;
mod publish;
mod retention;
mod rules;
mod shard;
mod slot;
mod stats;
mod sync;
mod table;

use std::time::Duration;

pub use builder::{Builder, ForCoalescer, ForGroup, ShareAll, ShareIfFn, SharePolicy};
pub use clock::ManualClock;
pub use coalescer::Coalescer;
pub use error::Error;
pub use group::Group;
pub use hashbrown::DefaultHashBuilder;
pub use in_flight::InFlight;
pub use key::{Equivalent, ToKey};
pub use outcome::{Outcome, Role};
pub use rules::OnDeadlock;
pub use stats::Stats;

/// The window of a [`Coalescer`] unless its builder says otherwise: 100 ms.
pub const DEFAULT_WINDOW: Duration = Duration::from_millis(100);

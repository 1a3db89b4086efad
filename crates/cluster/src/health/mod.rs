//! The breaker, which decides if the engine is asked, and the numbers that operators see.

mod breaker;
mod counters;
mod guarded;
mod stats;

pub use breaker::{Breaker, Health, Permit};
pub use counters::Counters;
pub(crate) use counters::Reason;
pub use guarded::{Guarded, Unasked};
pub use stats::{AloneCalls, ClusterStats, EngineErrors};

//! The breaker, which decides if the engine is asked, and the numbers that operators see.

mod breaker;
mod counters;
mod guarded;

pub use breaker::{Breaker, Health};
pub use counters::{ClusterStats, Counters, EngineErrors};
pub use guarded::{Guarded, Unasked};

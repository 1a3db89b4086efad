//! Whether the engine is asked, and what operators see of it.

mod breaker;
mod counters;
mod guarded;

pub use breaker::{Breaker, Health};
pub use counters::{ClusterStats, Counters, EngineErrors};
pub use guarded::{Guarded, Unasked};

//! The adapters, one for each contender.

pub mod coalescer;
pub mod moka;
pub mod quick_cache;
pub mod singleflight;

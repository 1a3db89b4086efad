//! The adapters, one file each, as short as the contender lets them be.

mod cached;
pub mod coalescer;
mod dashmap;
pub mod moka;
pub mod quick_cache;
pub mod singleflight;
mod std_map;

pub use cached::Cached;
pub use coalescer::{ByGroup, Coalescer};
pub use dashmap::DashMap;
pub use moka::Moka;
pub use quick_cache::QuickCache;
pub use singleflight::Singleflight;
pub use std_map::StdMap;

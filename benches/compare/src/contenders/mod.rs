//! The adapters, one file each, as short as the contender lets them be.

mod cached;
mod coalescer;
mod dashmap;
mod group;
mod moka;
mod quick_cache;
mod singleflight;
mod std_map;

pub use cached::Cached;
pub use coalescer::Coalescer;
pub use dashmap::DashMap;
pub use group::ByGroup;
pub use moka::Moka;
pub use quick_cache::QuickCache;
pub use singleflight::Singleflight;
pub use std_map::StdMap;

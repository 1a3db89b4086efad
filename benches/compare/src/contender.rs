//! What a scenario knows of a contender: how to make one, and how to ask it for a key's value.
//!
//! Everything is generic, so that a lane measures the contender and no virtual calls of ours.

use std::sync::Arc;
use std::time::Duration;

use crate::contenders::{
    ByGroup, Cached, Coalescer, DashMap, Moka, QuickCache, Singleflight, StdMap,
};

/// The function that is coalesced.
pub trait Load: Fn(u64) -> u64 + Send + Sync + 'static {}

impl<F: Fn(u64) -> u64 + Send + Sync + 'static> Load for F {}

/// How a scenario wants a contender set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How long a result is served; zero keeps nothing.
    pub window: Duration,
    /// How many keys live at once; only contenders that must be given a capacity look at it.
    pub keys: usize,
}

/// The window that keeps results for as long as any lane runs.
pub const LONG: Duration = Duration::from_secs(3600);

/// The window that the library has unless it is told otherwise.
pub const WINDOW: Duration = Duration::from_millis(100);

/// One that takes part.
pub trait Contender {
    /// Its name in raw lines and tables.
    const NAME: &'static str;
    /// Whether a function may ask for another key while it runs; not if locks are held meanwhile.
    const NESTS: bool = true;
    /// What it is with this function.
    type Peer<L: Load>: Peer;
    /// A fresh one; `None` where it cannot be set up so.
    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>>;
}

/// A contender and its function, ready to be called from any thread.
///
/// All answer with an `Arc`, as for values that are larger than the `u64` in it.
pub trait Peer: Send + Sync + 'static {
    /// The value of this key, shared with others or computed.
    fn call(&self, key: u64) -> Arc<u64>;
}

/// Something that can be done with any contender.
pub trait Measure {
    /// What comes of it.
    type Output;
    /// Does it with this one.
    fn with<C: Contender>(&self) -> Self::Output;
}

/// The bare operation that no contender can go below.
pub const FLOOR: &str = "floor";
/// What the lines about the machine itself bear in place of a contender.
pub const MACHINE: &str = "machine";
/// golang.org/x/sync/singleflight, which runs in a program of its own.
pub const GO: &str = "Go singleflight";

/// All that run from Rust, this library first.
pub const NAMES: [&str; 8] = [
    Coalescer::NAME,
    ByGroup::NAME,
    Moka::NAME,
    QuickCache::NAME,
    DashMap::NAME,
    StdMap::NAME,
    Singleflight::NAME,
    Cached::NAME,
];

/// Does it with the contender of this name; `None` if there is none.
pub fn with<M: Measure>(name: &str, measure: &M) -> Option<M::Output> {
    Some(match name {
        Coalescer::NAME => measure.with::<Coalescer>(),
        ByGroup::NAME => measure.with::<ByGroup>(),
        Moka::NAME => measure.with::<Moka>(),
        QuickCache::NAME => measure.with::<QuickCache>(),
        DashMap::NAME => measure.with::<DashMap>(),
        StdMap::NAME => measure.with::<StdMap>(),
        Singleflight::NAME => measure.with::<Singleflight>(),
        Cached::NAME => measure.with::<Cached>(),
        _ => return None,
    })
}

//! The two interfaces of a contender: one for measurements, and one for observing its behaviour.
//!
//! [`Contender`] and [`Peer`] are for measurements. They are generic, so that a lane measures the
//! contender without virtual calls. With [`Watched`], each call brings its function, which may fail or
//! panic. Each file of [`contenders`](crate::contenders) has both, where the crate has both.

use std::hash::{BuildHasher, Hasher};
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

/// The library's default window.
pub const WINDOW: Duration = Duration::from_millis(100);

/// One that takes part.
pub trait Contender {
    /// Its name in raw lines and tables.
    const NAME: &'static str;
    /// True if a function may ask for another key while it runs; false if a lock is held by then.
    const NESTS: bool = true;
    /// The contender with this function.
    type Peer<L: Load>: Peer;
    /// A fresh one; `None` where it cannot be set up so.
    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>>;
}

/// A contender and its function, ready to be called from any thread.
///
/// All return an `Arc`, as for values that are larger than the `u64` in it.
pub trait Peer: Send + Sync + 'static {
    /// The value of this key, shared with others or computed.
    fn call(&self, key: u64) -> Arc<u64>;
}

/// Something that can be done with any contender.
pub trait Measure {
    type Output;
    fn with<C: Contender>(&self) -> Self::Output;
}

/// The bare operation that no contender can go below.
pub const FLOOR: &str = "floor";
/// The lane of figures about the machine itself.
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

/// The function that a watched call brings. `Fn`, because one of the peers asks for it.
pub type Run<'a> = &'a dyn Fn() -> Result<u64, Failure>;

/// The error of a function that fails.
#[derive(Clone, Debug)]
pub struct Failure;

/// The end of a watched call. The caller's thread sees a panic or a hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Value(u64),
    /// The function's error, this call's own or a shared one.
    Failed,
    /// The contender's own error: the leader's function panicked.
    LeaderPanicked,
    /// The contender's own error: the wait would never have ended.
    WouldDeadlock,
    /// The contender's own error: the deadline came first.
    TimedOut,
    /// Any other error of the contender's own.
    Other,
}

/// A contender to be watched; `None` where it has no such API.
pub trait Watched: Send + Sync {
    /// The value of this key. Runs `f` unless another call runs it.
    fn load(&self, key: u32, f: Run<'_>) -> Answer;

    /// As `load`, but waits for another call's `f` at most this long.
    fn load_for(&self, key: u32, timeout: Duration, f: Run<'_>) -> Option<Answer> {
        let _ = (key, timeout, f);
        None
    }

    /// Forgets this key, running or kept.
    fn forget(&self, key: u32) -> Option<()> {
        let _ = key;
        None
    }
}

/// How a situation wants a contender set up.
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    /// As it comes; where results are kept only on request, none are.
    Plain,
    /// Results are kept until they are forgotten.
    Keeping,
    /// All keys have the same hash.
    EqualHashes,
    /// Results are kept for this long.
    Window(Duration),
    /// A leader that takes this long is given up.
    LeaderTimeout(Duration),
}

/// A hasher that gives every key the same hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Same;

impl Hasher for Same {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _: &[u8]) {}
}

impl BuildHasher for Same {
    type Hasher = Same;

    fn build_hasher(&self) -> Same {
        Same
    }
}

//! What a scenario knows of a contender: how to ask it for a key's value, and little else.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::peers::{coalescer, moka, quick_cache, singleflight};

/// The function that a call brings along. `Fn`, because one of the peers asks for it.
pub type Load<'a> = &'a dyn Fn() -> Result<u64, Failure>;

/// The error of a function that fails.
#[derive(Clone, Debug)]
pub struct Failure;

/// What a call came back with. That it panicked or did not come back is the crew's to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A value.
    Value(u64),
    /// The function's error, this call's own or a shared one.
    Failed,
    /// The contender's own error: the leader's function panicked.
    LeaderPanicked,
    /// The contender's own error: waiting would never have ended.
    WouldDeadlock,
    /// The contender's own error: the deadline came first.
    TimedOut,
    /// Any other error of the contender's own.
    Other,
}

/// What a contender does, as far as all of them can; `None` where it has no such API.
pub trait Peer: Send + Sync {
    /// The value of this key; runs `f` if nobody else does.
    fn load(&self, key: u32, f: Load<'_>) -> Answer;

    /// As `load`, but waits for somebody else's `f` at most this long.
    fn load_for(&self, key: u32, timeout: Duration, f: Load<'_>) -> Option<Answer> {
        let _ = (key, timeout, f);
        None
    }

    /// Forgets what is known of this key, running or kept.
    fn forget(&self, key: u32) -> Option<()> {
        let _ = key;
        None
    }
}

/// How a scenario wants a contender set up.
#[derive(Clone, Copy, Debug)]
pub enum Setup {
    /// As it comes; where results are kept only on request, none are.
    Plain,
    /// Results are kept until they are forgotten.
    Keeping,
    /// All keys have the same hash.
    EqualHashes,
    /// Results are kept for this long.
    Window(Duration),
    /// A leader that takes this long is given up on.
    LeaderTimeout(Duration),
}

/// One column of the table that is run from Rust.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The crate's name.
    pub name: &'static str,
    /// A fresh one; `None` where it cannot be set up so.
    pub make: fn(Setup) -> Option<Arc<dyn Peer>>,
}

/// This library.
pub const COALESCER: Contender = Contender { name: "coalescer", make: coalescer::make };
/// The cache, by `try_get_with`.
pub const MOKA: Contender = Contender { name: "moka", make: moka::make };
/// The cache, by `get_or_insert_with`.
pub const QUICK_CACHE: Contender = Contender { name: "quick_cache", make: quick_cache::make };
/// The port of Go's package, by `work`.
pub const SINGLEFLIGHT: Contender = Contender { name: "singleflight", make: singleflight::make };

/// All that run from Rust, in the table's order.
pub const ALL: [Contender; 4] = [COALESCER, MOKA, QUICK_CACHE, SINGLEFLIGHT];

impl Contender {
    /// A fresh one as it comes.
    ///
    /// # Panics
    ///
    /// Never: every contender can be had as it comes.
    pub fn plain(&self) -> Arc<dyn Peer> {
        (self.make)(Setup::Plain).expect("every contender can be had as it comes")
    }

    /// A fresh one that is set up so, or as it comes if it cannot be.
    pub fn at_best(&self, setup: Setup) -> Arc<dyn Peer> {
        (self.make)(setup).unwrap_or_else(|| self.plain())
    }

    /// The version that was built, as Cargo's lock file has it.
    pub fn version(&self) -> &'static str {
        let lock = include_str!("../../../Cargo.lock");
        let head = format!("name = \"{}\"\nversion = \"", self.name);
        let version = lock.split_once(&head).map(|(_, rest)| rest);
        version.and_then(|rest| rest.split('"').next()).unwrap_or("?")
    }
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

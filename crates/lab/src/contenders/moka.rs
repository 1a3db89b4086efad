//! moka: `sync::Cache::try_get_with`, the one of its verbs that knows errors.
//!
//! A window is its time to live, which counts from the end of the function. Without a window the
//! call that ran the function invalidates the key when it is back.

use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::Arc;

use moka::sync::Cache;

use crate::contender::{Answer, Contender, Load, Peer, Run, Same, Setup, Watched, Wish};

/// `try_get_with`.
#[derive(Debug)]
pub enum Moka {}

/// The cache and its function.
#[derive(Debug)]
pub struct WithMoka<L> {
    cache: Cache<u64, Arc<u64>>,
    keeps: bool,
    load: L,
}

impl Contender for Moka {
    const NAME: &'static str = "moka";
    type Peer<L: Load> = WithMoka<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        let keeps = !setup.window.is_zero();
        let builder = Cache::builder();
        let builder = if keeps { builder.time_to_live(setup.window) } else { builder };
        Some(WithMoka { cache: builder.build(), keeps, load })
    }
}

impl<L: Load> Peer for WithMoka<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        let mut led = false;
        let answer = self.cache.try_get_with(key, || {
            led = true;
            Ok::<_, Infallible>(Arc::new((self.load)(key)))
        });
        if led && !self.keeps {
            self.cache.invalidate(&key);
        }
        answer.expect("the function does not fail")
    }
}

/// Far more than any situation has keys, so that nothing is evicted.
const ROOM: u64 = 1000;

/// A cache that is set up so.
pub fn watched(wish: Wish) -> Option<Arc<dyn Watched>> {
    let builder = Cache::<u32, u64>::builder().max_capacity(ROOM);
    Some(match wish {
        Wish::Plain | Wish::Keeping => Arc::new(builder.build()),
        Wish::EqualHashes => Arc::new(builder.build_with_hasher(Same)),
        Wish::Window(window) => Arc::new(builder.time_to_live(window).build()),
        Wish::LeaderTimeout(_) => return None,
    })
}

impl<S: BuildHasher + Clone + Send + Sync + 'static> Watched for Cache<u32, u64, S> {
    fn load(&self, key: u32, f: Run<'_>) -> Answer {
        self.try_get_with(key, f).map_or(Answer::Failed, Answer::Value)
    }

    fn forget(&self, key: u32) -> Option<()> {
        self.invalidate(&key);
        Some(())
    }
}

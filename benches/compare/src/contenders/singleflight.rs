//! `singleflight`: `Group::work`.
//!
//! Its keys are strings, so the adapter makes one of each number. It has no window.

use std::sync::Arc;

use singleflight::Group;

use crate::contender::{Contender, Load, Peer, Setup};

/// `work`.
#[derive(Debug)]
pub enum Singleflight {}

/// The group and its function.
pub struct WithSingleflight<L> {
    group: Group<Arc<u64>>,
    load: L,
}

impl Contender for Singleflight {
    const NAME: &'static str = "singleflight";
    const NESTS: bool = false;
    type Peer<L: Load> = WithSingleflight<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        setup.window.is_zero().then(|| WithSingleflight { group: Group::new(), load })
    }
}

impl<L: Load> Peer for WithSingleflight<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        self.group.work(&key.to_string(), || Arc::new((self.load)(key)))
    }
}

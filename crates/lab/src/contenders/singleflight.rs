//! `singleflight`: `Group::work`.
//!
//! Its keys are strings, so the adapter makes one of each number. It has no window.

use std::sync::Arc;

use singleflight::Group;

use crate::contender::{Answer, Contender, Failure, Load, Peer, Run, Setup, Watched, Wish};

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

/// A group that is set up so: it has no settings.
pub fn watched(wish: Wish) -> Option<Arc<dyn Watched>> {
    matches!(wish, Wish::Plain).then(|| Arc::new(Group::new()) as Arc<dyn Watched>)
}

impl Watched for Group<Result<u64, Failure>> {
    fn load(&self, key: u32, f: Run<'_>) -> Answer {
        self.work(&key.to_string(), f).map_or(Answer::Failed, Answer::Value)
    }
}

//! This library: `Group::execute`, where each call brings its function.

use std::convert::Infallible;
use std::sync::Arc;

use coalescer::Group;

use crate::contender::{Contender, Load, Peer, Setup};

/// `Group::execute`.
#[derive(Debug)]
pub enum ByGroup {}

/// A group, and the function that every call brings.
#[derive(Debug)]
pub struct WithGroup<L> {
    group: Group<u64, u64, Infallible>,
    load: L,
}

impl Contender for ByGroup {
    const NAME: &'static str = "coalescer (Group)";
    type Peer<L: Load> = WithGroup<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        Some(WithGroup { group: Group::builder().window(setup.window).build(), load })
    }
}

impl<L: Load> Peer for WithGroup<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        let answer = self.group.execute(&key, || Ok((self.load)(key)));
        answer.expect("the function neither fails nor panics")
    }
}

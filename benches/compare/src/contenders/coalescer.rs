//! This library: `Coalescer::execute`.

use std::convert::Infallible;
use std::sync::Arc;

use crate::contender::{Contender, Load, Peer, Setup};

/// `Coalescer::execute`.
#[derive(Debug)]
pub enum Coalescer {}

impl Contender for Coalescer {
    const NAME: &'static str = "coalescer";
    type Peer<L: Load> = coalescer::Coalescer<u64, u64, Infallible>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        let builder = coalescer::Coalescer::builder().window(setup.window);
        Some(builder.build(move |key: &u64| Ok(load(*key))))
    }
}

impl Peer for coalescer::Coalescer<u64, u64, Infallible> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        self.execute(&key).expect("the function neither fails nor panics")
    }
}

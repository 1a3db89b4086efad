//! `cached`: functions with the attribute `cached` and `sync_writes = "by_key"`.
//!
//! It coalesces only with a window, and the window must be known at compile time. The store is a
//! static, so a process has one store for each window.

use std::sync::Arc;

use cached::macros::cached;

use crate::contender::{Contender, LONG, Load, Peer, Setup, WINDOW};

/// Functions with the attribute.
#[derive(Debug)]
pub enum Cached {}

/// The function, and which of the attributed ones it goes through.
#[derive(Debug)]
pub struct WithCached<L> {
    by: By,
    load: L,
}

#[derive(Debug)]
enum By {
    Window,
    Long,
}

impl Contender for Cached {
    const NAME: &'static str = "cached";
    const NESTS: bool = false;
    type Peer<L: Load> = WithCached<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        let by = match setup.window {
            WINDOW => By::Window,
            LONG => By::Long,
            _ => return None,
        };
        Some(WithCached { by, load })
    }
}

#[cached(key = "u64", convert = { key }, ttl_millis = 100, sync_writes = "by_key")]
fn by_window(key: u64, load: &dyn Fn(u64) -> u64) -> Arc<u64> {
    Arc::new(load(key))
}

#[cached(key = "u64", convert = { key }, ttl_secs = 3600, sync_writes = "by_key")]
fn by_long(key: u64, load: &dyn Fn(u64) -> u64) -> Arc<u64> {
    Arc::new(load(key))
}

impl<L: Load> Peer for WithCached<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        match self.by {
            By::Window => by_window(key, &self.load),
            By::Long => by_long(key, &self.load),
        }
    }
}

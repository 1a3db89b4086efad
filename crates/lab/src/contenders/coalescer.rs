//! This library: `Coalescer::execute`, and `Group::execute`, where each call brings its function.

use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Error, Group, Settings};

use crate::contender::{Answer, Contender, Failure, Load, Peer, Run, Same, Setup, Watched, Wish};

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
        let result = self.group.execute(&key, || Ok((self.load)(key)));
        result.expect("the function neither fails nor panics")
    }
}

/// The default settings.
pub fn settings() -> Settings {
    Settings::new()
}

pub type Numbers = coalescer::Coalescer<u64, u64, ()>;

/// A coalescer whose function costs nothing and returns the key.
pub fn numbers(settings: Settings) -> Numbers {
    coalescer::Coalescer::builder().settings(settings).build(|key| Ok(*key))
}

/// A group that is set up so.
pub fn watched(wish: Wish) -> Option<Arc<dyn Watched>> {
    let builder = Group::builder();
    Some(match wish {
        Wish::Plain => Arc::new(builder.build()),
        Wish::Keeping => Arc::new(builder.window(Duration::MAX).build()),
        Wish::EqualHashes => Arc::new(builder.hasher(Same).build()),
        Wish::Window(window) => Arc::new(builder.window(window).build()),
        Wish::LeaderTimeout(timeout) => Arc::new(builder.leader_timeout(timeout).build()),
    })
}

impl<S: BuildHasher + Send + Sync> Watched for Group<u32, u64, Failure, S> {
    fn load(&self, key: u32, f: Run<'_>) -> Answer {
        answer(self.execute(&key, f))
    }

    fn load_for(&self, key: u32, timeout: Duration, f: Run<'_>) -> Option<Answer> {
        Some(answer(self.execute_timeout(&key, timeout, f)))
    }

    fn forget(&self, key: u32) -> Option<()> {
        Group::forget(self, &key);
        Some(())
    }
}

fn answer(result: Result<Arc<u64>, Error<Failure>>) -> Answer {
    match result {
        Ok(value) => Answer::Value(*value),
        Err(Error::Failed(_)) => Answer::Failed,
        Err(Error::LeaderPanicked { .. }) => Answer::LeaderPanicked,
        Err(Error::WouldDeadlock) => Answer::WouldDeadlock,
        Err(Error::TimedOut) => Answer::TimedOut,
        Err(_) => Answer::Other,
    }
}

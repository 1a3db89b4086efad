//! coalescer, as a `Group`: like its peers, it is given the function with the call.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Error, Group};

use crate::contender::{Answer, Failure, Load, Peer, Same, Setup};

type Flights<S> = Group<u32, u64, Failure, S>;

/// A group that is set up so.
pub fn make(setup: Setup) -> Option<Arc<dyn Peer>> {
    let builder = Group::builder();
    Some(match setup {
        Setup::Plain => Arc::new(builder.build()),
        Setup::Keeping => Arc::new(builder.window(Duration::MAX).build()),
        Setup::EqualHashes => Arc::new(builder.hasher(Same).build()),
        Setup::Window(window) => Arc::new(builder.window(window).build()),
        Setup::LeaderTimeout(timeout) => Arc::new(builder.leader_timeout(timeout).build()),
    })
}

impl<S: BuildHasher + Send + Sync> Peer for Flights<S> {
    fn load(&self, key: u32, f: Load<'_>) -> Answer {
        answer(self.execute(&key, f))
    }

    fn load_for(&self, key: u32, timeout: Duration, f: Load<'_>) -> Option<Answer> {
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

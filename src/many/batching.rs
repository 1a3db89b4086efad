//! [`Batching`]: the settings of a batcher.

use std::time::Duration;

use crate::many::collector::Gathering;

/// How a batcher runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// How many keys one run has at most.
    pub(crate) max_batch: usize,
    /// How the calls of one key run together, if they do.
    pub(crate) gathers: Option<Gathering>,
}

impl Batching {
    /// Each call runs for itself.
    pub(crate) const ALONE: Self = Self { max_batch: usize::MAX, gathers: None };

    /// Panics if calls could take over from one that gathers.
    #[track_caller]
    pub(crate) fn assert_that_it_fits(&self, leader_timeout: Option<Duration>) {
        let (Some(gathers), Some(timeout)) = (self.gathers, leader_timeout) else { return };
        let (Gathering::WhileBusy(delay) | Gathering::For(delay)) = gathers;
        let delay = Duration::from_nanos(delay);
        assert!(
            delay < timeout,
            "gather_while_busy or gather_for ({delay:?}): the leader_timeout of {timeout:?} is over by then, and another \
             call would take over; use a shorter time, or a longer leader_timeout"
        );
    }
}

//! The settings of a program for a reference machine, and a builder that has them.
//!
//! Times are whole milliseconds and small, so that windows end on the very millisecond of a call.

use std::time::Duration;

use coalescer::{Builder, ManualClock, OnDeadlock};

pub(crate) type KeyId = u8;

/// Milliseconds on the manual clock.
pub(crate) type Millis = u64;

/// Longer than any program.
pub(crate) const ENDLESS: Millis = Millis::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) window: Millis,
    pub(crate) error_window: Millis,
    pub(crate) refresh_after: Option<Millis>,
    pub(crate) max_requests: Option<usize>,
    pub(crate) max_join_age: Option<Millis>,
    pub(crate) leader_timeout: Option<Millis>,
    pub(crate) max_leaders: usize,
    pub(crate) max_wait: Option<Millis>,
    pub(crate) max_retained: Option<usize>,
    pub(crate) has_rule: bool,
    pub(crate) bypasses_deadlocks: bool,
    pub(crate) shards: usize,
}

pub(crate) fn duration(millis: Millis) -> Duration {
    match millis {
        ENDLESS => Duration::MAX,
        _ => Duration::from_millis(millis),
    }
}

impl Settings {
    /// The builder with all of them but the rule.
    pub(crate) fn on<T, K, V>(
        &self,
        builder: Builder<T, K, V>,
        clock: &ManualClock,
    ) -> Builder<T, K, V> {
        let mut builder = builder
            .window(duration(self.window))
            .error_window(duration(self.error_window))
            .max_leaders(self.max_leaders)
            .shards(self.shards)
            .clock(clock.clone());
        if let Some(age) = self.refresh_after {
            builder = builder.refresh_after(duration(age));
        }
        if let Some(max) = self.max_requests {
            builder = builder.max_requests(max);
        }
        if let Some(age) = self.max_join_age {
            builder = builder.max_join_age(duration(age));
        }
        if let Some(timeout) = self.leader_timeout {
            builder = builder.leader_timeout(duration(timeout));
        }
        if let Some(wait) = self.max_wait {
            builder = builder.max_wait(duration(wait));
        }
        if let Some(max) = self.max_retained {
            builder = builder.max_retained(max);
        }
        if self.bypasses_deadlocks {
            builder = builder.on_deadlock(OnDeadlock::Bypass);
        }
        builder
    }
}

//! [`Rules`]: the settings of a table, in the form that the engine decides with.

use std::time::Duration;

use crate::settings::{OnDeadlock, Settings};
use crate::wait::clock::{FOREVER, Nanos, nanos};

/// The kind of a result. It selects the window, and the expiry queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    Error,
}

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) window: Nanos,
    /// The age at which a value is due to be refreshed; [`FOREVER`] if none is.
    pub(crate) refresh_after: Nanos,
    /// How long a value serves calls that look for nothing else: until it is due or its window ends.
    // Beside the next one, so that a hit finds one of the two by the kind.
    undue_for: Nanos,
    pub(crate) error_window: Nanos,
    /// True if a refresh runs on the executor, and its caller is served the old value.
    pub(crate) refreshes_in_background: bool,
    /// True if the function sees the value that its run would replace.
    pub(crate) sees_old: bool,
    /// [`u32::MAX`] if there is no limit.
    pub(crate) max_requests: u32,
    /// [`FOREVER`] if a flight can be joined at any age.
    pub(crate) max_join_age: Nanos,
    /// [`FOREVER`] if no call takes over.
    pub(crate) leader_timeout: Nanos,
    pub(crate) max_leaders: usize,
    /// [`usize::MAX`] if there is no limit.
    pub(crate) max_followers: usize,
    /// [`FOREVER`] if there is no hook for slow flights.
    pub(crate) slow_after: Nanos,
    pub(crate) max_wait: Nanos,
    pub(crate) max_retained: Option<u64>,
    pub(crate) on_deadlock: OnDeadlock,
}

impl Rules {
    /// The rules of these settings. A flight is slow from the age `slow_after` on.
    pub(crate) fn new(settings: &Settings, slow_after: Option<Duration>) -> Self {
        let bound = |duration: Option<Duration>| duration.map_or(FOREVER, nanos);
        let (window, refresh_after) = (nanos(settings.window), bound(settings.refresh_after));
        Self {
            window,
            error_window: nanos(settings.error_window),
            refresh_after,
            undue_for: window.min(refresh_after),
            refreshes_in_background: false,
            sees_old: false,
            max_requests: settings.max_requests.unwrap_or(u32::MAX),
            max_join_age: bound(settings.max_join_age),
            leader_timeout: bound(settings.leader_timeout),
            max_leaders: settings.max_leaders,
            max_followers: settings.max_followers.unwrap_or(usize::MAX),
            slow_after: bound(slow_after),
            max_wait: bound(settings.max_wait),
            max_retained: settings.max_retained,
            on_deadlock: settings.on_deadlock,
        }
    }

    /// True if some window keeps results.
    #[inline]
    pub(crate) fn keeps_any(&self) -> bool {
        self.window > 0 || self.error_window > 0
    }

    /// True if a rule depends on the age of a flight. If none does, the start of a flight serves only
    /// the reports to operators.
    pub(crate) fn counts_from_start(&self) -> bool {
        self.keeps_any()
            || self.leader_timeout != FOREVER
            || self.max_join_age != FOREVER
            || self.slow_after != FOREVER
    }

    /// How long a result serves calls before a refresh of it is due.
    #[inline]
    pub(crate) fn undue_for(&self, kind: Kind) -> Nanos {
        match kind {
            Kind::Value => self.undue_for,
            Kind::Error => self.error_window,
        }
    }

    #[inline]
    pub(crate) fn window_of(&self, kind: Kind) -> Nanos {
        match kind {
            Kind::Value => self.window,
            Kind::Error => self.error_window,
        }
    }
}

//! [`Settings`]: the settings of a coalescer or a group, as one plain value.
//!
//! Each setting has a line in the table below, and a documented setter. [`Builder`] forwards to the
//! setters, [`Manager`](crate::Manager) compares settings by the table, and the engine decides with
//! [`Rules`](crate::engine::rules::Rules).
//!
//! [`Builder`]: crate::Builder

mod limits;
mod refresh;
mod setters;

use std::time::Duration;

use crate::executor::Chosen;
use crate::wait::clock::Clock;
use crate::wait::manual_clock::ManualClock;

/// The window of a [`Coalescer`](crate::Coalescer) unless its builder says otherwise: 100 ms.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer::DEFAULT_WINDOW.as_millis(), 100);
/// ```
pub const DEFAULT_WINDOW: Duration = Duration::from_millis(100);

/// The default number of shards. They take 24 KiB for each coalescer. Even with two threads on
/// different keys, they are twice as fast as one lock.
const SHARDS: usize = 64;

/// The most shards that a table can have. More would cost memory and gain nothing.
const MOST_SHARDS: usize = 1 << 16;

/// The action of a call that would otherwise wait for itself, directly or over other threads.
///
/// # Examples
///
/// A function that calls its own key, and gets an answer of its own instead of an error:
///
/// ```
/// use coalescer::{Group, OnDeadlock};
///
/// let group: Group<u32, u32, ()> =
///     Group::builder().on_deadlock(OnDeadlock::Bypass).build();
/// let outer = group.execute(&1, || {
///     let inner = group.execute(&1, || Ok(20)).expect("ran on its own, unshared");
///     Ok(*inner + 1)
/// });
/// assert_eq!(*outer.unwrap(), 21);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnDeadlock {
    /// The call gets [`Error::WouldDeadlock`](crate::Error::WouldDeadlock) at once.
    #[default]
    Refuse,
    /// The call runs its own function on its own thread, and shares nothing.
    ///
    /// A function that always calls its own key then recurses until the stack overflows. A
    /// [`Ticket`](crate::Ticket) that leads has no function left to run, so its waits are refused in
    /// this mode too.
    Bypass,
    /// Nothing is looked for: a call that would wait for itself waits, until its deadline or
    /// [`max_wait`](crate::Builder::max_wait) or forever.
    ///
    /// Detection takes one thread for one call: from its beginning to its return, a call stays on its
    /// thread, and the thread runs nothing but that call and what it calls. Servers of coroutines
    /// (`may`, for example) move calls between threads and interleave many on one. There, unrelated calls
    /// would be refused. Set this mode, and set `max_wait`.
    ///
    /// The mode concerns the waits of this coalescer. A cycle that passes through one of them is not
    /// detected by other coalescers either.
    Ignore,
}

/// The clock that a coalescer reads.
#[derive(Clone, Debug)]
pub(crate) enum ClockChoice {
    System,
    PreciseSystem,
    Manual(ManualClock),
}

impl ClockChoice {
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    pub(crate) fn clock(&self) -> Clock {
        match self {
            Self::System => Clock::system(),
            Self::PreciseSystem => Clock::precise_system(),
            Self::Manual(clock) => Clock::Manual(clock.clone()),
        }
    }
}

impl PartialEq for ClockChoice {
    /// Two manual clocks are equal if they are handles of one clock.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::System, Self::System) | (Self::PreciseSystem, Self::PreciseSystem) => true,
            (Self::Manual(one), Self::Manual(other)) => one.is(other),
            (Self::System | Self::PreciseSystem | Self::Manual(_), _) => false,
        }
    }
}

/// Makes the struct, its defaults, and the comparison that names the setting.
macro_rules! table {
    ($($name:ident: $ty:ty = $default:expr;)+) => {
        /// The settings of a [`Coalescer`](crate::Coalescer) or a [`Group`](crate::Group), as one
        /// value.
        ///
        /// Use it where several coalescers share settings: a program's defaults, a
        /// [`Manager`](crate::Manager), a configuration. For one coalescer, the
        /// [`Builder`](crate::Builder) has the same setters. It also has those that depend on the
        /// types of keys and values (`share_if`, `share_with`, `on_slow`, `hasher`) and the `name`.
        ///
        /// Every setting has a default. A setter panics for a value that makes no sense. The panic
        /// names the setting and the alternative.
        ///
        /// Two values are equal if all settings are. Executors are equal if they are of one type,
        /// and manual clocks if they are handles of one clock.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use coalescer::{Coalescer, Settings};
        ///
        /// let defaults = Settings::new()
        ///     .window(Duration::from_millis(20))
        ///     .max_wait(Duration::from_secs(5));
        ///
        /// let squares = Coalescer::builder()
        ///     .settings(defaults.clone())
        ///     .name("squares")
        ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
        /// assert_eq!(*squares.execute(&7).unwrap(), 49);
        ///
        /// assert_ne!(defaults, defaults.clone().max_requests(100));
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[must_use = "settings do nothing until a builder or a manager has them"]
        pub struct Settings {
            $(pub(crate) $name: $ty,)+
        }

        impl Settings {
            /// The defaults: a window of 100 ms ([`DEFAULT_WINDOW`](crate::DEFAULT_WINDOW)) and no
            /// limits.
            ///
            /// # Examples
            ///
            /// ```
            /// use coalescer::{DEFAULT_WINDOW, Settings};
            ///
            /// assert_eq!(Settings::new(), Settings::default());
            /// assert_eq!(Settings::new(), Settings::new().window(DEFAULT_WINDOW));
            /// ```
            pub fn new() -> Self {
                Self { $($name: $default,)+ }
            }

            /// The first setting in which the two differ, by the name of its setter.
            pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
                $(if self.$name != other.$name {
                    return Some(self.setter(other, stringify!($name)));
                })+
                None
            }
        }
    };
}

table! {
    window: Duration = DEFAULT_WINDOW;
    error_window: Duration = Duration::ZERO;
    refresh_after: Option<Duration> = None;
    max_requests: Option<u32> = None;
    max_join_age: Option<Duration> = None;
    leader_timeout: Option<Duration> = None;
    max_leaders: usize = 2;
    max_followers: Option<usize> = None;
    max_wait: Option<Duration> = None;
    max_retained: Option<u64> = None;
    on_deadlock: OnDeadlock = OnDeadlock::Refuse;
    clock: ClockChoice = ClockChoice::System;
    shards: usize = SHARDS;
    executor: Option<Chosen> = None;
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// The name of the setter that differs, given the field's name: two setters set the clock.
    fn setter(&self, other: &Self, name: &'static str) -> &'static str {
        match name {
            "clock" if !self.clock.is_manual() && !other.clock.is_manual() => "precise_clock",
            _ => name,
        }
    }

    /// The length of the window that these settings have.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{DEFAULT_WINDOW, Settings};
    ///
    /// assert_eq!(Settings::new().get_window(), DEFAULT_WINDOW);
    /// ```
    #[must_use]
    pub fn get_window(&self) -> Duration {
        self.window
    }

    /// The limit of kept results that these settings have, if they have one.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Settings;
    ///
    /// assert_eq!(Settings::new().get_max_retained(), None);
    /// assert_eq!(Settings::new().max_retained(256).get_max_retained(), Some(256));
    /// ```
    #[must_use]
    pub fn get_max_retained(&self) -> Option<usize> {
        self.max_retained.map(|max| usize::try_from(max).unwrap_or(usize::MAX))
    }

    /// The bound on the wait of a call that these settings have, if they have one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Settings;
    ///
    /// assert_eq!(Settings::new().get_max_wait(), None);
    /// let bounded = Settings::new().max_wait(Duration::from_secs(5));
    /// assert_eq!(bounded.get_max_wait(), Some(Duration::from_secs(5)));
    /// ```
    #[must_use]
    pub fn get_max_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// The clock that these settings have from [`clock`](Self::clock). `None` if it is the system's.
    ///
    /// Code beside a coalescer can measure its own times with it, so that a test moves both.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{ManualClock, Settings};
    ///
    /// let clock = ManualClock::new();
    /// let settings = Settings::new().clock(clock.clone());
    /// assert_eq!(settings.get_clock().map(ManualClock::now), Some(clock.now()));
    /// assert!(Settings::new().get_clock().is_none());
    /// ```
    #[must_use]
    pub fn get_clock(&self) -> Option<&ManualClock> {
        match &self.clock {
            ClockChoice::System | ClockChoice::PreciseSystem => None,
            ClockChoice::Manual(clock) => Some(clock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precise_clock_makes_a_clock_whose_readings_are_all_precise() {
        let clock = Settings::new().precise_clock().clock.clock();
        let before = clock.now();
        assert_eq!(clock.refine(before), before, "a reading is taken again");
    }
}

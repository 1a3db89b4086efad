//! [`Settings`]: the settings of a layer's flights, as one value.

use std::time::Duration;

use coalescer::{Builder, DEFAULT_WINDOW, ForGroup, Group, ManualClock, OnDeadlock};

use crate::clock::Clock;
use crate::layer::DEFAULT_MAX_RETAINED;

/// The settings of a layer's flights; [`CoalesceLayer::settings`](crate::CoalesceLayer::settings)
/// takes them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_http::{CoalesceLayer, Settings};
///
/// let settings = Settings::new()
///     .window(Duration::from_millis(250))
///     .max_wait(Duration::from_secs(20));
/// let layer = CoalesceLayer::new().settings(settings.clone());
/// # let _ = layer;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "settings do nothing until a layer takes them"]
pub struct Settings {
    window: Option<Duration>,
    max_retained: Option<usize>,
    max_requests: Option<usize>,
    max_join_age: Option<Duration>,
    max_wait: Option<Duration>,
    leader_timeout: Option<Duration>,
    max_leaders: Option<usize>,
    on_deadlock: OnDeadlock,
    clock: Option<ManualClock>,
}

/// Makes a setter for each field, of the same name and meaning as the builder's.
macro_rules! setters {
    ($($name:ident: $value:ty,)+) => {
        $(
            #[doc = concat!("Sets [`Builder::", stringify!($name), "`].")]
            pub fn $name(mut self, $name: $value) -> Self {
                self.$name = Some($name);
                self
            }
        )+

        /// A builder with these settings. Their order is that of the fields.
        fn apply<K, V>(&self, mut builder: Builder<ForGroup, K, V>) -> Builder<ForGroup, K, V> {
            $(
                if let Some(value) = self.$name.clone() {
                    builder = builder.$name(value);
                }
            )+
            builder
        }
    };
}

impl Settings {
    /// The defaults: a window of 100 ms, and no other bound.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        window: Duration,
        max_retained: usize,
        max_requests: usize,
        max_join_age: Duration,
        max_wait: Duration,
        leader_timeout: Duration,
        max_leaders: usize,
        clock: ManualClock,
    }

    /// Sets [`Builder::on_deadlock`].
    pub fn on_deadlock(mut self, on_deadlock: OnDeadlock) -> Self {
        self.on_deadlock = on_deadlock;
        self
    }

    pub(crate) fn window_or_default(&self) -> Duration {
        self.window.unwrap_or(DEFAULT_WINDOW)
    }

    pub(crate) fn clock_or_system(&self) -> Clock {
        self.clock.clone().map_or(Clock::System, Clock::Manual)
    }

    /// A builder with these settings and the layer's own defaults.
    pub(crate) fn builder<K, V>(&self) -> Builder<ForGroup, K, V> {
        let defaults = Group::builder().window(DEFAULT_WINDOW).max_retained(DEFAULT_MAX_RETAINED);
        self.apply(defaults).on_deadlock(self.on_deadlock)
    }
}

//! [`OfGroup`]: the settings of a layer for its group.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Builder, ForGroup, Group, Settings, SlowFlight};

use crate::clock::Clock;
use crate::key::Key;
use crate::page::Page;
use crate::remembered::Remembered;

/// The hook for slow flights.
pub(crate) type SlowHook = Arc<dyn Fn(&SlowFlight<'_, Key>) + Send + Sync>;

/// The group's part of a layer's settings.
pub(crate) struct OfGroup {
    pub(crate) settings: Settings,
    pub(crate) name: Option<String>,
    pub(crate) on_slow: Option<(Duration, SlowHook)>,
}

impl OfGroup {
    pub(crate) fn remembered(&self) -> Remembered {
        Remembered::new(Clock::of(&self.settings))
    }

    pub(crate) fn builder(self) -> Builder<ForGroup, Key, Page, RandomState> {
        let Self { settings, name, on_slow } = self;
        let mut builder = Group::builder().settings(settings).hasher(RandomState::new());
        if let Some(name) = name {
            builder = builder.name(name);
        }
        if let Some((after, hook)) = on_slow {
            builder = builder.on_slow(after, move |slow: &SlowFlight<'_, Key>| hook(slow));
        }
        builder.share_with(Page::share_with)
    }
}

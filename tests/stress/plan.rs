//! The plan of a round: the settings of its group, and how its threads behave.

use std::time::Duration;

use coalescer::{Builder, ForGroup, Group, OnDeadlock};

use crate::product::{Key, Product, Sharing};
use crate::rng::Rng;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) keys: usize,
    pub(crate) settings: Settings,
    pub(crate) mix: Mix,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) window: Duration,
    pub(crate) error_window: Duration,
    pub(crate) max_requests: Option<usize>,
    pub(crate) max_join_age: Option<Duration>,
    pub(crate) leader_timeout: Option<Duration>,
    pub(crate) max_leaders: usize,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) max_retained: Option<usize>,
    pub(crate) has_rule: bool,
    pub(crate) on_deadlock: OnDeadlock,
    pub(crate) shards: usize,
}

/// How often threads do what, in percent, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    pub(crate) forgets: u64,
    pub(crate) fresh: u64,
    pub(crate) tries: u64,
    pub(crate) timeouts: u64,
    pub(crate) errors: u64,
    pub(crate) panics: u64,
    pub(crate) private: u64,
    /// Values with a time of their own, if there is a rule.
    pub(crate) limited: u64,
    /// How often a function makes calls itself, and how deep that goes.
    pub(crate) nested: u64,
    pub(crate) depth: u32,
    /// Functions call greater keys only, so there are no cycles to refuse (S43).
    pub(crate) is_ordered: bool,
    /// The longest function and the longest timeout, in microseconds.
    pub(crate) longest: u64,
}

impl Plan {
    pub(crate) fn random(seed: u64) -> Self {
        let rng = Rng::new(seed);
        let plan = Self {
            seed,
            keys: rng.pick(&[1, 2, 3, 5, 16, 64]),
            settings: Settings::random(&rng),
            mix: Mix::random(&rng),
        };
        if seed % 3 == 0 { plan.into_exclusive() } else { plan }
    }

    /// Without what lets executions of one key run side by side. That is rare by chance alone.
    fn into_exclusive(mut self) -> Self {
        self.settings.max_requests = None;
        self.settings.max_join_age = None;
        self.settings.leader_timeout = None;
        self.settings.has_rule = false;
        self.settings.on_deadlock = OnDeadlock::Refuse;
        self.mix.forgets = 0;
        self
    }

    /// True if no setting lets two executions of a key run at a time (S1, S30).
    pub(crate) fn is_exclusive(&self) -> bool {
        let settings = &self.settings;
        settings.max_requests.is_none()
            && settings.max_join_age.is_none()
            && settings.leader_timeout.is_none()
            && !settings.has_rule
            && settings.on_deadlock == OnDeadlock::Refuse
            && self.mix.forgets == 0
    }

    pub(crate) fn group(&self) -> Group<Key, Product, Product> {
        let builder = self.settings.builder();
        match self.settings.has_rule {
            true => builder.share_with(Sharing::of).build(),
            false => builder.build(),
        }
    }
}

impl Settings {
    /// All of them except the rule about sharing, which depends on a type.
    pub(crate) fn builder<K, V>(&self) -> Builder<ForGroup, K, V> {
        let mut builder = Group::builder()
            .window(self.window)
            .error_window(self.error_window)
            .max_leaders(self.max_leaders)
            .on_deadlock(self.on_deadlock)
            .shards(self.shards);
        if let Some(max) = self.max_requests {
            builder = builder.max_requests(max);
        }
        if let Some(age) = self.max_join_age {
            builder = builder.max_join_age(age);
        }
        if let Some(timeout) = self.leader_timeout {
            builder = builder.leader_timeout(timeout);
        }
        if let Some(wait) = self.max_wait {
            builder = builder.max_wait(wait);
        }
        if let Some(max) = self.max_retained {
            builder = builder.max_retained(max);
        }
        builder
    }

    fn random(rng: &Rng) -> Self {
        const ZERO: Duration = Duration::ZERO;
        let micros = Duration::from_micros;
        let windows = [ZERO, ZERO, micros(100), micros(2_000), micros(20_000), Duration::MAX];
        let ages = [None, None, None, None, Some(ZERO), Some(micros(300)), Some(micros(2_000))];
        let takeovers = [None, None, None, Some(micros(200)), Some(micros(1_000))];
        Self {
            window: rng.pick(&windows),
            error_window: rng.pick(&[ZERO, ZERO, micros(500), micros(20_000), Duration::MAX]),
            max_requests: rng.pick(&[None, None, None, Some(1), Some(2), Some(3), Some(40)]),
            max_join_age: rng.pick(&ages),
            leader_timeout: rng.pick(&takeovers),
            max_leaders: rng.pick(&[1, 2, 2, 3]),
            max_wait: rng.pick(&[None, None, Some(micros(1_000))]),
            max_retained: rng.pick(&[None, None, None, Some(0), Some(1), Some(4)]),
            has_rule: rng.percent(40),
            on_deadlock: rng.pick(&[OnDeadlock::Refuse, OnDeadlock::Refuse, OnDeadlock::Bypass]),
            shards: rng.pick(&[1, 2, 64]),
        }
    }
}

impl Mix {
    fn random(rng: &Rng) -> Self {
        Self {
            forgets: rng.pick(&[0, 0, 2, 20]),
            fresh: rng.pick(&[0, 5, 40]),
            tries: rng.pick(&[0, 10, 10]),
            timeouts: rng.pick(&[0, 10, 40]),
            errors: rng.pick(&[0, 10, 50]),
            panics: rng.pick(&[0, 5, 20]),
            private: rng.pick(&[5, 30]),
            limited: rng.pick(&[5, 30]),
            nested: rng.pick(&[0, 20, 60]),
            depth: rng.pick(&[1, 2, 3]),
            is_ordered: rng.percent(50),
            longest: rng.pick(&[1, 50, 400, 2_000]),
        }
    }
}

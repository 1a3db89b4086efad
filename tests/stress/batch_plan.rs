//! The settings of a round of batchers, and the verbs that its calls take.

use std::time::Duration;

use coalescer::{Batcher, Builder, ForBatcher, OnDeadlock};

use crate::rng::Rng;

const MICRO: Duration = Duration::from_micros(1);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    window: Duration,
    refresh_after: Option<Duration>,
    gathers: Gathers,
    pub(crate) max_batch: usize,
    leader_timeout: Option<Duration>,
    max_requests: Option<usize>,
    on_deadlock: OnDeadlock,
    shards: usize,
    keeps_some: bool,
    pub(crate) forgets: bool,
    pub(crate) singles_only: bool,
    /// How often a function calls the batcher, in percent. Without such calls no call is refused (S142).
    pub(crate) nested: u64,
    /// How often a run fails, panics, or leaves a key open, in percent.
    pub(crate) troubles: u64,
}

#[derive(Clone, Copy, Debug)]
enum Gathers {
    No,
    WhileBusy(Duration),
    For(Duration),
}

/// How a call waits, and how old its value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Patient,
    Bounded,
    Fresh,
    Try,
}

impl Plan {
    pub(crate) fn random(rng: &Rng) -> Self {
        let windows = [Duration::ZERO, 200 * MICRO, 20_000 * MICRO];
        let gathers = [
            Gathers::No,
            Gathers::WhileBusy(200 * MICRO),
            Gathers::WhileBusy(2_000 * MICRO),
            Gathers::For(200 * MICRO),
        ];
        let window = rng.pick(&windows);
        let may_refresh = !window.is_zero() && rng.percent(70);
        // Half the rounds are such that no two runs of a key may overlap.
        let is_strict = rng.percent(50);
        Self {
            window,
            refresh_after: may_refresh.then_some(window / rng.pick(&[2, 10])),
            gathers: rng.pick(&gathers),
            max_batch: rng.pick(&[1, 4, 16, 1_000]),
            leader_timeout: rng.pick(&[None, Some(3_000 * MICRO)]).filter(|_| !is_strict),
            max_requests: rng.pick(&[None, Some(3)]).filter(|_| !is_strict),
            on_deadlock: match is_strict {
                true => OnDeadlock::Refuse,
                false => rng.pick(&[OnDeadlock::Refuse, OnDeadlock::Bypass]),
            },
            shards: rng.pick(&[1, 64]),
            keeps_some: !is_strict && rng.percent(30),
            forgets: !is_strict && rng.percent(30),
            singles_only: rng.percent(40),
            nested: rng.pick(&[0, 0, 30]),
            troubles: rng.pick(&[0, 10]),
        }
    }

    pub(crate) fn builder<V>(&self) -> Builder<ForBatcher, u64, V> {
        let mut builder = Batcher::builder()
            .window(self.window)
            .max_batch(self.max_batch)
            .on_deadlock(self.on_deadlock)
            .shards(self.shards);
        builder = match self.gathers {
            Gathers::No => builder,
            Gathers::WhileBusy(delay) => builder.gather_while_busy(delay),
            Gathers::For(delay) => builder.gather_for(delay),
        };
        if let Some(age) = self.refresh_after {
            builder = builder.refresh_after(age);
        }
        if let Some(timeout) = self.leader_timeout {
            builder = builder.leader_timeout(timeout);
        }
        if let Some(max) = self.max_requests {
            builder = builder.max_requests(max);
        }
        builder
    }

    /// True if a value of this key may be shared.
    pub(crate) fn shares(&self, key: u64) -> bool {
        !self.keeps_some || key % 7 != 0
    }

    /// True if the settings let two runs of one key overlap (S14, S28, S36, S40, S41).
    pub(crate) fn may_overlap(&self) -> bool {
        self.leader_timeout.is_some()
            || self.max_requests.is_some()
            || self.on_deadlock == OnDeadlock::Bypass
            || self.keeps_some
            || self.forgets
    }

    pub(crate) fn manner(rng: &Rng) -> Manner {
        let manners =
            [Manner::Patient, Manner::Patient, Manner::Bounded, Manner::Fresh, Manner::Try];
        rng.pick(&manners)
    }
}

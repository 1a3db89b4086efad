//! Settings as values: what a manager begins its coalescers with, and what it compares.

use std::any::TypeId;

use crate::builder::ClockChoice;
use crate::engine::rules::Rules;
use crate::executor::Chosen;

/// Everything that a builder says of a coalescer but its name and its hasher.
///
/// A hasher cannot be compared, but its type is a part of the coalescer's. Of a function that says
/// what may be shared, or is told what is slow, and of an executor, only the type can be.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) shards: usize,
    pub(crate) clock: ClockChoice,
    pub(crate) share_if: Option<TypeId>,
    pub(crate) on_slow: Option<TypeId>,
    pub(crate) executor: Option<Chosen>,
}

impl Settings {
    /// The first setting in which the two differ, by the name of its method.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        // Taken apart without `..`, so that a new setting is not forgotten here.
        let Self { rules, shards, clock, share_if, on_slow, executor } = self;
        let type_of = |executor: &Option<Chosen>| executor.as_ref().map(|chosen| chosen.ty);
        let others = [
            ("shards", *shards == other.shards),
            ("share_if", *share_if == other.share_if),
            ("on_slow", *on_slow == other.on_slow),
            ("executor", type_of(executor) == type_of(&other.executor)),
        ];
        let differing = others.into_iter().find(|(_, is_same)| !is_same);
        differs_in(rules, &other.rules)
            .or_else(|| clock.differs_in(&other.clock))
            .or(differing.map(|(name, _)| name))
    }
}

impl ClockChoice {
    fn differs_in(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::System, Self::System) | (Self::PreciseSystem, Self::PreciseSystem) => None,
            (Self::Manual(one), Self::Manual(other)) if one.is(other) => None,
            (Self::Manual(_), _) | (_, Self::Manual(_)) => Some("clock"),
            (Self::PreciseSystem, _) | (_, Self::PreciseSystem) => Some("precise_clock"),
        }
    }
}

fn differs_in(one: &Rules, other: &Rules) -> Option<&'static str> {
    let Rules {
        window,
        error_window,
        max_requests,
        max_join_age,
        leader_timeout,
        max_leaders,
        slow_after,
        max_wait,
        max_retained,
        on_deadlock,
    } = one;
    let same = [
        ("window", *window == other.window),
        ("error_window", *error_window == other.error_window),
        ("max_requests", *max_requests == other.max_requests),
        ("max_join_age", *max_join_age == other.max_join_age),
        ("leader_timeout", *leader_timeout == other.leader_timeout),
        ("max_leaders", *max_leaders == other.max_leaders),
        ("on_slow", *slow_after == other.slow_after),
        ("max_wait", *max_wait == other.max_wait),
        ("max_retained", *max_retained == other.max_retained),
        ("on_deadlock", *on_deadlock == other.on_deadlock),
    ];
    same.into_iter().find(|(_, is_same)| !is_same).map(|(name, _)| name)
}

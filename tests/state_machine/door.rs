//! The type under test, whichever it is: the verbs that all of them have.

use std::sync::Weak;

use coalescer::at_rest::{self, OfGroup};
use coalescer::{Coalescer, Group, InFlight, ManualClock, Stats};

use crate::product::{Key, KeyRef, Product, share_with};
use crate::script::{Settings, Subject};
use crate::stage::Stage;

pub(crate) type Handle = std::sync::Arc<Product>;

#[derive(Debug)]
pub(crate) enum Door {
    Group(Group<Key, Product, Product>),
    Coalescer(Coalescer<Key, Product, Product>),
}

/// The same call of either.
macro_rules! each {
    ($door:expr, $one:ident => $call:expr) => {
        match $door {
            Door::Group($one) => $call,
            Door::Coalescer($one) => $call,
        }
    };
}

impl Door {
    /// Its function does the step of `stage` that is under way.
    pub(crate) fn new(
        settings: &Settings,
        subject: Subject,
        clock: &ManualClock,
        stage: Weak<Stage>,
    ) -> Self {
        match subject {
            Subject::Group => Self::Group(group(settings, clock)),
            Subject::Coalescer => Self::Coalescer(coalescer(settings, clock, stage)),
        }
    }

    pub(crate) fn forget(&self, key: &KeyRef<'_>) -> bool {
        each!(self, door => door.forget(key))
    }

    pub(crate) fn forget_all(&self) -> usize {
        each!(self, door => door.forget_all())
    }

    pub(crate) fn forget_if(&self, fits: impl FnMut(&Key) -> bool) -> usize {
        each!(self, door => door.forget_if(fits))
    }

    pub(crate) fn peek(&self, key: &KeyRef<'_>) -> Option<Handle> {
        each!(self, door => door.peek(key))
    }

    pub(crate) fn insert(&self, key: &KeyRef<'_>, value: Product) -> Handle {
        each!(self, door => door.insert(key, value))
    }

    pub(crate) fn in_flight(&self) -> Vec<InFlight<Key>> {
        each!(self, door => door.in_flight())
    }

    pub(crate) fn stats(&self) -> Stats {
        each!(self, door => door.stats())
    }

    pub(crate) fn at_rest(&self) -> OfGroup {
        match self {
            Self::Group(group) => at_rest::of_group(group),
            Self::Coalescer(coalescer) => at_rest::of_coalescer(coalescer),
        }
    }
}

fn group(settings: &Settings, clock: &ManualClock) -> Group<Key, Product, Product> {
    let builder = settings.on(Group::builder(), clock);
    match settings.has_rule {
        true => builder.share_with(share_with).share_error_with(share_with).build(),
        false => builder.build(),
    }
}

fn coalescer(
    settings: &Settings,
    clock: &ManualClock,
    stage: Weak<Stage>,
) -> Coalescer<Key, Product, Product> {
    let builder = settings.on(Coalescer::builder(), clock);
    let load = move |_: &Key| Stage::of(&stage).run_planned();
    match settings.has_rule {
        true => builder.share_with(share_with).share_error_with(share_with).build(load),
        false => builder.build(load),
    }
}

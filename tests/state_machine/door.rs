//! The type under test, whichever it is: the verbs that all of them have.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use coalescer::at_rest::{self, OfGroup};
use coalescer::{
    Batch, Batcher, Builder, Coalescer, Group, InFlight, Job, MakesCoalescer, ManualClock,
    Refreshed, Stats,
};

use crate::product::{Key, KeyRef, Product, share_with};
use crate::script::{Settings, Subject};

pub(crate) type Handle = Arc<Product>;

/// The jobs that the executor keeps.
pub(crate) type Jobs = Arc<Mutex<VecDeque<Job>>>;

/// The function of a coalescer or of a batcher.
pub(crate) trait Functions: Send + Sync {
    /// The function of a coalescer, which sees the old value.
    fn run(&self, old: Option<&Handle>) -> Result<Refreshed<Product>, Product>;

    fn run_many(&self, batch: &mut Batch<'_, Key, Product, Product>) -> Result<(), Product>;
}

fn of(functions: &Weak<dyn Functions>) -> Arc<dyn Functions> {
    functions.upgrade().expect("a call is under way")
}

#[derive(Debug)]
pub(crate) enum Door {
    Group(Group<Key, Product, Product>),
    Coalescer(Coalescer<Key, Product, Product>),
    Batcher(Batcher<Key, Product, Product>),
}

/// The same call of each.
macro_rules! each {
    ($door:expr, $one:ident => $call:expr) => {
        match $door {
            Door::Group($one) => $call,
            Door::Coalescer($one) => $call,
            Door::Batcher($one) => $call,
        }
    };
}

impl Door {
    /// Its function is that of `functions`, except for a group.
    pub(crate) fn new(
        settings: &Settings,
        subject: Subject,
        (clock, jobs): (&ManualClock, &Jobs),
        functions: Weak<dyn Functions>,
    ) -> Self {
        match subject {
            Subject::Group => Self::Group(group(settings, clock)),
            Subject::Coalescer => Self::Coalescer(coalescer(settings, clock, functions)),
            Subject::Background { .. } => {
                Self::Coalescer(background(settings, subject, (clock, jobs), functions))
            }
            Subject::Batcher { .. } => Self::Batcher(batcher(settings, subject, clock, functions)),
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
            Self::Batcher(batcher) => at_rest::of_batcher(batcher),
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
    functions: Weak<dyn Functions>,
) -> Coalescer<Key, Product, Product> {
    let builder = settings.on(Coalescer::builder(), clock);
    let load = move |_: &Key| new_value(&functions);
    match settings.has_rule {
        true => builder.share_with(share_with).share_error_with(share_with).build(load),
        false => builder.build(load),
    }
}

fn background(
    settings: &Settings,
    subject: Subject,
    (clock, jobs): (&ManualClock, &Jobs),
    functions: Weak<dyn Functions>,
) -> Coalescer<Key, Product, Product> {
    let (sees_old, jobs) = (subject.sees_old(), Arc::clone(jobs));
    let builder = settings.on(Coalescer::builder(), clock).executor(move |job: Job| match subject
        .keeps_jobs()
    {
        true => jobs.lock().expect("nobody panics while it is locked").push_back(job),
        false => job.run(),
    });
    let is_refreshing = settings.refresh_after.is_some();
    match (settings.has_rule, is_refreshing) {
        (true, true) => {
            let builder = builder.share_with(share_with).share_error_with(share_with);
            refreshing(builder, sees_old, functions)
        }
        (false, true) => refreshing(builder, sees_old, functions),
        (true, false) => builder
            .share_with(share_with)
            .share_error_with(share_with)
            .build(move |_: &Key| new_value(&functions)),
        (false, false) => builder.build(move |_: &Key| new_value(&functions)),
    }
}

fn refreshing<T: MakesCoalescer<Product>>(
    builder: Builder<T, Key, Product>,
    sees_old: bool,
    functions: Weak<dyn Functions>,
) -> Coalescer<Key, Product, Product> {
    match sees_old {
        true => builder
            .build_refreshing_with(move |_: &Key, old: Option<&Handle>| of(&functions).run(old)),
        false => builder.build_refreshing(move |_: &Key| new_value(&functions)),
    }
}

/// The result of a function that sees no old value.
fn new_value(functions: &Weak<dyn Functions>) -> Result<Product, Product> {
    match of(functions).run(None)? {
        Refreshed::New(value) => Ok(value),
        Refreshed::Unchanged => unreachable!("there is no old value"),
    }
}

fn batcher(
    settings: &Settings,
    subject: Subject,
    clock: &ManualClock,
    functions: Weak<dyn Functions>,
) -> Batcher<Key, Product, Product> {
    let mut builder = settings.on(Batcher::builder(), clock).max_batch(subject.max_batch());
    if let Subject::Batcher { gathers_while_busy: true, .. } = subject {
        builder = builder.gather_while_busy(Duration::from_micros(1));
    }
    let load = move |batch: &mut Batch<'_, _, _, _>| of(&functions).run_many(batch);
    match settings.has_rule {
        true => builder.share_with(share_with).share_error_with(share_with).build_with(load),
        false => builder.build_with(load),
    }
}

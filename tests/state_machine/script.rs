//! The steps of a program, and the strategies that make programs.
//!
//! Times are whole milliseconds and small, and keys are few, so that windows end on the very
//! millisecond of a call and keys meet each other often.

use proptest::option;
use proptest::prelude::*;

use crate::settings::ENDLESS;
pub(crate) use crate::settings::{KeyId, Millis, Settings, duration};

/// The type whose calls a program makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Group,
    /// Its function does what the call under way brings.
    Coalescer,
    /// A coalescer that refreshes in the background. Its executor runs each job at once, or keeps it for a step.
    Background {
        sees_old: bool,
        keeps_jobs: bool,
    },
    /// Its function, too.
    Batcher {
        max_batch: Option<usize>,
        /// A thread that runs the function gathers nothing, so it changes no answer.
        gathers_while_busy: bool,
    },
}

impl Subject {
    pub(crate) fn sees_old(self) -> bool {
        matches!(self, Self::Background { sees_old: true, .. })
    }

    pub(crate) fn keeps_jobs(self) -> bool {
        matches!(self, Self::Background { keeps_jobs: true, .. })
    }

    pub(crate) fn max_batch(self) -> usize {
        match self {
            Self::Batcher { max_batch, .. } => max_batch.unwrap_or(usize::MAX),
            Self::Group | Self::Coalescer | Self::Background { .. } => usize::MAX,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Call(Call),
    Many(Many),
    Forget(KeyId),
    ForgetAll,
    /// Forgets the keys whose bits are set.
    ForgetIf(u8),
    Peek(KeyId),
    /// A value that the rule sees as this end, and which no function made.
    Insert(KeyId, End),
    Advance(Millis),
    /// Runs the job that the executor has kept for the longest time. Its function does what this call brings.
    RunJob(Call),
    DropJob,
    /// Reads `in_flight` and `stats`, also in the middle of a function.
    Look,
}

/// A call, and the function that it brings: the steps of `body`, and then its end.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) key: KeyId,
    pub(crate) body: Vec<Step>,
    pub(crate) end: End,
}

/// A call of many keys, and its function: the steps of `body`, an end for each key, and then its own end.
#[derive(Clone, Debug)]
pub(crate) struct Many {
    pub(crate) verb: Verb,
    /// The verb of a batcher for one key.
    pub(crate) is_single: bool,
    pub(crate) keys: Vec<KeyId>,
    pub(crate) body: Vec<Step>,
    /// For the keys of a run in turn. `None` leaves a key open.
    pub(crate) ends: Vec<Option<End>>,
    pub(crate) end: RunEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    Returns,
    Fails,
    Panics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Execute,
    Outcome,
    Try,
    Fresh,
    Timeout(Millis),
    Deadline(Millis),
    Within(Millis),
    Refresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Value,
    /// A value that the share rule gives to the leader only.
    Private,
    /// A value for followers only. On one thread there are none.
    Passing,
    /// A value that is for late calls for so long.
    Brief(Millis),
    /// The old value again, if the function sees one.
    Unchanged,
    Error,
    /// An error that is for late calls for so long.
    BriefError(Millis),
    Panic,
    /// A value at which the rule panics.
    HookPanic,
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let times = (windows(), windows(), option::of(0..4_u64), option::of(1..6_u64));
    let bounds = (option::of(1..5_usize), option::of(0..4_usize));
    let waits = (option::of(1..4_u64), option::of(0..4_u64));
    (times, bounds, waits, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(times, bounds, waits, has_rule, bypasses_deadlocks, is_sharded)| Settings {
            window: times.0,
            error_window: times.1,
            refresh_after: times.3.filter(|age| *age < times.0),
            max_join_age: times.2,
            max_requests: bounds.0,
            max_retained: bounds.1,
            leader_timeout: waits.0,
            max_leaders: crate::model::MAX_LEADERS,
            max_wait: waits.1,
            has_rule,
            bypasses_deadlocks,
            // Which of two results of one age has to make room may depend on their shards.
            shards: if is_sharded && bounds.1.is_none() { 8 } else { 1 },
        },
    )
}

fn windows() -> impl Strategy<Value = Millis> {
    prop_oneof![1 => Just(0), 5 => 1..8_u64, 1 => Just(ENDLESS)]
}

pub(crate) fn subject() -> impl Strategy<Value = Subject> {
    let batcher =
        (option::of(1..4_usize), any::<bool>()).prop_map(|(max_batch, gathers_while_busy)| {
            Subject::Batcher { max_batch, gathers_while_busy }
        });
    // The verbs of the steps are those of the subject, so it stays when they shrink.
    prop_oneof![
        3 => Just(Subject::Group),
        1 => Just(Subject::Coalescer),
        3 => any::<[bool; 2]>().prop_map(
            |[sees_old, keeps_jobs]| Subject::Background { sees_old, keeps_jobs }
        ),
        2 => batcher,
    ]
    .no_shrink()
}

/// A step whose functions call others at most `depth` levels deep.
pub(crate) fn step(subject: Subject, depth: u32) -> BoxedStrategy<Step> {
    prop_oneof![
        16 => asking(subject, depth),
        4 => (0..5_u64).prop_map(Step::Advance),
        2 => key().prop_map(Step::Forget),
        1 => Just(Step::ForgetAll),
        1 => (0..16_u8).prop_map(Step::ForgetIf),
        2 => key().prop_map(Step::Peek),
        2 => (key(), inserted()).prop_map(|(key, end)| Step::Insert(key, end)),
        1 => Just(Step::Look),
    ]
    .boxed()
}

fn asking(subject: Subject, depth: u32) -> BoxedStrategy<Step> {
    match subject {
        Subject::Group => prop_oneof![
            3 => call(verb(), subject, depth).prop_map(Step::Call),
            1 => many(Just((Verb::Execute, false)), subject, depth),
        ]
        .boxed(),
        Subject::Batcher { .. } => {
            let single = verb().prop_map(|verb| (verb, true));
            let verb = prop_oneof![3 => verb_of_many().prop_map(|verb| (verb, false)), 2 => single];
            many(verb, subject, depth).boxed()
        }
        Subject::Coalescer | Subject::Background { .. } => {
            let verb = prop_oneof![4 => verb(), 1 => Just(Verb::Refresh)];
            let call = |depth| call(verb.clone(), subject, depth);
            match subject.keeps_jobs() {
                true => prop_oneof![
                    4 => call(depth).prop_map(Step::Call),
                    2 => call(depth).prop_map(Step::RunJob),
                    1 => Just(Step::DropJob),
                ]
                .boxed(),
                false => call(depth).prop_map(Step::Call).boxed(),
            }
        }
    }
}

fn call(
    verb: impl Strategy<Value = Verb>,
    subject: Subject,
    depth: u32,
) -> impl Strategy<Value = Call> {
    (verb, key(), body(subject, depth), end()).prop_map(|(verb, key, body, end)| Call {
        verb,
        key,
        body,
        end,
    })
}

fn many(
    verb: impl Strategy<Value = (Verb, bool)>,
    subject: Subject,
    depth: u32,
) -> impl Strategy<Value = Step> {
    let keys = (key(), prop::collection::vec(key(), 0..5));
    let ends = prop::collection::vec(option::weighted(0.7, end()), 1..4);
    let own = prop_oneof![
        3 => Just(RunEnd::Returns),
        1 => Just(RunEnd::Fails),
        1 => Just(RunEnd::Panics),
    ];
    (verb, keys, body(subject, depth), ends, own).prop_map(
        |((verb, is_single), (key, keys), body, ends, end)| {
            let keys = if is_single { vec![key] } else { keys };
            Step::Many(Many { verb, is_single, keys, body, ends, end })
        },
    )
}

fn body(subject: Subject, depth: u32) -> BoxedStrategy<Vec<Step>> {
    if depth == 0 {
        let pause = (0..5_u64).prop_map(Step::Advance);
        return prop::collection::vec(pause, 0..2).boxed();
    }
    prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(step(subject, depth - 1), 1..4),
    ]
    .boxed()
}

fn key() -> impl Strategy<Value = KeyId> {
    0..4_u8
}

fn verb() -> impl Strategy<Value = Verb> + Clone {
    prop_oneof![
        2 => Just(Verb::Execute),
        4 => Just(Verb::Outcome),
        2 => Just(Verb::Try),
        2 => Just(Verb::Fresh),
        1 => (0..3_u64).prop_map(Verb::Timeout),
        1 => (0..3_u64).prop_map(Verb::Deadline),
        2 => (0..6_u64).prop_map(Verb::Within),
    ]
}

fn verb_of_many() -> impl Strategy<Value = Verb> {
    prop_oneof![
        3 => Just(Verb::Execute),
        2 => Just(Verb::Fresh),
        1 => (0..3_u64).prop_map(Verb::Timeout),
        1 => (0..3_u64).prop_map(Verb::Deadline),
    ]
}

fn inserted() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Value),
        1 => prop_oneof![Just(End::Private), Just(End::Passing)],
        2 => (0..4_u64).prop_map(End::Brief),
        1 => Just(End::HookPanic),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Value),
        2 => Just(End::Private),
        2 => Just(End::Passing),
        2 => (0..4_u64).prop_map(End::Brief),
        2 => Just(End::Unchanged),
        3 => Just(End::Error),
        1 => (0..4_u64).prop_map(End::BriefError),
        1 => Just(End::Panic),
        1 => Just(End::HookPanic),
    ]
}

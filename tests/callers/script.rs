//! The steps of a program, and the strategies that make programs.
//!
//! A step names a thread, a call or a ticket by a number, which is taken modulo how many there are.
//! Where there is none, the step does nothing. So every part of a program is a program, and proptest
//! can leave out any step.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) use crate::settings::{ENDLESS, KeyId, Millis, Settings, duration};

/// A choice among what there is when the step comes.
pub(crate) type Pick = usize;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A call on a new thread.
    Call(Verb, KeyId),
    /// A call by a function that runs.
    Nested(Pick, Verb, KeyId),
    /// A function that runs ends.
    End(Pick, End),
    Advance(Millis),
    Forget(KeyId),
    ForgetAll,
    /// Forgets the keys whose bits are set.
    ForgetIf(u8),
    Peek(KeyId),
    Insert(KeyId),
    /// A call whose job starts on a thread of its own at once.
    Submit(KeyId),
    /// A new thread waits with a ticket.
    Wait(Pick, Option<Millis>),
    /// A ticket that nobody waits with is dropped.
    Drop(Pick),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Execute,
    Try,
    Fresh,
    Timeout(Millis),
    /// With a value that is not older.
    Within(Millis),
}

impl Verb {
    /// True if it takes no value that is so old.
    pub(crate) fn refuses(self, age: Millis) -> bool {
        match self {
            Self::Fresh => true,
            Self::Within(oldest) => age > oldest,
            Self::Execute | Self::Try | Self::Timeout(_) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Value,
    /// A value that the share rule gives to the leader only.
    Private,
    /// A value for followers only.
    Passing,
    /// A value that is for late calls for so long.
    Brief(Millis),
    Error,
    /// An error that is for late calls for so long.
    BriefError(Millis),
    Panic,
    /// A value at which the rule panics.
    RulePanic,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) settings: Settings,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    (settings(), vec(step(), 1..40)).prop_map(|(settings, steps)| Program { settings, steps })
}

fn settings() -> impl Strategy<Value = Settings> {
    let windows = (window(), window(), option::weighted(0.3, 1..6_u64));
    let bounds = (option::weighted(0.3, 1..5_usize), option::weighted(0.3, 0..3_usize));
    let ages = (option::weighted(0.2, 0..4_u64), option::weighted(0.5, 1..4_u64), 1..4_usize);
    let waits = option::weighted(0.3, 0..5_u64);
    (windows, bounds, ages, waits, any::<bool>(), any::<bool>()).prop_map(
        |(windows, bounds, ages, max_wait, has_rule, bypasses_deadlocks)| Settings {
            window: windows.0,
            error_window: windows.1,
            refresh_after: windows.2.filter(|age| *age < windows.0),
            max_requests: bounds.0,
            max_retained: bounds.1,
            max_join_age: ages.0,
            leader_timeout: ages.1,
            max_leaders: ages.2,
            max_wait,
            has_rule,
            bypasses_deadlocks,
            shards: 1,
        },
    )
}

fn window() -> impl Strategy<Value = Millis> {
    prop_oneof![2 => Just(0), 3 => 1..8_u64, 1 => Just(ENDLESS)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (verb(), key()).prop_map(|(verb, key)| Step::Call(verb, key)),
        5 => (pick(), verb(), key()).prop_map(|(pick, verb, key)| Step::Nested(pick, verb, key)),
        10 => (pick(), end()).prop_map(|(pick, end)| Step::End(pick, end)),
        4 => (0..5_u64).prop_map(Step::Advance),
        2 => key().prop_map(Step::Forget),
        1 => Just(Step::ForgetAll),
        1 => (0..16_u8).prop_map(Step::ForgetIf),
        1 => key().prop_map(Step::Peek),
        2 => key().prop_map(Step::Insert),
        4 => key().prop_map(Step::Submit),
        3 => (pick(), option::of(0..4_u64)).prop_map(|(pick, wait)| Step::Wait(pick, wait)),
        1 => pick().prop_map(Step::Drop),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    0..16_usize
}

fn key() -> impl Strategy<Value = KeyId> {
    prop_oneof![4 => Just(0), 2 => Just(1), 1 => Just(2)]
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        6 => Just(Verb::Execute),
        1 => Just(Verb::Try),
        3 => Just(Verb::Fresh),
        2 => (0..4_u64).prop_map(Verb::Timeout),
        2 => (0..5_u64).prop_map(Verb::Within),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Value),
        1 => Just(End::Private),
        1 => Just(End::Passing),
        2 => (0..4_u64).prop_map(End::Brief),
        3 => Just(End::Error),
        1 => (0..4_u64).prop_map(End::BriefError),
        1 => Just(End::Panic),
        1 => Just(End::RulePanic),
    ]
}

//! [`Asking`]: the answer of a tier, in the words of the engine; [`LeadHere`], a leader's duty towards the
//! other processes; and the question of a call.

use crate::asked::{Asked, Claim, Ended, Finished, Moment, Served};
use crate::engine::call::{Call, Mode};
use crate::engine::completion::{Completion, Made, Panic, RunResult};
use crate::engine::elsewhere;
use crate::engine::execution::Execution;
use crate::engine::reach::Reach;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::share::ShareWith;
use crate::tier::{Ask, Door, Tier, Wait};
use crate::wait::clock::{FOREVER, Nanos};

pub(crate) enum Asking<'t, V, E> {
    /// The call runs its function.
    Runs(LeadHere<'t, V, E>),
    Served(elsewhere::Served<V, E>),
    TimedOut,
    WouldBlock,
}

/// The duty of a leader towards the other processes.
pub(crate) struct LeadHere<'t, V, E> {
    /// `None` if the call runs for this process only, or has published its result.
    claim: Option<Claim<'t, V, E>>,
    /// True if this process may keep a result that it has for itself.
    keeps_alone: bool,
    /// True if calls joined freely after the question, because copies can be taken back.
    admits: bool,
    /// The calls that share the result, in all processes.
    share_with: ShareWith,
}

impl<'t, V, E> Asking<'t, V, E> {
    /// The answer to this question.
    pub(crate) fn of<K>(asked: Asked<'t, V, E>, ask: &Ask<'_, K>) -> Self {
        match asked {
            Asked::Lead(mut claim) => {
                claim.began = start_of(ask, claim.began);
                let (claim, admits) = (Some(claim), ask.admits);
                Self::Runs(LeadHere { claim, admits, ..LeadHere::without_tier() })
            }
            Asked::Alone { keep } => Self::Runs(LeadHere::alone(keep)),
            Asked::Served(served) => Self::Served(served_by(served, ask)),
            Asked::TimedOut => Self::TimedOut,
            Asked::WouldBlock => Self::WouldBlock,
        }
    }
}

/// The start that the table counts from. A fresh question accepts nothing of its own moment, so a tier that knows a run
/// to be younger names the next one. That may not have come: then a later fresh call would seem to be older than the run.
fn start_of<K>(ask: &Ask<'_, K>, began: Moment) -> Moment {
    if ask.not_before.is_some_and(|limit| began <= limit) { began.min(ask.asked) } else { began }
}

fn served_by<V, E, K>(served: Served<V, E>, ask: &Ask<'_, K>) -> elsewhere::Served<V, E> {
    let Served { outcome, began, good_until, reach } = served;
    let result = match outcome {
        Ended::Value(value) => RunResult::Value(value),
        Ended::Failed(error) => RunResult::Failed(error),
        Ended::Panicked(message) => RunResult::Panicked(Panic::told(message)),
    };
    let reach = Reach::from(reach);
    let made = Made::Elsewhere { is_late: false };
    let completion = Completion { result, reach, start: began.0, made };
    let good_until = good_until.map_or(FOREVER, |end| end.0);
    elsewhere::Served { completion, start: start_of(ask, began).0, good_until }
}

/// Begins to ask for a leader, who has `waited` for other calls before. Returns the question.
pub(crate) fn question<'k, Q: ?Sized, K, V, E>(
    tier: &dyn Tier<K, V, E>,
    execution: &Execution<'_, K, V, E>,
    (call, deadline, waited): (&Call<'_, Q>, Nanos, Nanos),
    (key, door): (&'k K, &'k dyn Door),
) -> Ask<'k, K> {
    let table = execution.table;
    let admits = admits(tier, key);
    let flights = table.begin_to_ask(execution.slot, !admits);
    let asked = table.clock.now();
    // A call that has waited told the flight what it accepts.
    let accepts_any = call.max_age == FOREVER || waited > 0;
    let own = if accepts_any { 0 } else { call.not_before(asked) };
    let wait = match call.mode {
        Mode::Try => Wait::Never,
        Mode::Wait | Mode::Submit | Mode::Many => Wait::until(deadline),
    };
    Ask::new(key, (door, admits), (asked, own.max(flights)), wait, execution.leader)
}

/// True if calls that come after the question of a leader join its flight.
pub(crate) fn admits<K, V, E>(tier: &dyn Tier<K, V, E>, key: &K) -> bool {
    tier.keeps_copies() || !tier.shares(key)
}

/// The door of a flight that asks.
pub(crate) struct DoorOf<'t, K, V, E>(pub(crate) &'t Table<K, V, E>, pub(crate) SlotRef);

impl<K, V, E> Door for DoorOf<'_, K, V, E> {
    fn set(&self, opens: bool) -> bool {
        self.0.set_door(self.1, opens)
    }
}

impl<V, E> LeadHere<'_, V, E> {
    /// The lead of a table that has no tier.
    pub(crate) fn without_tier() -> Self {
        Self::alone(true)
    }

    /// The lead of a call that runs for this process only. `keeps` tells if its result is kept.
    pub(crate) fn alone(keeps: bool) -> Self {
        Self { claim: None, keeps_alone: keeps, admits: true, share_with: ShareWith::Everyone }
    }

    /// True if the result is for no call that comes after the answer of the tier: another process may forget the
    /// key meanwhile, and cannot reach this run.
    pub(crate) fn shuts(&self) -> bool {
        self.claim.is_none() && !self.keeps_alone
    }

    /// The time that the run counts from.
    pub(crate) fn began_or(&self, now: impl FnOnce() -> Nanos) -> Nanos {
        self.claim.as_ref().map_or_else(now, |claim| claim.began.0)
    }

    /// Publishes the result, if that comes before the end of the flight here. Limits what this process
    /// keeps.
    pub(crate) fn before_end<K>(
        &mut self,
        (table, slot): (&Table<K, V, E>, SlotRef),
        tier: &dyn Tier<K, V, E>,
        completion: &mut Completion<V, E>,
    ) {
        self.share_with = completion.reach.share_with();
        let keeps = match &self.claim {
            None => self.keeps_alone,
            // A tier that has copies only since the question was told of no call that joined.
            Some(_) if !(self.admits && tier.keeps_copies()) => {
                // From now on the other processes can forget what is published.
                let has_joined = table.set_door(slot, false);
                if !self.publish(completion) && has_joined {
                    completion.made = Made::HereAlone;
                }
                false
            }
            Some(claim) => claim.lease.may_keep(),
        };
        if !keeps {
            completion.keep_nothing();
        }
    }

    /// Publishes the result, if that comes after the end of the flight here. Returns false if this
    /// process must not keep it.
    pub(crate) fn after_end(&mut self, completion: &Completion<V, E>) -> bool {
        self.publish(completion)
    }

    fn publish(&mut self, completion: &Completion<V, E>) -> bool {
        let Some(Claim { lease, .. }) = self.claim.take() else { return true };
        match &completion.result {
            RunResult::Value(value) => lease.end(Finished::Value(value, self.share_with)),
            RunResult::Failed(error) => lease.end(Finished::Failed(error, self.share_with)),
            RunResult::Panicked(panic) => lease.end(Finished::Panicked(panic.message())),
            RunResult::Missing | RunResult::Abandoned => false,
        }
    }
}

//! How an execution ends: which result becomes the flight's, who gets it, and what stays behind.
//!
//! The first success of any execution decides a flight; a failure does when nothing else of it
//! runs any more (S37). Deciding, unlinking or retaining, and counting happen under the shard's
//! lock. The followers are woken after it has been let go.

use std::sync::Arc as StdArc;

use crate::clock::FOREVER;
use crate::gate::Gate;
use crate::slot::{Ending, Kind, Place, Slot};
use crate::sync::Arc;
use crate::table::{Execution, Leaving, Locked, Table};

impl<K, V, E> Execution<'_, K, V, E> {
    /// Ends the execution, and says how many calls its flight had. The result goes to the
    /// followers if it decides the flight; to the leader it goes in any case (S26).
    pub(crate) fn end(mut self, ending: &Ending<V, E>) -> usize {
        self.ended = true;
        self.table.end(&self, ending)
    }
}

impl<K, V, E> Drop for Execution<'_, K, V, E> {
    fn drop(&mut self) {
        if !self.ended {
            self.table.end(self, &Ending::Abandoned);
        }
    }
}

/// An outcome on its way to those who wait for it and to the window.
struct Outcome<'e, V, E> {
    ending: &'e Ending<V, E>,
    /// The window that is to keep it. Where results are bounded, its place has been reserved.
    kept: Option<Kind>,
}

impl<K, V, E> Table<K, V, E> {
    fn end(&self, execution: &Execution<'_, K, V, E>, ending: &Ending<V, E>) -> usize {
        // Dropped last: a destructor that is slow, or panics, is not to keep the followers waiting.
        let mut evicted = Vec::new();
        let kept = self.keep(execution, ending, &mut evicted);
        let outcome = Outcome { ending, kept };
        let mut leaving = Leaving::new();
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_execution(ending);
        let followers = match execution.slot.gate() {
            None => self.end_unattended(&mut shard, execution, &outcome),
            Some(gate) => self.end_at(&mut shard, execution, gate, &outcome, &mut leaving),
        };
        drop(shard);
        leaving.wake();
        drop(leaving);
        drop(evicted);
        followers + 1
    }

    /// Nobody ever waited, and nobody else leads: only the window may want the outcome.
    fn end_unattended(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        outcome: &Outcome<'_, V, E>,
    ) -> usize {
        let slot = &execution.slot;
        if outcome.kept.is_some() {
            slot.set_ending(outcome.ending.clone());
        }
        let was = slot.place();
        self.settle(shard, execution, outcome.kept, None);
        if was == Place::Detached {
            drop(shard.take_from_aside(slot));
        }
        0
    }

    /// Ends an execution of a flight that has followers, had some, or has several leaders.
    fn end_at(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        gate: &StdArc<Gate>,
        outcome: &Outcome<'_, V, E>,
        leaving: &mut Leaving<K, V, E>,
    ) -> usize {
        let slot = &execution.slot;
        let mut state = gate.lock();
        state.end_execution(execution.leader);
        let others = state.running;
        let decides = state.decides(outcome.ending.is_success());
        let followers = if decides { state.waiting } else { 0 };
        if decides {
            shard.tally.count_followers(followers, outcome.ending);
            slot.set_callers(followers + 1);
            if followers > 0 || outcome.kept.is_some() {
                // Before the gate is closed: whoever finds it closed reads the ending (S46).
                slot.set_ending(outcome.ending.clone());
            }
        }
        gate.end_execution(&mut state, execution.leader, decides);
        drop(state);
        if decides {
            leaving.closed = Some(StdArc::clone(gate));
            if others > 0 && slot.place() == Place::Current {
                shard.put_aside(Arc::clone(slot));
            }
            let heir = take_heir(shard, gate, leaving);
            self.settle(shard, execution, outcome.kept, heir);
        } else {
            self.retention.unreserve(outcome.kept);
        }
        if others == 0 {
            drop(shard.take_from_aside(slot));
        }
        followers
    }

    /// Finds the place of a decided slot: retained, gone, or taken by the flight after it.
    fn settle(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        kept: Option<Kind>,
        heir: Option<Arc<Slot<K, V, E>>>,
    ) {
        let slot = &execution.slot;
        match (slot.place(), kept, heir) {
            (Place::Current, Some(kind), None) => {
                slot.set_started(execution.start);
                shard.retain(slot, kind);
                self.retention.note(shard, self.place(slot.hash), kind);
                return;
            }
            (Place::Current, _, heir) => {
                // Not the last handle: the execution has one.
                drop(shard.detach(slot));
                if let Some(heir) = heir {
                    shard.link(heir);
                }
            }
            // Forgotten or superseded: it leaves the newer slot alone (S29).
            (_, _, Some(heir)) => shard.put_aside(heir),
            (_, _, None) => {}
        }
        self.retention.unreserve(kept);
    }

    /// Whether the window keeps this outcome, if its flight is still the one of its key (S8, S18).
    /// Reads the clock, and in a bounded table makes room, before the shard is locked.
    fn keep(
        &self,
        execution: &Execution<'_, K, V, E>,
        ending: &Ending<V, E>,
        evicted: &mut Vec<Arc<Slot<K, V, E>>>,
    ) -> Option<Kind> {
        let kind = match ending {
            Ending::Value(_) => Kind::Value,
            Ending::Failed(_) => Kind::Error,
            Ending::Panicked(_) | Ending::Abandoned | Ending::Unshared => return None,
        };
        let window = self.rules.window_of(kind);
        if window == 0 {
            return None;
        }
        let end = execution.start.saturating_add(window);
        let over = window != FOREVER && self.clock.now() >= end;
        (!over && self.make_room(&execution.slot, evicted)).then_some(kind)
    }

    /// Reserves a place in a bounded table; the oldest result makes room for the new one. Nothing
    /// makes room for a flight that was forgotten or superseded: its result is not to be retained.
    fn make_room(&self, slot: &Slot<K, V, E>, evicted: &mut Vec<Arc<Slot<K, V, E>>>) -> bool {
        while !self.retention.reserve() {
            if !self.is_current(slot) || !self.evict(evicted) {
                return false;
            }
        }
        true
    }

    fn is_current(&self, slot: &Slot<K, V, E>) -> bool {
        let _shard = self.shard(slot.hash).lock();
        slot.place() == Place::Current
    }

    /// Takes out an expired result if there is one, and the oldest one if not (S47).
    fn evict(&self, evicted: &mut Vec<Arc<Slot<K, V, E>>>) -> bool {
        let now = self.clock.now();
        let Some((place, kind)) = self.retention.next_to_go(&self.rules, now) else { return false };
        let mut shard = self.shard_at(place).lock();
        if let Some(oldest) = shard.oldest(kind).map(Arc::clone) {
            drop(shard.detach(&oldest));
            evicted.push(oldest);
            self.retention.gone(&shard, place, kind);
        }
        true
    }
}

/// The flight that was to start when this one ends, if anyone still waits for it. It may start.
fn take_heir<K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    ended: &Gate,
    leaving: &mut Leaving<K, V, E>,
) -> Option<Arc<Slot<K, V, E>>> {
    let heir = shard.take_successor(ended.id)?;
    let gate = StdArc::clone(heir.gate().expect("a successor is made with its gate"));
    if gate.release() {
        leaving.released = Some(gate);
        return Some(heir);
    }
    leaving.push(heir);
    None
}

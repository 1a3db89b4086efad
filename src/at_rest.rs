//! The things that the library holds, as its own tests count them: at rest there are none. This is no
//! public API.
//!
//! A promise about the rest is seldom seen from outside: a place of `max_retained` that is lost, an
//! entry of the wait-for graph, a thread in the register. Each of these is one number here.

use crate::batcher::Batcher;
use crate::coalescer::Coalescer;
use crate::group::Group;
use crate::sync::registered_threads;
use crate::wait::deadlock;
use crate::wait::manual_clock::ManualClock;

/// The things that a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfGroup {
    /// Flights and results in the table, whether calls find them or not.
    pub slots: usize,
    /// Places of `max_retained` that are taken or reserved; zero without the setting.
    pub places: u64,
    /// Handles of its state: groups, tickets and jobs.
    pub handles: usize,
}

/// The things that the process holds for all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfProcess {
    /// Flights in the wait-for graph.
    pub flights: usize,
    /// Waits in the wait-for graph.
    pub waits: usize,
    /// Threads that have led and that live.
    pub threads: usize,
}

/// Returns what a group holds now.
#[must_use]
pub fn of_group<K, V, E, S>(group: &Group<K, V, E, S>) -> OfGroup {
    let table = &group.core.table;
    OfGroup {
        slots: table.shards().map(|shard| shard.lock().number_of_slots()).sum(),
        places: table.capacity.count(),
        handles: std::sync::Arc::strong_count(&group.core),
    }
}

/// Returns what a coalescer holds now, as [`of_group`] does.
#[must_use]
pub fn of_coalescer<K, V, E, S>(coalescer: &Coalescer<K, V, E, S>) -> OfGroup {
    of_group(&coalescer.group)
}

/// Returns what a batcher holds now, as [`of_group`] does.
#[must_use]
pub fn of_batcher<K, V, E, S>(batcher: &Batcher<K, V, E, S>) -> OfGroup {
    of_group(&batcher.group)
}

/// Returns what the process holds now.
#[must_use]
pub fn of_process() -> OfProcess {
    let (flights, waits) = deadlock::size();
    OfProcess { flights, waits, threads: registered_threads() }
}

/// Returns how many alarms are armed at a clock: one for each bounded wait.
#[must_use]
pub fn alarms_of(clock: &ManualClock) -> usize {
    clock.alarms()
}

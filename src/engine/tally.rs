//! [`Tally`]: the counters of one shard.
//!
//! A tally lies under its shard's lock, so counting costs no atomic operation, and values that change
//! together are read together. A call is counted when it is admitted and its end when it is decided,
//! so a snapshot never shows more ends than calls (S49).

use crate::engine::completion::{Completion, RunResult};
use crate::stats::Stats;

/// How a ticket gave its seat up before its flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    Dropped,
    TimedOut,
    Refused,
    /// It runs its own function, for itself alone.
    Bypassed,
}

#[derive(Debug, Default)]
#[repr(C)] // The counters that every lead changes come first; see `Shard`.
pub(crate) struct Tally {
    /// Calls that were not hits.
    others: u64,
    executed: u64,
    pub(crate) running: u64,
    followers: u64,
    shared: u64,
    failed: u64,
    panicked: u64,
    pub(crate) timed_out: u64,
    refused: u64,
    pub(crate) takeovers: u64,
    pub(crate) refreshes: u64,
    pub(crate) refresh_failures: u64,
    batches: u64,
}

impl Tally {
    #[inline]
    pub(crate) fn count_call(&mut self) {
        self.others += 1;
    }

    pub(crate) fn count_refused(&mut self) {
        self.others += 1;
        self.refused += 1;
    }

    #[inline]
    pub(crate) fn count_execution<V, E>(&mut self, completion: &Completion<V, E>) {
        self.running -= 1;
        self.executed += 1;
        if !completion.is_success() {
            self.count_failure(completion);
        }
    }

    #[cold]
    fn count_failure<V, E>(&mut self, completion: &Completion<V, E>) {
        match completion.result {
            RunResult::Failed(_) | RunResult::Missing => self.failed += 1,
            RunResult::Panicked(_) => self.panicked += 1,
            // It never ran. No thread sees the counter in between, as the shard is locked.
            RunResult::Abandoned => {
                self.executed -= 1;
                self.refused += 1;
            }
            RunResult::Value(_) => {}
        }
    }

    /// Counts a leader that got a result from elsewhere.
    pub(crate) fn count_shared(&mut self) {
        self.running -= 1;
        self.shared += 1;
    }

    /// Counts a leader whose function never ran.
    pub(crate) fn count_lost(&mut self, departure: Departure) {
        self.running -= 1;
        self.count_departure(departure);
    }

    /// Counts a run for many keys.
    pub(crate) fn count_batch(&mut self) {
        self.batches += 1;
    }

    pub(crate) fn count_departure(&mut self, departure: Departure) {
        match departure {
            Departure::Dropped => self.followers += 1,
            Departure::TimedOut => self.timed_out += 1,
            Departure::Refused => self.refused += 1,
            Departure::Bypassed => self.running += 1,
        }
    }

    pub(crate) fn count_followers<V, E>(&mut self, waiting: usize, completion: &Completion<V, E>) {
        match completion.is_unshared() {
            // Each of them runs the function itself now.
            true => self.running += waiting as u64,
            false => self.followers += waiting as u64,
        }
    }

    pub(crate) fn snapshot(&self, hits: u64) -> Stats {
        Stats {
            total_requests: self.others + hits,
            executed_requests: self.executed,
            coalesced_requests: self.followers + self.shared + hits,
            followers: self.followers,
            late: hits,
            shared: self.shared,
            failed: self.failed,
            panicked: self.panicked,
            timed_out: self.timed_out,
            refused: self.refused,
            takeovers: self.takeovers,
            refreshes: self.refreshes,
            refresh_failures: self.refresh_failures,
            in_flight: self.running,
            batches: self.batches,
        }
    }
}

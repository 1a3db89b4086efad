//! [`Queued`]: an execution on its way to the thread that will run it, as its job holds it.
//!
//! ```text
//! Execution ── queue ──▶ Queued ── begin, on the job's thread ──▶ Queued ── end ──▶ (published)
//!  led by the submitter   led by no thread                        led by the job's thread
//! ```
//!
//! An [`Execution`] borrows the table. A job holds the core that the table is in, and passes the table
//! to each step. The leader is written under the locks of shard and gate, as always: a wait that began
//! while no thread led depends on the job's thread from the moment that the job begins (S42).

use std::mem::ManuallyDrop;
use std::sync::Arc;

use crate::engine::call::Follower;
use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::promise::Promise;
use crate::engine::slot::SlotRef;
use crate::engine::table::{Deferred, Locked, Table};
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate_state::Phase;
use crate::wait::seats::Seats;

/// An [`Execution`] without the table. Its owner must end it.
#[must_use = "its flight does not end without it"]
pub(crate) struct Queued<V, E> {
    pub(crate) slot: SlotRef,
    pub(crate) start: Nanos,
    pub(crate) leader: ThreadToken,
    pub(crate) flight: Arc<Flight<V, E>>,
}

/// The way of a queued execution, when its job begins.
pub(crate) enum Begun<V, E> {
    /// It runs the function.
    Runs,
    /// Its flight has ended without it, and `max_leaders` executions run. The call gets that outcome.
    Ended,
    /// `max_leaders` executions run. The call follows its flight.
    Follows(Follower<V, E>),
}

impl<K, V, E> Execution<'_, K, V, E> {
    /// Notes that the call accepts no result which began before this time, also from elsewhere.
    pub(crate) fn accept_not_before(&self, time: Nanos) {
        let mut shard = self.table.shard(self.slot.hash).lock();
        self.table.flight_of(&mut shard, self.slot.id).accept_not_before(time);
    }

    /// Takes the execution off this thread, which does not lead it any more.
    pub(crate) fn queue(self) -> Queued<V, E> {
        self.leave_thread();
        self.queue_off_thread()
    }

    /// Queues an execution that does not mark its thread any more.
    pub(super) fn queue_off_thread(self) -> Queued<V, E> {
        let mut shard = self.table.shard(self.slot.hash).lock();
        let flight = self.table.flight_of(&mut shard, self.slot.id);
        flight.gate().queue_execution(self.leader);
        let mut deferred = Deferred::new();
        self.table.reschedule(&shard, &flight, &mut deferred);
        drop(shard);
        deferred.finish().begin();
        // It goes on as the value that is built here.
        let Self { slot, start, .. } = *ManuallyDrop::new(self);
        Queued { slot, start, leader: ThreadToken::NONE, flight }
    }
}

impl<V, E> Queued<V, E> {
    /// The execution that a candidate has claimed on this thread, which its job marks as the leader.
    pub(crate) fn claimed<K>(execution: Execution<'_, K, V, E>, flight: Arc<Flight<V, E>>) -> Self {
        let Execution { slot, start, leader, .. } = *ManuallyDrop::new(execution);
        Self { slot, start, leader, flight }
    }

    /// Begins the job on this thread. `promise` is the job's own. With `follows`, it gives way where `max_leaders`
    /// executions run; without, it runs beyond the bound.
    pub(crate) fn begin<K>(
        &mut self,
        table: &Table<K, V, E>,
        leader: ThreadToken,
        (promise, follows): (&Promise<V, E>, bool),
    ) -> Begun<V, E> {
        let mut shard = table.shard(self.slot.hash).lock();
        let gate = self.flight.gate();
        let is_full = table.is_full(&shard, &self.flight);
        if is_full && gate.lock().phase == Phase::Closed {
            return Begun::Ended;
        }
        if is_full && follows && self.follow(table, &mut shard, promise) {
            let start = shard.slot(self.slot.id).start;
            let (slot, flight) = (self.slot, Arc::clone(&self.flight));
            return Begun::Follows(Follower { slot, flight, start });
        }
        self.leader = leader;
        gate.begin_queued(leader);
        let mut deferred = Deferred::new();
        table.reschedule(&shard, &self.flight, &mut deferred);
        drop(shard);
        deferred.finish().begin();
        Begun::Runs
    }

    /// Begins a job that no thread runs, to end it with the panic of its executor.
    pub(crate) fn begin_unrun<K>(&mut self, table: &Table<K, V, E>) {
        let shard = table.shard(self.slot.hash).lock();
        self.flight.gate().begin_queued(ThreadToken::NONE);
        drop(shard);
    }

    /// Makes a follower of the call, which waits at the promise of its job. Returns false if a thread
    /// that waits there would wait for itself then: such a job runs beyond the bound.
    fn follow<K>(
        &self,
        table: &Table<K, V, E>,
        shard: &mut Locked<'_, K, V, E>,
        promise: &Promise<V, E>,
    ) -> bool {
        let gate = self.flight.gate();
        gate.enter_graph(None);
        if promise.gate.follow(gate.id).is_err() {
            return false;
        }
        let mut state = gate.lock();
        state.lose_queued(self.start);
        state.waiting += 1;
        state.seats += 1;
        let others = state.has_executions();
        drop(state);
        shard.tally.running -= 1;
        if !others {
            // The executions that take the room are of other flights of the key.
            gate.make_due();
        }
        let mut deferred = Deferred::new();
        table.reschedule(shard, &self.flight, &mut deferred);
        true
    }

    /// Ends a job whose flight has ended before it began, and gives its call that outcome. Returns false if the outcome is
    /// not for the call, which then runs its own function.
    pub(crate) fn end_after_flight<K>(
        &self,
        table: &Table<K, V, E>,
        promise: &Promise<V, E>,
    ) -> bool {
        let callers = self.count_as_follower(table);
        let completion = self.flight.promise.expect();
        if completion.is_unshared() {
            return false;
        }
        promise.close(completion.clone(), callers).run();
        true
    }

    /// Counts the call of such a job as a follower. Returns how many calls share the outcome.
    fn count_as_follower<K>(&self, table: &Table<K, V, E>) -> usize {
        let mut deferred = Deferred::new();
        let mut shard = table.shard(self.slot.hash).lock();
        let completion = self.flight.promise.expect();
        if !completion.is_unshared() {
            shard.tally.running -= 1;
            shard.tally.count_followers(1, completion);
        }
        let mut state = self.flight.gate().lock();
        state.lose_queued(self.start);
        let (is_over, callers) = (!state.has_executions(), state.waiting + 1);
        drop(state);
        if is_over {
            table.remove_flight(&mut shard, self.slot.id, &mut deferred);
        }
        drop(shard);
        deferred.finish().begin();
        callers
    }

    /// Publishes like [`Execution::end`], then calls `published(callers)`; no user code runs before
    /// that. Returns the seats that are to begin the next flight.
    pub(crate) fn end<K>(
        self,
        table: &Table<K, V, E>,
        completion: &Completion<V, E>,
        published: impl FnOnce(usize),
    ) -> Seats {
        let Self { slot, start, leader, flight } = self;
        let execution = ManuallyDrop::new(Execution { table, slot, start, leader });
        table.end_job(&execution, &flight, completion, |followers| published(followers + 1))
    }
}

//! An execution on its way to the thread that will run it, as its job holds it.
//!
//! ```text
//! Execution ── queue ──▶ Queued ── begin, on the job's thread ──▶ Queued ── end ──▶ (published)
//!  led by the submitter   led by nobody                            led by the job's thread
//! ```
//!
//! An [`Execution`] borrows the table; a job holds what the table is in, and brings the table along
//! for each step. Who leads is written under the shard's lock and the gate's, as always: a wait that
//! began while nobody led hangs on the job's thread from the moment that it begins (S42).

use std::mem::ManuallyDrop;
use std::sync::Arc as StdArc;

use crate::engine::admit::{Execution, Follower, Whereabouts};
use crate::engine::completion::Ran;
use crate::engine::slab::At;
use crate::engine::slot::{Room, ShortHash};
use crate::engine::table::Table;
use crate::stats::Parting;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate::Phase;

/// No thread has this token.
const NOBODY: ThreadToken = 0;

/// What an [`Execution`] is but for the table. Whoever holds it must end it.
#[must_use = "its flight does not end without it"]
pub(crate) struct Queued<V, E> {
    at: At,
    hash: ShortHash,
    start: Nanos,
    leader: ThreadToken,
    pub(crate) room: StdArc<Room<V, E>>,
}

impl<K, V, E> Execution<'_, K, V, E> {
    /// Takes it from this thread, which does not lead it any more.
    pub(crate) fn queue(self) -> Queued<V, E> {
        let mut shard = self.table.shard(self.hash).lock();
        let room = self.table.room_of(&mut shard, self.at);
        room.gate.lose_leader(self.leader);
        drop(shard);
        // It goes on as what is made here.
        let Self { at, hash, start, .. } = *ManuallyDrop::new(self);
        Queued { at, hash, start, leader: NOBODY, room }
    }
}

impl<V, E> Queued<V, E> {
    /// The job begins on this thread.
    pub(crate) fn begin<K>(&mut self, table: &Table<K, V, E>, leader: ThreadToken) {
        let shard = table.shard(self.hash).lock();
        self.leader = leader;
        self.room.gate.begin_job(leader);
        drop(shard);
    }

    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts { at: self.at, hash: self.hash }
    }

    pub(crate) fn leader(&self) -> ThreadToken {
        self.leader
    }

    /// Ends it, as [`Execution::end`] does. `published` is told how many calls it answered, before
    /// anything of the user's is called or dropped.
    pub(crate) fn end<K>(
        self,
        table: &Table<K, V, E>,
        ran: &Ran<V, E>,
        published: impl FnOnce(usize),
    ) {
        let Self { at, hash, start, leader, room } = self;
        let execution = ManuallyDrop::new(Execution { table, at, hash, start, leader });
        table.end_job(&execution, &room, ran, |followers| published(followers + 1));
    }
}

impl<K, V, E> Table<K, V, E> {
    /// A ticket gives its seat up, and is counted as what `parting` says. Says no if the flight has
    /// ended: then the ticket has been counted as a follower.
    pub(crate) fn give_up(&self, follower: &Follower<V, E>, parting: Parting) -> bool {
        let mut shard = self.shard(follower.hash).lock();
        let gate = &follower.room.gate;
        if gate.lock().phase == Phase::Closed {
            return false;
        }
        let call = gate.leave(follower.call);
        shard.tally.count_parting(parting);
        drop(shard);
        drop(call);
        true
    }
}

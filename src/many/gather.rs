//! How a call of one key runs together with others, by the batcher's collector.

use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;

use crate::engine::call::Mode;
use crate::engine::completion::Panic;
use crate::error::Error;
use crate::many::call::{LoadMany, Many, Progress, value_of, value_of_hit};
use crate::many::collector::{Collector, Entered, Member, Place};
use crate::many::gathered::Gathered;
use crate::many::part::{OfKey, Part, Run};
use crate::observe::WaitEnd;
use crate::wait::contain::drop_contained;
use crate::wait::deadlock;
use crate::wait::seats::Standing;

impl<'t, K: Clone, V, E> Many<'t, K, V, E> {
    /// Answers a call of one key that begins a flight, if that is to run together with the keys of other calls. `None` if it
    /// runs at once.
    pub(super) fn gather(
        &self,
        progress: &mut Progress<'t, K, V, E>,
        load: &mut LoadMany<'_, K, V, E>,
    ) -> Option<OfKey<V, E>> {
        let collector = self.collector?;
        if !progress.begins || progress.answers.len() != 1 || self.mode == Mode::Try {
            return None;
        }
        let Some((place, Part::Led(led))) = progress.parts.pop() else { return None };
        let key = progress.keys[place].take().expect("a key runs once");
        let (at, members) = match collector.enter(key, led) {
            Entered::Gathers(at, members) => (at, members),
            Entered::AtOnce(busy, key, led) => {
                progress.busy = Some(busy);
                progress.keys[place] = Some(key);
                progress.parts.push((place, Part::Led(led)));
                return None;
            }
        };
        self.run_gathered(members, load);
        Some(match (self.await_run(collector, at, load), progress.old.pop()) {
            // S122: a refresh leaves the old value, whatever comes of it.
            (Err(_), Some((_, old))) => value_of_hit(old),
            (answer, _) => answer,
        })
    }

    /// Waits for the run of the batch that a key is in, and answers its call. The call that has opened the batch runs it, unless
    /// another one does.
    fn await_run(
        &self,
        collector: &Collector<K, V, E>,
        place: Place<V, E>,
        load: &mut LoadMany<'_, K, V, E>,
    ) -> OfKey<V, E> {
        let Place { promise, flight, mut opens } = place;
        loop {
            if let Some(answer) = promise.answer_to_leader(0) {
                return value_of(answer);
            }
            let standing = if opens { Standing::Opener } else { Standing::Job };
            let job = (&promise.gate, Some(&flight));
            match self.table.wait_for_job(job, self.deadline, standing) {
                WaitEnd::Answered => {}
                // If another call has closed the batch, this one is a member as the others are.
                _ if mem::take(&mut opens) => {
                    self.run_gathered(collector.close(&promise.gate), load);
                }
                WaitEnd::Refused => return Err(Error::WouldDeadlock),
                WaitEnd::TimedOut | WaitEnd::Led => return Err(Error::TimedOut),
            }
        }
    }
}

impl<K, V, E> Many<'_, K, V, E> {
    /// Runs the function for the keys of a batch: in one run, or in several if some are equal. Resumes its panic.
    pub(super) fn run_gathered(
        &self,
        members: Vec<Member<K, V, E>>,
        load: &mut LoadMany<'_, K, V, E>,
    ) {
        // First the duty of each: a panic would lose the others.
        let gathered = |member: Member<K, V, E>| {
            let Member { key, queued, promise, run } = member;
            (run, key, Gathered::new(self.table, queued, promise))
        };
        let members: Vec<_> = members.into_iter().map(gathered).collect();
        let leading = deadlock::lead();
        let (mut open, mut idle) = (Vec::with_capacity(members.len()), Vec::new());
        for (run, key, mut gathered) in members {
            // Also those of later runs: a function that waits for one of them would wait for its own thread.
            match gathered.begin(leading.token()) {
                true => open.push((run, key, gathered)),
                false => idle.push(key),
            }
        }
        let (mut reports, mut panic, mut run) = (Vec::new(), None::<Arc<Panic>>, 0);
        while !open.is_empty() {
            let (now, later): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|(own, ..)| *own == run);
            open = later;
            run += 1;
            if now.is_empty() {
                continue;
            }
            let (mut keys, mut parts) = (Vec::with_capacity(now.len()), Vec::new());
            for (_, key, gathered) in now {
                keys.push(key);
                parts.push((parts.len(), Part::Gathered(Box::new(gathered))));
            }
            let busy = self.collector.map(|collector| collector.begin_run(leading.token()));
            let answers = parts.iter().map(|_| None).collect();
            let ended = self.run_batch(Run { keys, parts, answers }, load, &mut reports);
            panic = panic.or(ended.panic);
            drop(busy);
        }
        drop(leading);
        // Destructors of a stranger's.
        drop_contained(idle);
        for report in reports {
            self.table.report_slow(Some(report));
        }
        // The keys of the later runs are for other calls, so the panic comes after them.
        if let Some(payload) = panic.and_then(|panic| panic.take_payload()) {
            resume_unwind(payload);
        }
    }
}

//! How a call of one key runs together with others, by the batcher's collector.

use std::panic::resume_unwind;
use std::sync::Arc;

use crate::engine::completion::Panic;
use crate::error::Error;
use crate::many::batch::{OfKey, Part};
use crate::many::call::{LoadMany, Many, value_of};
use crate::many::collector::{Collector, Member, Place};
use crate::many::gathered::Gathered;
use crate::observe::WaitEnd;
use crate::wait::contain::drop_contained;
use crate::wait::deadlock;
use crate::wait::seats::Standing;

impl<'t, K, V, E> Many<'t, K, V, E> {
    /// Waits for the run of the batch that a key is in, and answers its call. The call that has opened the batch runs it, unless
    /// another one does.
    pub(super) fn await_run(
        &self,
        collector: &Collector<K, V, E>,
        place: Place<V, E>,
        load: &mut LoadMany<'_, K, V, E>,
    ) -> OfKey<V, E> {
        let Place { promise, flight, mut opened } = place;
        loop {
            if let Some(answer) = promise.answer_to_leader(0) {
                return value_of(answer);
            }
            let standing = if opened.is_some() { Standing::Opener } else { Standing::Job };
            let job = (&promise.gate, Some(&flight));
            match (self.table.wait_for_job(job, self.deadline, standing), opened.take()) {
                (WaitEnd::Answered, _) => {}
                // If another call has closed the batch, this one is a member as the others are.
                (_, Some(number)) => {
                    if let Some(members) = collector.close(number) {
                        self.run_gathered(members, load);
                    }
                }
                (WaitEnd::Refused, None) => return Err(Error::WouldDeadlock),
                (WaitEnd::TimedOut | WaitEnd::Led, None) => return Err(Error::TimedOut),
            }
        }
    }

    /// Runs the function for the keys of a batch: in one run, or in several if some are equal. Resumes its panic.
    pub(super) fn run_gathered(
        &self,
        members: Vec<Member<K, V, E>>,
        load: &mut LoadMany<'_, K, V, E>,
    ) {
        let gathered = |member: Member<K, V, E>| {
            let Member { key, queued, promise, run } = member;
            (run, key, Gathered::new(self.table, queued, promise))
        };
        let mut members: Vec<_> = members.into_iter().map(gathered).collect();
        let (mut reports, mut panic, mut run) = (Vec::new(), None::<Arc<Panic>>, 0);
        while !members.is_empty() {
            let leading = deadlock::lead();
            let (mut keys, mut parts, mut idle) = (Vec::new(), Vec::new(), Vec::new());
            let (now, later): (Vec<_>, Vec<_>) =
                members.into_iter().partition(|(own, ..)| *own == run);
            members = later;
            for (_, key, mut gathered) in now {
                match gathered.begin(leading.token()) {
                    true => {
                        keys.push(key);
                        parts.push(Part::Gathered(gathered));
                    }
                    false => idle.push(key),
                }
            }
            if !parts.is_empty() {
                let busy = self.collector.map(|collector| collector.begin_run(leading.token()));
                let ended = self.run_batch((keys, parts), load, &mut reports);
                panic = panic.or(ended.panic);
                drop(busy);
            }
            drop(leading);
            // Destructors of a stranger's.
            drop_contained(idle);
            run += 1;
        }
        for report in reports {
            self.table.report_slow(Some(report));
        }
        // The keys of the later runs are for other calls, so the panic comes after them.
        if let Some(payload) = panic.and_then(|panic| panic.take_payload()) {
            resume_unwind(payload);
        }
    }
}

//! How a call of many keys runs its function for the keys that it leads.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::engine::completion::Panic;
use crate::engine::slot::ShortHash;
use crate::many::batch::{Batch, EndedBatch, Part};
use crate::many::call::{LoadMany, Many, Progress};
use crate::observe::SlowReport;
use crate::wait::contain::drop_contained;
use crate::wait::deadlock::{self, ThreadToken};

impl<'t, K, V, E> Many<'t, K, V, E> {
    /// Runs the function for all keys that are to run: in one run, or in runs of `max_batch` keys. Publishes
    /// each run before the next begins. Resumes a panic of the function.
    pub(super) fn run_all(
        &self,
        progress: &mut Progress<'t, K, V, E>,
        load: &mut LoadMany<'_, K, V, E>,
    ) {
        if progress.parts.is_empty() {
            return;
        }
        let mut reports = Vec::new();
        let panic = self.run_in_turn(progress, load, &mut reports);
        if panic.is_some() {
            // While nothing unwinds: the flights go on with other calls. The destructors are a stranger's.
            drop_contained(mem::replace(progress, Progress::new(0)));
        }
        // The outcomes are published, so no call waits for the hook.
        for report in reports {
            self.table.report_slow(Some(report));
        }
        if let Some(panic) = panic {
            resume_unwind(panic.take_payload().expect("its leader takes it once"));
        }
    }

    fn run_in_turn(
        &self,
        progress: &mut Progress<'t, K, V, E>,
        load: &mut LoadMany<'_, K, V, E>,
        reports: &mut Vec<SlowReport<K>>,
    ) -> Option<Arc<Panic>> {
        progress.parts.sort_unstable_by_key(|(place, _)| *place);
        // All executions of the call were begun at this depth.
        let leads = |(_, part): &(usize, Part<'_, K, V, E>)| matches!(part, Part::Led(_));
        let _leading = progress.parts.iter().any(leads).then(deadlock::lead);
        while !progress.parts.is_empty() {
            let count = progress.parts.len().min(self.max_batch);
            if let Some(panic) = self.run(progress, count, load, reports) {
                return Some(panic);
            }
        }
        None
    }

    /// Runs the function for so many of the keys that are to run. Returns its panic.
    fn run(
        &self,
        progress: &mut Progress<'t, K, V, E>,
        count: usize,
        load: &mut LoadMany<'_, K, V, E>,
        reports: &mut Vec<SlowReport<K>>,
    ) -> Option<Arc<Panic>> {
        let (places, parts): (Vec<usize>, Vec<_>) = progress.parts.drain(..count).unzip();
        let key = |place: &usize| progress.keys[*place].take().expect("a key runs once");
        let keys = places.iter().map(key).collect();
        let begin = || Some(self.collector?.begin_run(leader_of(&parts)));
        let busy = progress.busy.take().or_else(begin);
        let ended = self.run_batch((keys, parts), load, reports);
        drop(busy);
        if places.len() == progress.answers.len() {
            // All keys of the call, in their order.
            progress.answers = ended.answers;
            return ended.panic;
        }
        for (place, answer) in places.into_iter().zip(ended.answers) {
            progress.answers[place] = answer;
        }
        ended.panic
    }

    /// Runs the function for these keys once, and publishes its outcome.
    pub(super) fn run_batch(
        &self,
        (keys, parts): (Vec<K>, Vec<Part<'_, K, V, E>>),
        load: &mut LoadMany<'_, K, V, E>,
        reports: &mut Vec<SlowReport<K>>,
    ) -> EndedBatch<K, V, E> {
        let table = self.table;
        table.count_batch(hash_of(&parts[0]));
        let mut batch = Batch::new(table, self.rules, keys, parts);
        let observed = table.begin_batch(batch.slots(), batch.jobs());
        let result = catch_unwind(AssertUnwindSafe(|| load(&mut batch)));
        let observed = table.end_run(observed, || match &result {
            Ok(Ok(())) => "ok",
            Ok(Err(_)) => "error",
            Err(_) => "panic",
        });
        let mut ended = batch.end_with(result);
        table.record_run(observed, ended.callers);
        reports.append(&mut ended.reports);
        ended
    }
}

fn hash_of<K, V, E>(part: &Part<'_, K, V, E>) -> ShortHash {
    match part {
        Part::Led(led) => led.slot().hash,
        Part::Alone(alone) => alone.hash(),
        Part::Gathered(gathered) => gathered.hash(),
    }
}

/// The thread that leads these, or none if they are for its call alone.
fn leader_of<K, V, E>(parts: &[Part<'_, K, V, E>]) -> ThreadToken {
    let led = parts.iter().find_map(|part| match part {
        Part::Led(led) => Some(led.leader()),
        Part::Alone(_) | Part::Gathered(_) => None,
    });
    led.unwrap_or(ThreadToken::NONE)
}

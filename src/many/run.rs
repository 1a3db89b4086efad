//! How a call of many keys runs its function for the keys that it leads.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::engine::completion::Panic;
use crate::many::batch::{Batch, EndedBatch};
use crate::many::call::{LoadMany, Many, Progress};
use crate::many::part::{Part, Run, leader_of};
use crate::observe::SlowReport;
use crate::wait::contain::drop_contained;
use crate::wait::deadlock;

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
        let rest = progress.parts.split_off(count);
        let parts = mem::replace(&mut progress.parts, rest);
        let keys = progress.take_keys(&parts);
        let begin = || Some(self.collector?.begin_run(leader_of(&parts)));
        let busy = progress.busy.take().or_else(begin);
        let run = Run { keys, parts, answers: mem::take(&mut progress.answers) };
        let ended = self.run_batch(run, load, reports);
        drop(busy);
        progress.answers = ended.answers;
        ended.panic
    }

    /// Runs the function for these keys once, and publishes its outcome.
    pub(super) fn run_batch(
        &self,
        run: Run<'_, K, V, E>,
        load: &mut LoadMany<'_, K, V, E>,
        reports: &mut Vec<SlowReport<K>>,
    ) -> EndedBatch<K, V, E> {
        let table = self.table;
        table.count_batch(run.parts[0].1.hash());
        let mut batch = Batch::new(table, self.rules, run);
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

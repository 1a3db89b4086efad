//! The events of a phase, and the figures that follow from them.

use serde::Serialize;

use super::clock::{Nanos, ms};
use super::course::Plan;
use super::fleet::Who;
use super::judge::{self, Execution, Kill};
use super::talk::Tick;
use crate::meter::{Latencies, latencies, quantile};
use crate::process_options::Settings;

/// A fault, for the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) at: Nanos,
    pub(super) what: &'static str,
}

/// The events of a phase.
pub(super) struct Record {
    pub(super) from: Nanos,
    pub(super) until: Nanos,
    pub(super) executions: Vec<Execution>,
    pub(super) kills: Vec<Kill>,
    pub(super) marks: Vec<Mark>,
    pub(super) ticks: Vec<Tick>,
    /// When the engine went, and when it was back.
    pub(super) gone: Option<Nanos>,
    pub(super) back: Option<Nanos>,
}

impl Record {
    pub(super) fn new(from: Nanos, until: Nanos) -> Self {
        let (executions, kills, marks, ticks) = Default::default();
        Self { from, until, executions, kills, marks, ticks, gone: None, back: None }
    }

    /// Notes the end of an execution. Returns true if its process was killed after that, which is no kill of a leader.
    pub(super) fn ended(&mut self, who: Who, id: u64, at: Nanos) -> bool {
        let is_it = |execution: &&mut Execution| execution.is(who, id);
        if let Some(execution) = self.executions.iter_mut().rev().find(is_it) {
            execution.ended = Some(at);
        }
        self.kills.iter().any(|kill| kill.who == who && kill.id == id)
    }

    /// The executions that began in each window of the phase.
    fn series(&self, window: Nanos) -> Vec<u64> {
        let count = ((self.until - self.from) / window) as usize;
        let mut series = vec![0; count];
        for execution in &self.executions {
            let since = execution.began.saturating_sub(self.from);
            if let Some(count) = series.get_mut((since / window) as usize) {
                *count += 1;
            }
        }
        series
    }

    /// The result of the phase.
    pub(super) fn result(&self, plan: Plan, settings: &Settings) -> Phase {
        let window = settings.window.as_nanos() as Nanos;
        let sum = |value: fn(&Tick) -> u64| self.ticks.iter().map(value).sum::<u64>();
        let mut latencies = latencies();
        self.ticks.iter().for_each(|tick| add(&mut latencies, tick));
        let calls = latencies.len();
        let executions = self.in_time().count() as u64;
        let windows = (self.until - self.from) as f64 / window as f64;
        let round_trips = sum(|tick| tick.round_trips);
        let overlapping = judge::overlapping(&self.executions, &self.kills, self.until);
        let takeovers = judge::takeovers(&self.executions, &self.kills);
        let takeovers_ms: Vec<f64> = takeovers.into_iter().map(ms).collect();
        let meets_again = self.back.map(|back| {
            let last = overlapping.iter().map(|execution| execution.began).max();
            ms(last.unwrap_or(back).saturating_sub(back))
        });
        Phase {
            phase: plan.name,
            seconds: ms(self.until - self.from) / 1e3,
            calls,
            calls_per_s: calls as f64 / (ms(self.until - self.from) / 1e3),
            executions,
            queries: sum(|tick| tick.queries),
            executions_per_window: executions as f64 / windows / settings.keys as f64,
            overlaps: overlapping.len() as u64,
            wrong: sum(|tick| tick.wrong),
            over_age: sum(|tick| tick.over_age),
            failed: sum(|tick| tick.failed),
            failure: self.ticks.iter().find_map(|tick| tick.failure.clone()),
            round_trips,
            round_trips_per_call: round_trips as f64 / calls.max(1) as f64,
            engine_errors: sum(|tick| tick.engine_errors),
            p50_ms: quantile(&latencies, 0.5),
            p99_ms: quantile(&latencies, 0.99),
            max_ms: quantile(&latencies, 1.0),
            kills: judge::of_leaders(&self.executions, &self.kills).len() as u64,
            takeover_ms: takeovers_ms.iter().copied().reduce(f64::max),
            takeovers_ms,
            engine_gone_ms: self.gone.zip(self.back).map(|(gone, back)| ms(back - gone)),
            meets_again_ms: meets_again,
            marks: self.marks.iter().map(|mark| self.placed(*mark)).collect(),
            series: self.series(window),
        }
    }

    fn in_time(&self) -> impl Iterator<Item = &Execution> {
        self.executions.iter().filter(|execution| execution.began < self.until)
    }

    fn placed(&self, mark: Mark) -> Placed {
        Placed { at: ms(mark.at.saturating_sub(self.from)) / 1e3, what: mark.what }
    }
}

/// The result of a phase.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Phase {
    pub(super) phase: &'static str,
    pub(super) seconds: f64,
    /// Calls that returned.
    pub(super) calls: u64,
    pub(super) calls_per_s: f64,
    /// Executions that began in the phase, by all processes.
    pub(super) executions: u64,
    /// Queries that the database was sent, those after the end of the phase among them.
    pub(super) queries: u64,
    /// For each key and window.
    pub(super) executions_per_window: f64,
    /// Executions that began while another one of their key ran.
    pub(super) overlaps: u64,
    /// Answers that differ from the rows.
    pub(super) wrong: u64,
    /// Answers that had begun more than a window before their call.
    pub(super) over_age: u64,
    /// Calls that got an error.
    pub(super) failed: u64,
    pub(super) failure: Option<String>,
    pub(super) round_trips: u64,
    pub(super) round_trips_per_call: f64,
    /// Steps that the engine failed. No call fails for it.
    pub(super) engine_errors: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) max_ms: Option<f64>,
    /// Leaders that were killed in their query.
    pub(super) kills: u64,
    /// From a kill of a leader to the next execution: the longest.
    pub(super) takeover_ms: Option<f64>,
    pub(super) takeovers_ms: Vec<f64>,
    pub(super) engine_gone_ms: Option<f64>,
    /// From the engine's return to the last execution that overlapped another one.
    pub(super) meets_again_ms: Option<f64>,
    pub(super) marks: Vec<Placed>,
    /// Executions that began in each window.
    pub(super) series: Vec<u64>,
}

/// A fault, in seconds since the phase's begin.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Placed {
    pub(super) at: f64,
    pub(super) what: &'static str,
}

pub(super) fn add(latencies: &mut Latencies, tick: &Tick) {
    for (value, count) in &tick.latencies {
        // It grows as needed.
        latencies.record_n(*value, *count).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Who = Who { place: 0, generation: 0 };

    fn record(executions: &[(Who, u64, Nanos, Option<Nanos>)]) -> Record {
        let mut record = Record::new(1000, 2000);
        for (id, (who, key, began, ended)) in executions.iter().enumerate() {
            let (who, key, began, ended) = (*who, *key, *began, *ended);
            record.executions.push(Execution { who, id: id as u64, key, began, ended });
        }
        record
    }

    #[test]
    fn an_execution_that_ends_after_its_process_was_killed_was_not_the_one_to_kill() {
        let mut record = record(&[(HERE, 0, 1000, None)]);
        record.kills.push(Kill { at: 1200, who: HERE, id: 0, key: 0 });
        assert!(!record.ended(HERE, 1, 1150));
        assert_eq!(record.executions[0].ended, None);
        assert!(record.ended(HERE, 0, 1150));
        assert_eq!(record.executions[0].ended, Some(1150));
    }

    #[test]
    fn executions_are_counted_in_the_window_of_their_begin() {
        let executions = [1000, 1099, 1100, 1999, 2000].map(|at| (HERE, 0, at, Some(at + 10)));
        let series = record(&executions).series(100);
        assert_eq!(series.len(), 10);
        assert_eq!((series[0], series[1], series[9]), (2, 1, 1));
        assert_eq!(series.iter().sum::<u64>(), 4);
    }
}

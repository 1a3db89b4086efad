//! [`History`]: the windows of the last two minutes, each of which is the change of the counters in a second.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use coalescer_http::LayerStats;
use serde_json::{Value, json};

use crate::histogram::Counts;

/// Windows that are kept.
pub(crate) const KEPT: usize = 120;

/// Counts of requests that were not shared, by the kind and the reason: `passed through: method`.
type Reasons = BTreeMap<String, u64>;

/// The last windows, the oldest first.
#[derive(Debug)]
pub(crate) struct History {
    windows: VecDeque<Window>,
    ended: u64,
    /// The counters at the end of the last window.
    last: LayerStats,
}

#[derive(Debug)]
struct Window {
    answers: Answers,
    latencies: Counts,
    refused: Reasons,
}

/// How requests were answered. Each is counted once, when it has its answer; one that is passed through, when
/// it comes. A request that waits in vain and then runs the handler counts as one that waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answers {
    hits: u64,
    collapsed: u64,
    runs: u64,
    passed: u64,
    in_vain: u64,
}

impl Answers {
    fn of(stats: &LayerStats) -> Self {
        let flights = stats.flights;
        Self {
            hits: flights.late,
            collapsed: flights.followers + flights.shared,
            runs: flights.executed_requests,
            passed: stats.passed_through,
            in_vain: flights.timed_out + flights.refused,
        }
    }

    /// Counters are read one after the other, so none of the differences is relied on.
    fn since(self, before: Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(before.hits),
            collapsed: self.collapsed.saturating_sub(before.collapsed),
            runs: self.runs.saturating_sub(before.runs),
            passed: self.passed.saturating_sub(before.passed),
            in_vain: self.in_vain.saturating_sub(before.in_vain),
        }
    }
}

impl History {
    /// Begins the first window.
    pub(crate) fn new(now: LayerStats) -> Self {
        Self { windows: VecDeque::with_capacity(KEPT), ended: 0, last: now }
    }

    /// Ends a window and begins the next.
    pub(crate) fn end_window(&mut self, now: LayerStats, latencies: Counts) {
        let before = reasons(&self.last);
        let since = |(reason, count): (String, u64)| {
            let count = count.saturating_sub(before.get(&reason).copied().unwrap_or(0));
            (count > 0).then_some((reason, count))
        };
        if self.windows.len() == KEPT {
            self.windows.pop_front();
        }
        self.windows.push_back(Window {
            answers: Answers::of(&now).since(Answers::of(&self.last)),
            latencies,
            refused: reasons(&now).into_iter().filter_map(since).collect(),
        });
        self.ended += 1;
        self.last = now;
    }

    /// Returns the windows as columns, for the page.
    pub(crate) fn to_json(&self) -> Value {
        let answers = |count: fn(&Answers) -> u64| self.column(|window| count(&window.answers));
        let percentile =
            |percent| self.column(move |window| micros(window.latencies.percentile(percent)));
        let all = Counts::sum(self.windows.iter().map(|window| &window.latencies));
        json!({
            "kept": KEPT,
            "ended": self.ended,
            "columns": {
                "hits": answers(|answers| answers.hits),
                "collapsed": answers(|answers| answers.collapsed),
                "runs": answers(|answers| answers.runs),
                "passed": answers(|answers| answers.passed),
                "in_vain": answers(|answers| answers.in_vain),
                "p50_us": percentile(50),
                "p99_us": percentile(99),
            },
            "p50_us": micros(all.percentile(50)),
            "p99_us": micros(all.percentile(99)),
            "refusals": self.refusals(),
        })
    }

    fn column<T>(&self, of: impl Fn(&Window) -> T) -> Vec<T> {
        self.windows.iter().map(of).collect()
    }

    /// Returns each reason that there has been since the start, with its count in each window.
    fn refusals(&self) -> Vec<Value> {
        let known = reasons(&self.last).into_iter();
        let shown = known.filter_map(|(name, total)| {
            let (kind, reason) = name.split_once(": ")?;
            let counts =
                self.column(|window| window.refused.get(&name).copied().unwrap_or_default());
            Some(json!({ "kind": kind, "reason": reason, "total": total, "counts": counts }))
        });
        shown.collect()
    }
}

/// Returns the counts by reason, as the layer serializes them: it has no list of all reasons.
fn reasons(stats: &LayerStats) -> Reasons {
    let mut stats = serde_json::to_value(stats).expect("counters can be written as JSON");
    serde_json::from_value(stats["reasons"].take()).expect("the reasons are a map of counts")
}

fn micros(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

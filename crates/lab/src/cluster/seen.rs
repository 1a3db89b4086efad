//! The observations of all workers in a run, and the figures that follow from it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::clock::{MS, Nanos, ms};
use super::fleet::Who;
use super::judge::{Execution, overlapping};
use super::talk::{Answer, Call, Report};
use super::way::value;
use crate::raw::Line;
use crate::stats::Times;

/// The window of an engine begins with the claim, and the function a step later. So the begins of two functions may be
/// nearer to each other than their windows, by as long as a step may take on a busy machine.
const STEP: Nanos = 5 * MS;

/// After this time everybody has noticed that the engine is gone.
const NOTICED: Nanos = 500 * MS;

pub(super) struct Seen {
    from: Nanos,
    until: Nanos,
    pub(super) fault: Option<Nanos>,
    executions: Vec<Execution>,
    /// With the process that called.
    calls: Vec<(u32, Call)>,
    round_trips: Option<u64>,
    pub(super) failure: Option<String>,
}

impl Seen {
    pub(super) fn new(from: Nanos, until: Nanos) -> Self {
        let (executions, calls) = Default::default();
        Self { from, until, fault: None, executions, calls, round_trips: None, failure: None }
    }

    pub(super) fn add(&mut self, who: Who, report: Report) {
        self.executions.extend(report.executions.iter().map(|ran| Execution {
            who,
            id: ran.id,
            key: ran.key,
            began: ran.began,
            ended: Some(ran.ended),
        }));
        self.calls.extend(report.calls.into_iter().map(|call| (report.process, call)));
        if let Some(more) = report.round_trips {
            *self.round_trips.get_or_insert(0) += more;
        }
        self.failure = self.failure.take().or(report.failure);
    }

    /// The figures of a run without a fault.
    pub(super) fn figures(&self, window: Duration) -> Vec<Line> {
        let window = window.as_nanos() as Nanos;
        let seconds = ms(self.until - self.from) / 1e3;
        let calls: Times = self.calls.iter().map(|(_, call)| took(call)).collect();
        let overlaps = overlapping(&self.executions, &[], Nanos::MAX).len();
        let mut figures = vec![
            Line::figure("overlaps", overlaps as f64),
            Line::figure("calls_s", self.calls.len() as f64 / seconds),
            Line::figure("p50_ms", calls.percentile(0.5) / 1e6),
            Line::figure("p99_ms", calls.percentile(0.99) / 1e6),
        ];
        if let Some(trips) = self.round_trips {
            let each = trips as f64 / self.calls.len().max(1) as f64;
            figures.push(Line::figure("round_trips", each));
        }
        figures.extend(per_window(&self.executions, window));
        figures.extend(back(&self.calls));
        figures.extend(self.faults(window));
        figures
    }

    /// The answers that must not be, and the calls that failed.
    fn faults(&self, window: Nanos) -> Vec<Line> {
        let answers = || self.calls.iter().filter_map(|(_, call)| Some((call, call.answer?)));
        let wrong = answers().filter(|(call, answer)| answer.value != value(call.key)).count();
        // An answer that is out goes to nobody who comes after its window. Who comes before it is out may wait for it.
        let execution = |call: &Call, answer: &Answer| (answer.process, call.key, answer.began);
        let mut out: HashMap<_, Nanos> = HashMap::new();
        for (call, answer) in answers() {
            let first = out.entry(execution(call, &answer)).or_insert(call.returned);
            *first = call.returned.min(*first);
        }
        let is_old = |(call, answer): &(&Call, Answer)| {
            let end_of_window = answer.began.saturating_add(window);
            call.entered >= end_of_window.max(out[&execution(call, answer)])
        };
        let over_age = answers().filter(is_old).count();
        let failed = self.calls.len() - answers().count();
        let faults = [("wrong", wrong), ("over_age", over_age), ("failed", failed)];
        faults.map(|(name, count)| Line::figure(name, count as f64)).to_vec()
    }

    /// The figures of a run whose engine went, or of the same time in one without an engine.
    pub(super) fn outage(&self, window: Duration, function: Duration, fault: Nanos) -> Vec<Line> {
        let nanos = |time: Duration| time.as_nanos() as Nanos;
        // The first calls connect.
        let late = self.calls.iter().filter(|(_, call)| call.returned > fault);
        let worst = late.map(|(_, call)| call.returned - call.entered).max().unwrap_or(0);
        let begin = (fault + NOTICED).min(self.until);
        let is_down = |at: Nanos| (begin..self.until).contains(&at);
        let calls = self.calls.iter().filter(|(_, call)| is_down(call.returned)).count();
        let executions: Vec<_> =
            self.executions.iter().filter(|one| is_down(one.began)).cloned().collect();
        let seconds = ms(self.until - begin) / 1e3;
        let mut figures = vec![
            Line::figure("worst_ms", ms(worst.saturating_sub(nanos(function)))),
            Line::figure("calls_s", calls as f64 / seconds),
        ];
        figures.extend(per_window(&executions, nanos(window)));
        figures.extend(self.faults(nanos(window)));
        figures
    }
}

fn took(call: &Call) -> f64 {
    (call.returned - call.entered) as f64
}

/// Executions for each window that one of them opened. One execution a window is 1, whatever the pauses are.
///
/// A window of a key begins with the first execution after the last window. No figure without executions.
fn per_window(executions: &[Execution], window: Nanos) -> Option<Line> {
    let mut begins: BTreeMap<u64, Vec<Nanos>> = BTreeMap::new();
    for execution in executions {
        begins.entry(execution.key).or_default().push(execution.began);
    }
    let mut windows = 0_u64;
    for all in begins.values_mut() {
        all.sort_unstable();
        let mut end = 0;
        for begin in all.iter() {
            if *begin >= end {
                windows += 1;
                end = begin + window.saturating_sub(STEP);
            }
        }
    }
    (windows > 0).then(|| Line::figure("executions", executions.len() as f64 / windows as f64))
}

/// How long after the end of a function the calls returned that waited for it in another process.
fn back(calls: &[(u32, Call)]) -> Vec<Line> {
    let waited = calls.iter().filter_map(|(process, call)| {
        let answer = call.answer?;
        let is_other = answer.process != *process && call.entered < answer.ended;
        is_other.then(|| call.returned.saturating_sub(answer.ended) as f64)
    });
    back_figures(waited)
}

/// The figures of those who waited, from nanoseconds; none if nobody did.
pub(super) fn back_figures(waited: impl Iterator<Item = f64>) -> Vec<Line> {
    let waited: Vec<f64> = waited.collect();
    if waited.is_empty() {
        return Vec::new();
    }
    let times: Times = waited.into_iter().collect();
    [("back_p50_ms", 0.5), ("back_p99_ms", 0.99)]
        .map(|(name, share)| Line::figure(name, times.percentile(share) / 1e6))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::talk::Ran;
    use super::*;

    const WINDOW: Duration = Duration::from_millis(100);

    fn execution(key: u64, began: Nanos) -> Execution {
        let who = Who { place: 0, generation: 0 };
        Execution { who, id: 0, key, began: began * MS, ended: Some((began + 10) * MS) }
    }

    fn per_window_of(begins: &[(u64, Nanos)]) -> Option<f64> {
        let all: Vec<_> = begins.iter().map(|(key, began)| execution(*key, *began)).collect();
        per_window(&all, 100 * MS).map(|line| line.value)
    }

    #[test]
    fn one_execution_a_window_is_one_whatever_the_pauses_are() {
        assert_eq!(per_window_of(&[(0, 1000), (0, 1100), (0, 1900)]), Some(1.0));
        assert_eq!(per_window_of(&[(0, 1900), (0, 1000), (1, 1001)]), Some(1.0));
        assert_eq!(per_window_of(&[]), None);
    }

    #[test]
    fn executions_within_the_window_of_another_one_of_their_key_are_too_many() {
        assert_eq!(per_window_of(&[(0, 1000), (0, 1001), (0, 1094), (0, 1101)]), Some(2.0));
        // A step may lie between the begin of the window and that of the function.
        assert_eq!(per_window_of(&[(0, 1000), (0, 1096)]), Some(1.0));
    }

    fn answer(began: Nanos) -> Answer {
        let (began, ended) = (began * MS, (began + 10) * MS);
        Answer { value: value(3), began, ended, process: 1 }
    }

    fn call(entered: Nanos, returned: Nanos, answer: Option<Answer>) -> Call {
        Call { key: 3, entered: entered * MS, returned: returned * MS, answer }
    }

    fn seen(process: u32, calls: Vec<Call>) -> Seen {
        let mut seen = Seen::new(1000 * MS, 2000 * MS);
        let executions = vec![Ran { id: 0, key: 3, began: 1000 * MS, ended: 1010 * MS }];
        let who = Who { place: 0, generation: 0 };
        let report = Report { process, executions, calls, round_trips: Some(1), failure: None };
        seen.add(who, report);
        seen
    }

    fn figure(figures: &[Line], name: &str) -> Option<f64> {
        figures.iter().find(|line| line.figure == name).map(|line| line.value)
    }

    #[test]
    fn who_waited_for_another_process_is_back_so_long_after_the_end_of_the_function() {
        let calls =
            vec![call(1005, 1014, Some(answer(1000))), call(1050, 1090, Some(answer(1000)))];
        let back = |process| figure(&seen(process, calls.clone()).figures(WINDOW), "back_p99_ms");
        let other = back(2).expect("it waited");
        assert!((other - 4.0).abs() < 0.01, "the late call did not wait: {other}");
        assert_eq!(back(1), None, "it is the leader's own process");
    }

    #[test]
    fn wrong_old_and_failed_answers_are_counted() {
        let wrong = Answer { value: 0, ..answer(1000) };
        let calls = vec![
            call(1005, 1010, Some(answer(1000))),
            call(1005, 1010, Some(wrong)),
            call(1100, 1101, Some(answer(1000))),
            call(1100, 1101, None),
        ];
        let figures = seen(2, calls).figures(WINDOW);
        let of = |name| figure(&figures, name).expect("it is there");
        assert_eq!((of("wrong"), of("over_age"), of("failed")), (1.0, 1.0, 1.0));
        assert_eq!((of("round_trips"), of("calls_s"), of("executions")), (0.25, 4.0, 1.0));
        assert_eq!(of("overlaps"), 0.0);
    }

    #[test]
    fn an_outage_is_judged_after_all_have_noticed_it_but_its_worst_call_from_its_begin() {
        let calls = vec![
            call(1000, 1090, Some(answer(1000))),
            call(1095, 1160, Some(answer(1100))),
            call(1700, 1711, Some(answer(1700))),
        ];
        let figures = seen(2, calls).outage(WINDOW, Duration::from_millis(10), 1100 * MS);
        let of = |name| figure(&figures, name).expect("it is there");
        assert_eq!(of("worst_ms"), 55.0, "the call before the fault does not count");
        assert!((of("calls_s") - 1.0 / 0.4).abs() < 1e-9, "{}", of("calls_s"));
        assert_eq!(figure(&figures, "executions"), None, "none began after that");
    }
}

//! The rows of the table: a figure of a scenario, and the target that each engine is held to.

use super::lanes::{
    ASIDE, CLIENT, DOGPILE, FILES, LOCAL, LOCK_5, LOCK_100, OFF, POSTGRES, REDIS, RSLOCK,
    RUEIDISASIDE,
};
use crate::raw::Raw;
use crate::stats::{Times, median};

/// The lanes of the table: the library first, then the least, then the others.
pub const COLUMNS: [&str; 12] = [
    REDIS,
    POSTGRES,
    FILES,
    CLIENT,
    LOCAL,
    OFF,
    ASIDE,
    LOCK_100,
    LOCK_5,
    RSLOCK,
    DOGPILE,
    RUEIDISASIDE,
];

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// `None`: all scenarios together.
    pub scenario: Option<&'static str>,
    pub figure: &'static str,
    /// The title, with the unit.
    pub title: &'static str,
    /// The figure that the lines of all rounds make.
    pub of_rounds: OfRounds,
    pub targets: &'static [Target],
}

/// The cell that the lines of a figure make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OfRounds {
    Median,
    /// The value that this share of all lines does not exceed.
    Share(f64),
    Most,
    Sum,
    Count,
}

/// The target of some lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    pub lanes: &'static [&'static str],
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtMost(f64),
    /// At most so many times this lane's figure, round by round.
    AtMostTimes(f64, &'static str),
    /// At least so many times this lane's figure, round by round.
    AtLeastTimes(f64, &'static str),
}

/// How a row ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    NoTarget,
    /// There is a target, and no lane that was measured.
    NotMeasured,
    Met,
    /// These lanes do not meet theirs.
    Missed(Vec<&'static str>),
}

use Bound::{AtLeastTimes, AtMost, AtMostTimes};
use OfRounds::{Count, Median, Most, Share, Sum};

const SHARED: &[&str] = &[REDIS, POSTGRES, FILES];
const SERVERS: &[&str] = &[REDIS, POSTGRES];

const fn of(lanes: &'static [&'static str], bound: Bound) -> Target {
    Target { lanes, bound }
}

const NONE: &[Target] = &[of(SHARED, AtMost(0.0))];
const ONE: &[Target] = &[of(SHARED, AtMost(1.0))];
const TAKEOVER: &[Target] = &[of(&[REDIS], AtMost(100.0)), of(&[POSTGRES, FILES], AtMost(20.0))];

/// All rows, in the table's order.
#[rustfmt::skip]
pub const ALL: [Row; 36] = [
    row("hot", "executions", "one hot key: executions a window", Median, ONE),
    row("hot", "overlaps", "the same: executions that overlapped, all rounds", Sum, NONE),
    row("hot", "round_trips", "the same: round trips a call", Median, &[of(&[REDIS], AtMost(0.01))]),
    row("hot", "calls_s", "the same: calls/s", Median, &[]),
    row("hot", "p50_ms", "the same: call, p50, ms", Median, &[]),
    row("hot", "p99_ms", "the same: call, p99, ms", Median, &[]),
    row("hot", "back_p50_ms", "who waited for another process is back after its function, p50, ms", Median, &[of(&[REDIS], AtMost(0.5))]),
    row("hot", "back_p99_ms", "the same: p99, ms", Median, &[of(&[REDIS], AtMost(2.0))]),
    row("zipf", "executions", "200 keys, Zipf: executions a window of their key", Median, ONE),
    row("zipf", "overlaps", "the same: executions that overlapped, all rounds", Sum, NONE),
    row("zipf", "round_trips", "the same: round trips a call", Median, &[]),
    row("zipf", "p50_ms", "the same: call, p50, ms", Median, &[]),
    row("zipf", "p99_ms", "the same: call, p99, ms", Median, &[]),
    row("lead", "us", "lead with an empty function, 1 process, p50, µs", Median, &[of(&[REDIS], AtMostTimes(1.3, CLIENT))]),
    row("served", "us", "served by another process's result, p50, µs", Median, &[of(&[REDIS], AtMostTimes(1.5, CLIENT))]),
    row("forget", "forget_ms", "forget, until all 8 processes have dropped it, p50, ms", Median, &[of(&[REDIS], AtMost(1.0))]),
    row("forget", "forget_ms", "the same: p99, ms", Share(0.99), &[of(&[REDIS], AtMost(5.0))]),
    row("forget", "unreached", "the same: forgets that did not reach all", Sum, NONE),
    row("kill", "takeover_ms", "leader killed: next execution begins after, p50, ms", Median, &[]),
    row("kill", "takeover_ms", "the same: p99, ms", Share(0.99), TAKEOVER),
    row("kill", "takeover_ms", "the same: kills", Count, &[]),
    row("killed", "worst_ms", "engine killed: worst call, above the function, ms", Most, &[of(SERVERS, AtMost(50.0))]),
    row("killed", "calls_s", "the same: calls/s while it is down", Median, &[of(SHARED, AtLeastTimes(0.95, LOCAL))]),
    row("killed", "executions", "the same: executions a window", Median, &[of(SHARED, AtMost(8.0))]),
    row("frozen", "worst_ms", "engine frozen: worst call, above the function, ms", Most, &[of(SERVERS, AtMost(250.0))]),
    row("frozen", "calls_s", "the same: calls/s while it is frozen", Median, &[of(SERVERS, AtLeastTimes(0.95, LOCAL))]),
    row("frozen", "executions", "the same: executions a window", Median, &[of(SERVERS, AtMost(8.0))]),
    all("wrong", "wrong answers, in all of these", NONE),
    all("over_age", "answers over age, in all of these", NONE),
    all("failed", "calls that failed, in all of these", NONE),
    row("steps", "lead", "time in the server: lead, µs", Median, &[of(&[REDIS], AtMost(25.0))]),
    row("steps", "publish", "the same: publish, µs", Median, &[of(&[REDIS], AtMost(25.0))]),
    row("steps", "hit", "the same: hit, µs", Median, &[of(&[REDIS], AtMost(10.0))]),
    row("steps", "follow", "the same: follow, µs", Median, &[of(&[REDIS], AtMost(12.0))]),
    row("steps", "forget_100", "the same: forget with 100 holders, µs", Median, &[of(&[REDIS], AtMost(200.0))]),
    row("steps", "get_set", "the same: GET and SET, µs", Median, &[]),
];

const fn row(
    scenario: &'static str,
    figure: &'static str,
    title: &'static str,
    of_rounds: OfRounds,
    targets: &'static [Target],
) -> Row {
    Row { scenario: Some(scenario), figure, title, of_rounds, targets }
}

const fn all(figure: &'static str, title: &'static str, targets: &'static [Target]) -> Row {
    Row { scenario: None, figure, title, of_rounds: Sum, targets }
}

impl Row {
    /// The figure of a lane; `None` if it was not measured.
    pub fn of(&self, raw: &Raw, lane: &str) -> Option<f64> {
        let values = raw.values(self.scenario, lane, self.figure);
        (!values.is_empty()).then(|| self.of_rounds.of(values))
    }

    pub fn verdict(&self, raw: &Raw) -> Verdict {
        if self.targets.is_empty() {
            return Verdict::NoTarget;
        }
        let lanes = self.targets.iter().flat_map(|target| {
            target.lanes.iter().filter_map(|lane| Some((*lane, self.is_met(raw, lane, target)?)))
        });
        let lanes: Vec<_> = lanes.collect();
        let missed: Vec<_> = lanes.iter().filter(|(_, met)| !met).map(|(lane, _)| *lane).collect();
        match (lanes.is_empty(), missed.is_empty()) {
            (true, _) => Verdict::NotMeasured,
            (false, true) => Verdict::Met,
            (false, false) => Verdict::Missed(missed),
        }
    }

    /// `None` if the lane, or the one that it is compared with, was not measured.
    fn is_met(&self, raw: &Raw, lane: &str, target: &Target) -> Option<bool> {
        let times = |other| raw.ratio(self.scenario?, self.figure, lane, other);
        Some(match target.bound {
            AtMost(most) => self.of(raw, lane)? <= most,
            AtMostTimes(most, other) => times(other)? <= most,
            AtLeastTimes(least, other) => times(other)? >= least,
        })
    }
}

impl OfRounds {
    fn of(self, values: Vec<f64>) -> f64 {
        match self {
            Median => median(&values),
            Share(share) => values.into_iter().collect::<Times>().percentile(share),
            Most => values.into_iter().fold(f64::MIN, f64::max),
            Sum => values.iter().sum(),
            Count => values.len() as f64,
        }
    }
}

impl Target {
    /// The bound, and whom it is for if it is not for all of them.
    pub fn text(&self) -> String {
        let bound = match self.bound {
            AtMost(most) => format!("≤ {most}"),
            AtMostTimes(times, lane) => format!("≤ {times}x {lane}"),
            AtLeastTimes(times, lane) => format!("≥ {times}x {lane}"),
        };
        if self.lanes == SHARED { bound } else { format!("{}: {bound}", self.lanes.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Line;

    fn find(scenario: &str, figure: &str, of_rounds: OfRounds) -> &'static Row {
        let is_it = |row: &&Row| {
            (row.scenario, row.figure, row.of_rounds) == (Some(scenario), figure, of_rounds)
        };
        ALL.iter().find(is_it).expect("it is there")
    }

    fn raw(row: &Row, values: &[(&str, f64)]) -> Raw {
        let scenario = row.scenario.unwrap_or("hot");
        let line = |(lane, value): &(&str, f64)| Line::new(scenario, lane, row.figure, *value);
        Raw { lines: values.iter().map(line).collect(), ..Raw::default() }
    }

    #[test]
    fn each_engine_is_held_to_its_own_bound_and_those_that_miss_it_are_named() {
        let row = find("kill", "takeover_ms", Share(0.99));
        let verdict = |values: &[(&str, f64)]| row.verdict(&raw(row, values));
        assert_eq!(verdict(&[(REDIS, 99.0), (POSTGRES, 19.0), (FILES, 5.0)]), Verdict::Met);
        assert_eq!(verdict(&[(REDIS, 30.0)]), Verdict::Met, "the others were not there");
        let missed = verdict(&[(REDIS, 99.0), (POSTGRES, 21.0), (FILES, 30.0)]);
        assert_eq!(missed, Verdict::Missed(vec![POSTGRES, FILES]));
        assert_eq!(verdict(&[(ASIDE, 1.0)]), Verdict::NotMeasured);
        let count = find("kill", "takeover_ms", Count);
        assert_eq!(count.verdict(&raw(count, &[(REDIS, 1.0)])), Verdict::NoTarget);
    }

    #[test]
    fn a_lead_is_held_to_the_commands_of_the_same_round() {
        let row = find("lead", "us", Median);
        let verdict = |own| row.verdict(&raw(row, &[(CLIENT, 100.0), (REDIS, own)]));
        assert_eq!(verdict(130.0), Verdict::Met);
        assert_eq!(verdict(131.0), Verdict::Missed(vec![REDIS]));
        assert_eq!(row.verdict(&raw(row, &[(REDIS, 1.0)])), Verdict::NotMeasured);
    }

    #[test]
    fn calls_of_an_outage_are_held_to_those_without_an_engine() {
        let row = find("killed", "calls_s", Median);
        let verdict = |own| row.verdict(&raw(row, &[(LOCAL, 1000.0), (FILES, own)]));
        assert_eq!((verdict(950.0), verdict(949.0)), (Verdict::Met, Verdict::Missed(vec![FILES])));
    }

    #[test]
    fn the_lines_of_all_rounds_become_one_figure() {
        let values = || (1..=200).rev().map(f64::from).collect::<Vec<_>>();
        assert_eq!(Median.of(values()), 100.5);
        assert!((Share(0.99).of(values()) - 198.0).abs() < 0.2);
        assert_eq!((Most.of(values()), Count.of(values())), (200.0, 200.0));
        assert_eq!(Sum.of(values()), 20_100.0);
    }

    #[test]
    fn one_wrong_answer_in_any_scenario_misses_the_target() {
        let row = ALL.iter().find(|row| row.figure == "wrong").expect("it is there");
        let mut raw = raw(row, &[(REDIS, 0.0), (POSTGRES, 0.0), (ASIDE, 5.0)]);
        assert_eq!(row.verdict(&raw), Verdict::Met, "others are not held to it");
        raw.lines.push(Line::new("zipf", POSTGRES, "wrong", 1.0));
        assert_eq!(row.verdict(&raw), Verdict::Missed(vec![POSTGRES]));
    }
}

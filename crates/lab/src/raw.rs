//! Raw lines: each figure of a lane, and the conditions of the run, as JSON.
//!
//! ```text
//! {"compiler":["rustc 1.95.0"],"date":["2026-11-23"]}
//! {"scenario":"lead-1t","lane":"moka","figure":"ns","value":1249.7}
//! {"scenario":"keys","lane":"hit","x":1000.0,"value":28.2}
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stats::median;

/// One figure of one lane. A lane that runs in several rounds has a line for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    pub scenario: String,
    pub lane: String,
    /// The figure's name, where a lane has several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub figure: String,
    /// The place on a curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    pub value: f64,
}

impl Line {
    pub fn new(scenario: &str, lane: &str, figure: &str, value: f64) -> Self {
        let [scenario, lane, figure] = [scenario, lane, figure].map(str::to_owned);
        Self { scenario, lane, figure, x: None, value }
    }

    /// A figure of a lane. The runner adds the lane's name.
    pub fn figure(figure: &str, value: f64) -> Self {
        Self::new("", "", figure, value)
    }

    /// A point of a curve.
    pub fn point(lane: &str, x: f64, value: f64) -> Self {
        Self { x: Some(x), ..Self::new("", lane, "", value) }
    }
}

/// All lines of a run, or of several that were put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw {
    /// The conditions; one in which runs differ has several values.
    pub facts: BTreeMap<String, BTreeSet<String>>,
    /// The lines, in the order in which they were measured.
    pub lines: Vec<Line>,
}

impl Raw {
    pub fn note(&mut self, name: &str, value: &str) {
        self.facts.entry(name.to_owned()).or_default().insert(value.to_owned());
    }

    /// All values of a condition.
    pub fn fact(&self, name: &str) -> String {
        let values = self.facts.get(name).map(|all| all.iter().cloned().collect::<Vec<_>>());
        values.map_or_else(|| "unknown".to_owned(), |values| values.join(" and "))
    }

    pub fn has(&self, scenario: &str) -> bool {
        self.lines.iter().any(|line| line.scenario == scenario)
    }

    /// All values of a figure, in one scenario or in all.
    pub fn values(&self, scenario: Option<&str>, lane: &str, figure: &str) -> Vec<f64> {
        let lines = self.lines.iter().filter(|line| {
            scenario.is_none_or(|scenario| line.scenario == scenario)
                && line.lane == lane
                && line.figure == figure
        });
        lines.map(|line| line.value).collect()
    }

    /// The median of a figure over all rounds; `None` if there is no such lane.
    pub fn figure(&self, scenario: &str, lane: &str, figure: &str) -> Option<f64> {
        let values = self.values(Some(scenario), lane, figure);
        (!values.is_empty()).then(|| median(&values))
    }

    /// The ratio of one lane's figure to another's: the median over the rounds.
    ///
    /// Both are taken from the same round. So a disturbance of a whole round does not count, and a
    /// host that moves the cores in the middle of a scenario gives no contender an advantage.
    pub fn ratio(&self, scenario: &str, figure: &str, of: &str, to: &str) -> Option<f64> {
        let of = self.values(Some(scenario), of, figure);
        let to = self.values(Some(scenario), to, figure);
        if of.is_empty() || to.is_empty() {
            return None;
        }
        if of.len() != to.len() {
            // Runs with different contenders were put together.
            return Some(median(&of) / median(&to));
        }
        Some(median(&of.iter().zip(&to).map(|(of, to)| of / to).collect::<Vec<_>>()))
    }

    /// The medians of a curve's lane, from the least `x` to the greatest.
    pub fn points(&self, scenario: &str, lane: &str) -> Vec<(f64, f64)> {
        let mut rounds: Vec<(f64, Vec<f64>)> = Vec::new();
        let lines = self.lines.iter().filter(|it| it.scenario == scenario && it.lane == lane);
        for (x, value) in lines.filter_map(|line| Some((line.x?, line.value))) {
            match rounds.iter_mut().find(|(known, _)| *known == x) {
                Some((_, values)) => values.push(value),
                None => rounds.push((x, vec![value])),
            }
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        rounds.into_iter().map(|(x, values)| (x, median(&values))).collect()
    }

    /// Adds the lines and conditions of another run.
    pub fn append(&mut self, other: Raw) {
        for (name, values) in other.facts {
            self.facts.entry(name).or_default().extend(values);
        }
        self.lines.extend(other.lines);
    }

    /// Reads a file that `write` made.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a line is not of this kind.
    pub fn read(path: &Path) -> Result<Self> {
        let place = || format!("cannot read {}", path.display());
        Self::parse(&std::fs::read_to_string(path).with_context(place)?).with_context(place)
    }

    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::page::write(path, &self.text()?)
    }

    fn parse(text: &str) -> Result<Self> {
        let (facts, lines) = text.split_once('\n').context("it has no lines")?;
        let lines =
            lines.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned()));
        Ok(Self { facts: serde_json::from_str(facts)?, lines: lines.collect::<Result<_>>()? })
    }

    fn text(&self) -> Result<String> {
        let mut text = serde_json::to_string(&self.facts)? + "\n";
        for line in &self.lines {
            writeln!(text, "{}", serde_json::to_string(line)?)?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(lane: &str, value: f64) -> Line {
        Line::new("lead", lane, "ns", value)
    }

    #[test]
    fn a_raw_file_reads_back_and_a_wrong_line_is_named() {
        let mut raw = Raw::default();
        raw.note("commit", "a");
        raw.note("commit", "b");
        raw.lines = vec![line("moka", 1.25), Line::point("hit", 1e7, 3e9)];
        let text = raw.text().expect("it can be written");
        assert_eq!(Raw::parse(&text).expect("it was written just now"), raw);
        assert_eq!(raw.fact("commit"), "a and b");
        let error = Raw::parse(&(text + "nonsense")).expect_err("the last line is wrong");
        assert!(format!("{error:#}").contains("nonsense"), "{error:#}");
    }

    #[test]
    fn a_figure_is_the_median_of_its_own_lane() {
        let mut raw = Raw { lines: vec![line("moka", 1.0), line("moka", 2.0)], ..Raw::default() };
        raw.lines.push(line("floor", 99.0));
        raw.append(Raw { lines: vec![line("moka", 30.0)], ..Raw::default() });
        assert_eq!(raw.figure("lead", "moka", "ns"), Some(2.0));
        assert_eq!(raw.figure("lead", "moka", "us"), None);
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        // The cores are moved apart after the second of five rounds: all takes twice as long.
        let figures = [(10.0, 8.0), (10.0, 8.0), (20.0, 17.0), (20.0, 16.0), (20.0, 16.0)];
        let lines = figures.into_iter().flat_map(|(a, b)| [line("moka", a), line("floor", b)]);
        let mut raw = Raw { lines: lines.collect(), ..Raw::default() };
        assert_eq!(raw.ratio("lead", "ns", "moka", "floor"), Some(1.25));
        assert_eq!(raw.ratio("lead", "ns", "moka", "nobody"), None);
        raw.lines.push(line("moka", 20.0));
        assert_eq!(raw.ratio("lead", "ns", "moka", "floor"), Some(20.0 / 16.0), "of medians");
    }

    #[test]
    fn the_rounds_of_a_point_become_their_median_in_order_of_x() {
        let points =
            [("hit", 10.0, 7.0), ("hit", 1.0, 3.0), ("lead", 1.0, 99.0), ("hit", 10.0, 9.0)];
        let points =
            points.map(|(lane, x, y)| Line { scenario: "k".into(), ..Line::point(lane, x, y) });
        let raw = Raw { lines: points.to_vec(), ..Raw::default() };
        assert_eq!(raw.points("k", "hit"), [(1.0, 3.0), (10.0, 8.0)]);
    }
}

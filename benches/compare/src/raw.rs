//! Raw lines: what each lane found in each round, as tab-separated text, and under what conditions.
//!
//! ```text
//! # cpu: AMD EPYC, 2 cores
//! scenario  contender  round  figure  value
//! lead-1t   moka       0      ns      1249.7
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::stats::median;

/// The names of the columns.
const HEAD: &str = "scenario\tcontender\tround\tfigure\tvalue";

/// One figure of one lane in one round; of herds a lane sends several, and each has its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The scenario's name.
    pub scenario: String,
    /// The contender's name.
    pub contender: String,
    /// The number of the round, from zero.
    pub round: usize,
    /// The figure's name.
    pub figure: String,
    /// What it came to.
    pub value: f64,
}

impl Line {
    /// One figure.
    pub fn new(scenario: &str, contender: &str, round: usize, figure: &str, value: f64) -> Self {
        let [scenario, contender, figure] = [scenario, contender, figure].map(str::to_owned);
        Self { scenario, contender, round, figure, value }
    }
}

/// All lines of a run, or of several that were put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw {
    /// The conditions; where runs differ in one, it has several values.
    pub notes: BTreeMap<String, Vec<String>>,
    /// The lines, in the order in which they came about.
    pub lines: Vec<Line>,
}

impl Raw {
    /// Notes a condition, once.
    pub fn note(&mut self, name: &str, value: &str) {
        let values = self.notes.entry(name.to_owned()).or_default();
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// All values of a condition.
    pub fn noted(&self, name: &str) -> Option<String> {
        self.notes.get(name).map(|values| values.join("; "))
    }

    /// The median of a figure over all its lines; `None` if there is no such lane.
    pub fn figure(&self, scenario: &str, contender: &str, figure: &str) -> Option<f64> {
        let values = self.values(Some(scenario), contender, figure);
        (!values.is_empty()).then(|| median(&values))
    }

    /// How many times as much one contender's figure is as another's: the median over the rounds.
    ///
    /// Both are taken from the same round, so what slows a whole round down does not count, and a
    /// host that moves the cores about in the middle of a scenario gives nobody an advantage.
    pub fn ratio(&self, scenario: &str, figure: &str, of: &str, to: &str) -> Option<f64> {
        let of = self.values(Some(scenario), of, figure);
        let to = self.values(Some(scenario), to, figure);
        if of.len() != to.len() {
            // Runs of which one knew more contenders were put together.
            return (!of.is_empty() && !to.is_empty()).then(|| median(&of) / median(&to));
        }
        let ratios: Vec<_> = of.iter().zip(&to).map(|(of, to)| of / to).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// All values of a figure, in one scenario or in all.
    pub fn values(&self, scenario: Option<&str>, contender: &str, figure: &str) -> Vec<f64> {
        let lines = self.lines.iter().filter(|line| {
            scenario.is_none_or(|scenario| line.scenario == scenario)
                && line.contender == contender
                && line.figure == figure
        });
        lines.map(|line| line.value).collect()
    }

    /// Puts the lines and conditions of another run behind one's own.
    pub fn append(&mut self, other: Raw) {
        for (name, values) in other.notes {
            values.iter().for_each(|value| self.note(&name, value));
        }
        self.lines.extend(other.lines);
    }

    /// Reads a file that `write` made.
    ///
    /// # Errors
    ///
    /// If it cannot be read or a line is not of this kind.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        Self::parse(&text.with_context(|| format!("cannot read {}", path.display()))?)
    }

    /// Writes everything.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::write(path, &self.text())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut raw = Self::default();
        for line in text.lines().filter(|line| *line != HEAD) {
            match line.strip_prefix("# ") {
                Some(note) => {
                    let (name, value) = note.split_once(": ").context("a note without a name")?;
                    raw.note(name, value);
                }
                None => raw.lines.push(parse_line(line)?),
            }
        }
        Ok(raw)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, values) in &self.notes {
            values.iter().for_each(|value| add(&mut text, format_args!("# {name}: {value}")));
        }
        add(&mut text, format_args!("{HEAD}"));
        for Line { scenario, contender, round, figure, value } in &self.lines {
            add(&mut text, format_args!("{scenario}\t{contender}\t{round}\t{figure}\t{value}"));
        }
        text
    }
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all text");
}

fn parse_line(line: &str) -> Result<Line> {
    let fields: Vec<_> = line.split('\t').collect();
    let [scenario, contender, round, figure, value] = fields[..] else {
        bail!("not a raw line: {line:?}");
    };
    let round = round.parse().with_context(|| format!("no round: {line:?}"))?;
    let value = value.parse().with_context(|| format!("no value: {line:?}"))?;
    Ok(Line::new(scenario, contender, round, figure, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(round: usize, value: f64) -> Line {
        Line::new("lead", "moka", round, "ns", value)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut raw = Raw::default();
        raw.note("cpu", "some: 2 cores");
        raw.note("commit", "a");
        raw.note("commit", "b");
        raw.lines = vec![line(0, 1.25), line(1, 3e9)];
        assert_eq!(Raw::parse(&raw.text()).expect("it was written just now"), raw);
    }

    #[test]
    fn what_is_no_raw_line_is_refused() {
        for text in ["lead\tmoka\t0\tns", "lead\tmoka\tzero\tns\t1", "lead\tmoka\t0\tns\tfast", "#"]
        {
            assert!(Raw::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_figure_is_the_median_of_its_own_lane() {
        let mut raw = Raw { lines: vec![line(0, 1.0), line(1, 2.0)], ..Raw::default() };
        raw.lines.push(Line { contender: "floor".into(), ..line(0, 99.0) });
        raw.append(Raw { lines: vec![line(0, 30.0)], ..Raw::default() });
        assert_eq!(raw.figure("lead", "moka", "ns"), Some(2.0));
        assert_eq!(raw.figure("lead", "moka", "us"), None);
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        // The cores are moved apart after the second of five rounds: everything takes twice as long.
        let figures = [(10.0, 8.0), (10.0, 8.0), (20.0, 17.0), (20.0, 16.0), (20.0, 16.0)];
        let mut raw = Raw::default();
        for (round, (moka, floor)) in figures.into_iter().enumerate() {
            raw.lines.push(line(round, moka));
            raw.lines.push(Line { contender: "floor".into(), ..line(round, floor) });
        }
        assert_eq!(raw.ratio("lead", "ns", "moka", "floor"), Some(1.25));
        assert_eq!(raw.ratio("lead", "ns", "moka", "nobody"), None);
        raw.lines.push(line(5, 20.0));
        assert_eq!(raw.ratio("lead", "ns", "moka", "floor"), Some(20.0 / 16.0), "of medians");
    }

    #[test]
    fn a_condition_in_which_runs_differ_has_both_values() {
        let mut raw = Raw::default();
        raw.note("commit", "a");
        let mut other = Raw::default();
        other.note("commit", "b");
        raw.append(other.clone());
        raw.append(other);
        assert_eq!(raw.noted("commit").as_deref(), Some("a; b"));
    }
}

//! The report: tables, the steepest steps, and the chart, all from the raw points.

mod chart;
pub(crate) mod page;
mod scale;
mod steps;
mod style;
mod table;

pub(crate) use table::markdown;

use std::collections::BTreeSet;

use crate::curve::{self, Curve};
use crate::extent;
use crate::raw::Measured;
use crate::run::Curves;

/// What is said of a run.
#[derive(Debug)]
pub(crate) struct Report {
    curves: Curves,
}

impl Report {
    pub(crate) fn new(curves: Curves) -> Self {
        Self { curves }
    }

    /// The curves that there are, with what was measured of each.
    fn shown(&self) -> impl Iterator<Item = (&'static Curve, &Measured)> {
        curve::ALL.iter().filter_map(|curve| Some((curve, self.curves.get(curve.name)?)))
    }

    /// The names of those that there are not.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let names = curve::ALL.iter().map(|curve| curve.name);
        names.filter(|name| !self.curves.contains_key(*name)).collect()
    }

    /// Whether each was measured to its end.
    pub(crate) fn is_whole(&self) -> bool {
        let mut extents = self.curves.values().map(|measured| measured.facts.get("extent"));
        extents.all(|extent| extent.is_some_and(|extent| extent == extent::WHOLE.name))
    }

    /// The pieces that the page takes, by name.
    pub(crate) fn parts(&self) -> Vec<(String, String)> {
        let tables = self
            .shown()
            .map(|(curve, measured)| (curve.name.to_string(), table::of_curve(curve, measured)));
        let facts = ("facts".to_string(), self.facts());
        let steps = ("steps".to_string(), steps::table(self.shown()));
        tables.chain([facts, steps]).collect()
    }

    /// All of it, for a terminal.
    pub(crate) fn text(&self) -> String {
        let tables = self.shown().map(|(curve, measured)| {
            let table = table::of_curve(curve, measured);
            format!("## {}\n\n{}\n\n{table}\n", curve.name, curve.question)
        });
        let tables: String = tables.collect();
        format!("{tables}## steepest steps\n\n{}\n{}", steps::table(self.shown()), self.facts())
    }

    pub(crate) fn chart(&self) -> String {
        chart::draw(self.shown().collect(), &self.facts())
    }

    /// Where and when; several of a kind if the curves are of several runs.
    fn facts(&self) -> String {
        let kinds = ["machine", "system", "compiler", "commit", "date", "extent"];
        let kinds = kinds.map(|kind| {
            let values = self.curves.values().filter_map(|measured| measured.facts.get(kind));
            let values: BTreeSet<&str> = values.map(String::as_str).collect();
            values.into_iter().collect::<Vec<_>>().join(" and ")
        });
        let [machine, system, compiler, commit, date, extent] = kinds;
        let extent = if extent == extent::WHOLE.name { "" } else { ", measured in part only" };
        let others = self.others();
        format!("{machine}; {system}; {compiler}; commit {commit}; {date}{others}{extent}\n")
    }

    /// How much of the machine others used at the most while a curve was measured, and which.
    fn others(&self) -> String {
        let shares = self.curves.iter().filter_map(|(name, measured)| {
            Some((measured.facts.get("others")?.parse::<f64>().ok()?, name))
        });
        let most = shares.max_by(|one, other| one.0.total_cmp(&other.0));
        most.map_or(String::new(), |(share, name)| {
            format!("; other programs used up to {share} % of the machine meanwhile ({name})")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Point;

    /// A measured curve with two points in each of its lanes.
    pub(crate) fn some(curve: &Curve) -> Measured {
        let points = curve.lanes.iter().flat_map(|lane| {
            [1.0, 1000.0].map(|x| Point { lane: lane.name.to_string(), x, y: 10.0 + x })
        });
        let facts = [("date", "2026-01-31"), ("commit", "abc"), ("extent", "whole")];
        let facts = facts.map(|(name, value)| (name.to_string(), value.to_string()));
        Measured { facts: facts.into(), points: points.collect() }
    }

    fn all() -> Curves {
        curve::ALL.iter().map(|curve| (curve.name.to_string(), some(curve))).collect()
    }

    #[test]
    fn a_report_knows_what_it_lacks() {
        let mut curves = all();
        assert!(Report::new(curves.clone()).missing().is_empty());
        curves.remove("herd");
        assert_eq!(Report::new(curves).missing(), ["herd"]);
    }

    #[test]
    fn a_part_of_a_curve_is_not_taken_for_the_whole() {
        let mut curves = all();
        assert!(Report::new(curves.clone()).is_whole());
        let herd = curves.get_mut("herd").expect("it is one of all");
        herd.facts.insert("extent".to_string(), "quick".to_string());
        let report = Report::new(curves);
        assert!(!report.is_whole());
        assert!(report.facts().contains("in part only"));
    }

    #[test]
    fn curves_of_two_runs_are_seen_to_be_so() {
        let mut curves = all();
        let herd = curves.get_mut("herd").expect("it is one of all");
        herd.facts.insert("commit".to_string(), "def".to_string());
        assert!(Report::new(curves).facts().contains("abc and def"));
    }

    #[test]
    fn a_machine_that_was_busy_is_told_of() {
        let mut curves = all();
        assert!(!Report::new(curves.clone()).facts().contains('%'));
        for (curve, share) in [("herd", "0.4"), ("keys", "12.5"), ("values", "3.0")] {
            let curve = curves.get_mut(curve).expect("it is one of all");
            curve.facts.insert("others".to_string(), share.to_string());
        }
        assert!(
            Report::new(curves).facts().contains("up to 12.5 % of the machine meanwhile (keys)")
        );
    }

    #[test]
    fn the_page_gets_a_part_for_each_curve() {
        let parts = Report::new(all()).parts();
        for curve in curve::ALL {
            let part = parts.iter().find(|(name, _)| name == curve.name);
            assert!(part.expect("it was measured").1.contains(curve.lanes[0].title));
        }
    }
}

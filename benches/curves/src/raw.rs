//! Raw lines: what was measured, one value a line, and the facts that it hangs on.
//!
//! ```text
//! # date    2026-01-31
//! keys      hit    1000    24.5
//! ```
//!
//! A file holds one curve or several. A line that begins with `#` is a fact about all lines after
//! it, up to the next fact of that name.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::stats;

/// What was measured of one curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) points: Vec<Point>,
}

/// One value of one round.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) lane: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Point {
    pub(crate) fn line(&self, curve: &str) -> String {
        format!("{curve}\t{}\t{}\t{}", self.lane, self.x, self.y)
    }
}

impl Measured {
    /// The medians of a lane, from the least `x` to the greatest.
    pub(crate) fn medians(&self, lane: &str) -> Vec<(f64, f64)> {
        let mut rounds: Vec<(f64, Vec<f64>)> = Vec::new();
        for point in self.points.iter().filter(|point| point.lane == lane) {
            match rounds.iter_mut().find(|(x, _)| *x == point.x) {
                Some((_, values)) => values.push(point.y),
                None => rounds.push((point.x, vec![point.y])),
            }
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        rounds.into_iter().map(|(x, values)| (x, stats::median(&values))).collect()
    }
}

/// The text of a file with one curve.
pub(crate) fn write(curve: &str, measured: &Measured) -> String {
    let facts = measured.facts.iter().map(|(name, value)| format!("# {name}\t{value}\n"));
    let points = measured.points.iter().map(|point| point.line(curve) + "\n");
    facts.chain(points).collect()
}

/// The curves of a file, by name.
pub(crate) fn read(text: &str) -> Result<BTreeMap<String, Measured>> {
    let mut facts = BTreeMap::new();
    let mut curves: BTreeMap<String, Measured> = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("line {}: {line:?}", number + 1);
        if let Some(fact) = line.strip_prefix('#') {
            let (name, value) = fact.split_once('\t').with_context(place)?;
            facts.insert(name.trim().to_string(), value.trim().to_string());
            continue;
        }
        let (curve, point) = parse(line).with_context(place)?;
        let measured = curves.entry(curve).or_default();
        measured.facts.clone_from(&facts);
        measured.points.push(point);
    }
    Ok(curves)
}

/// A line with a value.
pub(crate) fn parse(line: &str) -> Result<(String, Point)> {
    let fields: Vec<&str> = line.split('\t').collect();
    ensure!(fields.len() == 4, "not curve, lane, x and y with tabs between");
    let number = |text: &str| text.parse().with_context(|| format!("{text:?} is no number"));
    let point = Point { lane: fields[1].to_string(), x: number(fields[2])?, y: number(fields[3])? };
    ensure!(!point.x.is_nan() && point.y.is_finite(), "a value that is none");
    Ok((fields[0].to_string(), point))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(lane: &str, x: f64, y: f64) -> Point {
        Point { lane: lane.to_string(), x, y }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let facts = BTreeMap::from([("date".to_string(), "2026-01-31".to_string())]);
        let points = vec![point("hit", 1000.0, 24.5), point("hit", f64::INFINITY, 1e-3)];
        let measured = Measured { facts, points };
        let text = write("keys", &measured);
        let read = read(&text).expect("it was written so");
        assert_eq!(read, BTreeMap::from([("keys".to_string(), measured)]));
    }

    #[test]
    fn the_rounds_of_a_point_become_their_median_in_order_of_x() {
        let points = vec![
            point("hit", 10.0, 7.0),
            point("hit", 1.0, 3.0),
            point("lead", 1.0, 99.0),
            point("hit", 10.0, 9.0),
            point("hit", 10.0, 8.0),
        ];
        let measured = Measured { points, ..Measured::default() };
        assert_eq!(measured.medians("hit"), [(1.0, 3.0), (10.0, 8.0)]);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for wrong in ["keys\thit\t1", "keys\thit\tone\t2", "keys\thit\t1\tNaN", "# date"] {
            let error = read(&format!("keys\thit\t1\t2\n{wrong}\n")).expect_err("it is wrong");
            assert!(format!("{error:#}").contains("line 2"), "{error:#}");
        }
    }
}

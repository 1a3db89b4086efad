//! The pictures: one for each finding, whose title is the finding with its figures.

use anyhow::Result;

use super::curve::{ALL, Curve};
use super::report;
use crate::chart::{self, BOUND, GREEN, OWN, PEER, Picture, lines};
use crate::page::Part;
use crate::raw::Raw;
use crate::units::Unit;

/// One finding.
struct Finding {
    /// The name of the picture's file.
    file: &'static str,
    curve: &'static str,
    /// The quantity whose points are drawn.
    quantity: &'static str,
    /// The lanes, and their names in the picture: first the library's, then others.
    lanes: &'static [(&'static str, &'static str)],
    /// `None` if a figure of the title was not measured.
    title: fn(&Figures<'_>) -> Option<String>,
}

/// The figures of a curve, written for people.
struct Figures<'a> {
    curve: &'a Curve,
    raw: &'a Raw,
}

impl Figures<'_> {
    /// A lane's figure at this place, or at the greatest that was measured.
    fn at(&self, lane: &str, x: Option<f64>) -> Option<String> {
        let points = self.raw.points(self.curve.name, lane);
        let point = points.iter().rfind(|point| x.is_none_or(|x| point.0 == x))?;
        Some(self.curve.lane(lane)?.unit.write(point.1))
    }

    fn last(&self, lane: &str) -> Option<String> {
        self.at(lane, None)
    }

    /// The greatest place.
    fn most(&self, lane: &str) -> Option<String> {
        let points = self.raw.points(self.curve.name, lane);
        let x = points.last()?.0;
        // A title shows no figure such as 8.19k.
        let is_short = self.curve.x.1 == Unit::Count && x < 10_000.0;
        Some(if is_short { x.to_string() } else { self.curve.x.1.write(x) })
    }
}

#[rustfmt::skip]
const FINDINGS: &[Finding] = &[
    Finding {
        file: "leader", curve: "herd", quantity: "until the call that ran the function returns",
        lanes: &[("leader", "coalescer"), ("leader floor", "broadcast")],
        title: |it| Some(format!(
            "Waking {} followers holds the leader for {}; a broadcast holds it for {}",
            it.most("leader")?, it.last("leader")?, it.last("leader floor")?)),
    },
    Finding {
        file: "followers", curve: "herd", quantity: "until the last follower returns, for each follower",
        lanes: &[("last", "coalescer"), ("last floor", "broadcast")],
        title: |it| Some(format!(
            "Followers wake each other: {} for each of {}; a broadcast by the leader takes {}",
            it.last("last")?, it.most("last")?, it.last("last floor")?)),
    },
    Finding {
        file: "tickets", curve: "tickets", quantity: "time beside so many tickets",
        lanes: &[("leader", "leader returns"), ("called", "a callback"), ("receiver", "drop a receiver"),
            ("ticket", "drop a ticket")],
        title: |it| Some(format!(
            "Beside {} tickets a leader returns after {}, and one is dropped in {}",
            it.most("leader")?, it.last("leader")?, it.last("ticket")?)),
    },
    Finding {
        file: "threads", curve: "threads", quantity: "calls of all threads together",
        lanes: &[("keys", "finds a result"), ("leads", "runs the function"), ("one key", "finds one result"),
            ("keys floor", "bare map and lock")],
        title: |it| Some(format!(
            "{} threads find {} results, and 2 threads find {}",
            it.most("keys")?, it.last("keys")?, it.at("keys", Some(2.0))?)),
    },
    Finding {
        file: "keys", curve: "keys", quantity: "time of a call",
        lanes: &[("hit", "finds a result"), ("hit floor", "bare map and lock"), ("lead", "runs the function")],
        title: |it| Some(format!(
            "Among {} keys a call finds a result in {}, and a bare map in {}",
            it.most("hit")?, it.last("hit")?, it.last("hit floor")?)),
    },
    Finding {
        file: "growth", curve: "growth", quantity: "slowest call that adds a key",
        lanes: &[("64 shards", "64 shards (default)"), ("one map", "one map and lock"), ("1024 shards", "1024 shards")],
        title: |it| Some(format!(
            "On the way to {} keys the slowest call takes {}; with one map, {}",
            it.most("64 shards")?, it.last("64 shards")?, it.last("one map")?)),
    },
    Finding {
        file: "values", curve: "values", quantity: "time of a call",
        lanes: &[("hit", "finds a result"), ("lead floor", "makes it, bare map"), ("lead", "makes it, coalescer")],
        title: |it| Some(format!(
            "Finding a result does not copy it: {} for 8 B, {} for {}",
            it.at("hit", Some(8.0))?, it.last("hit")?, it.most("hit")?)),
    },
    Finding {
        file: "windows", curve: "windows", quantity: "time of a call, 1024 keys at random",
        lanes: &[("call", "coalescer"), ("call floor", "map with times")],
        title: |it| Some(format!(
            "A call takes {} with a window of 1 ms, and {} with one of 100 ms",
            it.at("call", Some(1.0))?, it.at("call", Some(100.0))?)),
    },
    Finding {
        file: "expiry", curve: "expiry", quantity: "slowest of 2000 calls that follow",
        lanes: &[("lead max", "runs the function"), ("lead max floor", "runs it, none expired"),
            ("hit max", "finds a result")],
        title: |it| Some(format!(
            "When {} results expire at once, the slowest call that follows takes {}",
            it.most("lead max")?, it.last("lead max")?)),
    },
    Finding {
        file: "shards", curve: "shards", quantity: "time of a call that runs the function",
        lanes: &[("free", "no bound"), ("bounded", "max_retained, full")],
        title: |it| Some(format!(
            "{} shards: a call takes {} in a table that max_retained has filled, {} without",
            it.most("bounded")?, it.last("bounded")?, it.last("free")?)),
    },
];

/// The pictures of all findings that there are figures for, by their paths in docs.
///
/// # Errors
///
/// Never: a picture is text in memory.
pub(super) fn pictures(raw: &Raw) -> Result<Vec<Part>> {
    let drawn = FINDINGS.iter().filter_map(|finding| {
        let picture = lines(&picture(finding, raw)?);
        Some(picture.map(|picture| (format!("curves/{}.svg", finding.file), picture)))
    });
    drawn.collect()
}

fn picture(finding: &Finding, raw: &Raw) -> Option<Picture> {
    let curve = ALL.iter().find(|curve| curve.name == finding.curve)?;
    let colours = [OWN, PEER, GREEN, BOUND];
    let lanes = finding.lanes.iter().zip(colours);
    let curves = lanes.map(|((lane, name), colour)| chart::Curve {
        name: (*name).to_owned(),
        colour,
        points: raw.points(curve.name, lane),
    });
    Some(Picture {
        title: (finding.title)(&Figures { curve, raw })?,
        facts: report::facts(raw).trim_end().to_owned(),
        across: (curve.x.0.to_owned(), curve.x.1),
        up: (finding.quantity.to_owned(), curve.lane(finding.lanes[0].0)?.unit),
        curves: curves.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::report::tests::some;
    use crate::raw::Line;

    #[test]
    fn all_that_is_drawn_is_measured_in_one_unit() {
        for finding in FINDINGS {
            let curve = ALL.iter().find(|curve| curve.name == finding.curve).expect("a curve");
            let units = finding.lanes.iter().map(|(lane, _)| curve.lane(lane).map(|it| it.unit));
            let units: Vec<_> = units.collect();
            assert!(
                units[0].is_some() && units.iter().all(|it| *it == units[0]),
                "{}",
                finding.file
            );
        }
    }

    #[test]
    fn a_finding_has_its_figures_from_the_lines_and_is_left_out_without_them() {
        let mut raw = some();
        let drawn = pictures(&raw).expect("it is text");
        let leader =
            drawn.iter().find(|(path, _)| path == "curves/leader.svg").expect("it is drawn");
        let title =
            "Waking 1000 followers holds the leader for 1.01 µs; a broadcast holds it for 1.01 µs";
        assert!(leader.1.contains(title), "{}", leader.1);
        raw.lines.retain(|line: &Line| line.scenario != "herd");
        assert_eq!(pictures(&raw).expect("it is text").len(), drawn.len() - 2);
    }
}

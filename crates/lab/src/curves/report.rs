//! The tables of the curves.

use super::curve::{ALL, Curve};
use crate::contender::MACHINE;
use crate::options::Size;
use crate::page::{Part, markdown};
use crate::raw::Raw;

/// A table for people is not much longer than this; the pictures and the raw lines have the rest.
const MOST_ROWS: usize = 9;

/// A table for each curve that was measured, and the text round them.
pub(super) fn parts(raw: &Raw) -> Vec<Part> {
    let tables = ALL.iter().filter(|curve| raw.has(curve.name));
    let tables = tables.map(|curve| (curve.name.to_owned(), table(curve, raw)));
    tables.chain([("facts".to_owned(), facts(raw))]).collect()
}

/// One row for each `x`, one column for each lane that was measured.
fn table(curve: &Curve, raw: &Raw) -> String {
    let lanes = curve.lanes.iter().map(|lane| (lane, raw.points(curve.name, lane.name)));
    let lanes: Vec<_> = lanes.filter(|(_, points)| !points.is_empty()).collect();
    let mut places: Vec<f64> = lanes.iter().flat_map(|(_, points)| points).map(|it| it.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let titles = lanes.iter().map(|(lane, _)| lane.title.to_owned());
    let head = [curve.x.0.to_owned()].into_iter().chain(titles).collect();
    let row = |x: f64| {
        let cells = lanes.iter().map(|(lane, points)| {
            let point = points.iter().find(|point| point.0 == x);
            point.map_or(String::new(), |point| lane.unit.write(point.1))
        });
        [curve.x.1.write(x)].into_iter().chain(cells).collect()
    };
    markdown(head, thin(&places).into_iter().map(row))
}

/// The first, the last, and as many between as there is room for.
fn thin(places: &[f64]) -> Vec<f64> {
    let last = places.len().saturating_sub(1);
    let step = last.div_ceil(MOST_ROWS - 1).max(1);
    let kept = |(place, x): (usize, &f64)| (place == 0 || (last - place) % step == 0).then_some(*x);
    places.iter().enumerate().filter_map(kept).collect()
}

/// The conditions, in one line.
pub(crate) fn facts(raw: &Raw) -> String {
    let [machine, system, compiler, commit, date] =
        ["machine", "system", "compiler", "commit", "date"].map(|fact| raw.fact(fact));
    let others = raw.values(None, MACHINE, "others_percent").into_iter().fold(0.0, f64::max);
    let others = match others {
        0.0 => String::new(),
        others => format!("; other programs used up to {others:.1} % of the machine"),
    };
    let is_whole = raw.fact("size") == Size::Full.name();
    let size = if is_whole { "" } else { "; a short run, for a try" };
    format!("{machine}; {system}; {compiler}; commit {commit}; {date}{others}{size}\n")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::raw::Line;

    /// Raw lines with two points in every lane of every curve.
    pub(crate) fn some() -> Raw {
        let mut raw = Raw::default();
        for (curve, lane) in ALL.iter().flat_map(|it| it.lanes.iter().map(move |lane| (it, lane))) {
            raw.lines.extend([1.0, 1000.0].map(|x| Line {
                scenario: curve.name.into(),
                ..Line::point(lane.name, x, 10.0 + x)
            }));
        }
        raw
    }

    #[test]
    fn a_curve_is_a_row_for_each_x_with_empty_cells_where_nothing_was_measured() {
        let points = [("call", 1.0, 60.0), ("call", 3.6e6, 40.0), ("leads", 1.0, 3.0)];
        let line = |(lane, x, y)| Line { scenario: "windows".into(), ..Line::point(lane, x, y) };
        let raw = Raw { lines: points.map(line).to_vec(), ..Raw::default() };
        let curve = ALL.iter().find(|curve| curve.name == "windows").expect("there is one");
        assert_eq!(
            table(curve, &raw),
            "| window | a call | leads in 1000 calls |\n\
             | --- | ---: | ---: |\n\
             | 1 ms | 60 ns | 3 |\n\
             | 1 h | 40 ns |  |\n"
        );
    }

    #[test]
    fn a_long_curve_keeps_its_ends() {
        for length in 1..40 {
            let places: Vec<f64> = (0..length).map(f64::from).collect();
            let kept = thin(&places);
            assert!(kept.len() <= MOST_ROWS + 1, "{length}: {kept:?}");
            assert_eq!((kept.first(), kept.last()), (places.first(), places.last()));
            assert!(length > 9 || kept.len() == places.len());
        }
    }

    #[test]
    fn a_short_run_and_a_busy_machine_are_named() {
        let mut raw = some();
        assert!(facts(&raw).contains("a short run") && !facts(&raw).contains('%'));
        raw.note("size", "full");
        raw.lines.push(Line::new("keys", MACHINE, "others_percent", 12.5));
        assert!(facts(&raw).contains("up to 12.5 %") && !facts(&raw).contains("a short run"));
        assert_eq!(parts(&raw).len(), ALL.len() + 1);
    }
}

//! Tables, as Markdown.

use crate::curve::Curve;
use crate::raw::Measured;

/// A table for people is no longer than this; the chart and the raw lines have the rest.
const MOST_ROWS: usize = 9;

/// One row for each `x`, one column for each lane that was measured.
pub(crate) fn of_curve(curve: &Curve, measured: &Measured) -> String {
    let lanes: Vec<_> =
        curve.lanes.iter().map(|lane| (lane, measured.medians(lane.name))).collect();
    let lanes: Vec<_> = lanes.into_iter().filter(|(_, points)| !points.is_empty()).collect();
    let mut places: Vec<f64> = lanes.iter().flat_map(|(_, points)| points).map(|it| it.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let header = lanes.iter().map(|(lane, _)| lane.title.to_string());
    let header = [curve.x.0.to_string()].into_iter().chain(header).collect();
    let row = |x: f64| {
        let cells = lanes.iter().map(|(lane, points)| {
            let point = points.iter().find(|point| point.0 == x);
            point.map_or(String::new(), |point| lane.unit.write(point.1))
        });
        [curve.x.1.write(x)].into_iter().chain(cells).collect()
    };
    markdown(header, thin(&places).into_iter().map(row))
}

/// The first, the last, and as many between as there is room for.
fn thin(places: &[f64]) -> Vec<f64> {
    let last = places.len().saturating_sub(1);
    let step = last.div_ceil(MOST_ROWS - 1).max(1);
    let kept = places.iter().enumerate().filter(|(place, _)| (last - place).is_multiple_of(step));
    let mut kept: Vec<f64> = kept.map(|(_, x)| *x).collect();
    if let Some(first) = places.first().filter(|first| kept.first() != Some(first)) {
        kept.insert(0, *first);
    }
    kept
}

/// All columns but the first are numbers, and stand to the right.
pub(crate) fn markdown(header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rule = (0..header.len()).map(|column| if column == 0 { "---" } else { "---:" });
    let rule = rule.map(str::to_string).collect();
    [header, rule]
        .into_iter()
        .chain(rows)
        .map(|cells| format!("| {} |\n", cells.join(" | ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve;
    use crate::raw::Point;

    #[test]
    fn a_curve_is_a_row_for_each_x_with_empty_cells_where_nothing_was_measured() {
        let points = [("call", 1.0, 60.0), ("call", f64::INFINITY, 40.0), ("leads", 1.0, 3.0)];
        let points = points.map(|(lane, x, y)| Point { lane: lane.to_string(), x, y });
        let measured = Measured { points: points.to_vec(), ..Measured::default() };
        let curve = curve::by_name("windows").expect("there is one");
        assert_eq!(
            of_curve(curve, &measured),
            "| window | a call | leads in 1000 calls |\n\
             | --- | ---: | ---: |\n\
             | 1 ms | 60 ns | 3 |\n\
             | endless | 40 ns |  |\n"
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
        assert!(thin(&[]).is_empty());
    }
}

//! Curves on logarithmic scales: equal distances are equal factors.

use anyhow::{Context, Result};
use plotters::prelude::*;

use super::{At, INK, svg, write};
use crate::units::Unit;

/// A picture of some curves.
#[derive(Debug)]
pub struct Picture {
    /// The finding.
    pub title: String,
    /// Where and when it was measured.
    pub facts: String,
    pub across: (String, Unit),
    pub up: (String, Unit),
    pub curves: Vec<Curve>,
}

#[derive(Debug)]
pub struct Curve {
    pub name: String,
    pub colour: RGBColor,
    pub points: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (760, 362);
/// Names of curves stand to the right of the graph.
const NAMES: u32 = 190;
/// Between two names of curves, at least.
const APART: i32 = 17;

/// Draws one.
///
/// # Errors
///
/// If there is no point to draw.
pub fn lines(picture: &Picture) -> Result<String> {
    let points = || picture.curves.iter().flat_map(|curve| curve.points.iter().copied());
    let across = range(points().map(|point| point.0)).context("there is nothing to draw")?;
    let up = range(points().map(|point| point.1)).context("there is nothing to draw")?;
    // The scale goes from one power of ten to another, so a nearly constant cost looks constant.
    let power = |value: f64, round: fn(f64) -> f64| 10_f64.powf(round(value.log10()));
    let up = power(up.start * 0.99, f64::floor)..power(up.end * 1.01, f64::ceil);
    let base = if picture.across.1 == Unit::Bytes { 16.0 } else { 10.0 };
    svg(SIZE, &about(picture), |area| {
        write(area, &picture.title, 16, At::Start, (14, 22))?;
        write(area, &picture.up.0, 12, At::Start, (14, 46))?;
        write(area, &picture.facts, 11, At::Start, (14, SIZE.1 as i32 - 12))?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(58)
            .margin_right(NAMES)
            .margin_bottom(26)
            .x_label_area_size(40)
            .y_label_area_size(76)
            .build_cartesian_2d(across.log_scale().base(base), up.log_scale())?;
        let style = ("sans-serif", 12).into_font().color(&INK);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(INK.mix(0.3))
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .x_label_formatter(&|x| picture.across.1.write(*x))
            .y_label_formatter(&|y| picture.up.1.write(*y))
            .x_desc(&picture.across.0)
            .x_labels(8)
            .y_labels(6)
            .label_style(style.clone())
            .axis_desc_style(style)
            .draw()?;
        let mut names = Vec::new();
        for curve in &picture.curves {
            let (points, colour) = (curve.points.iter().copied(), curve.colour);
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
            chart.draw_series(points.map(|point| Circle::new(point, 3, colour.filled())))?;
            if let Some(last) = curve.points.last() {
                names.push((chart.backend_coord(last).1, curve));
            }
        }
        names.sort_by_key(|(y, _)| *y);
        let (mut lowest, left) = (0, (SIZE.0 - NAMES) as i32);
        for (y, curve) in names {
            lowest = y.max(lowest + APART);
            area.draw(&Circle::new((left + 14, lowest), 4, curve.colour.filled()))?;
            write(area, &curve.name, 13, At::Start, (left + 24, lowest))?;
        }
        Ok(())
    })
}

/// From the least to the greatest; `None` of nothing.
fn range(values: impl Iterator<Item = f64>) -> Option<std::ops::Range<f64>> {
    values.fold(None, |range, value| {
        let range = range.unwrap_or(value..value * 1.01);
        Some(range.start.min(value)..range.end.max(value))
    })
}

/// Each curve by its first and last point.
fn about(picture: &Picture) -> String {
    let curves = picture.curves.iter().filter_map(|curve| {
        let at = |point: &(f64, f64)| {
            format!("{} at {}", picture.up.1.write(point.1), picture.across.1.write(point.0))
        };
        let (first, last) = (at(curve.points.first()?), at(curve.points.last()?));
        Some(format!("{}: {first}, {last}", curve.name))
    });
    let (across, curves) = (&picture.across.0, curves.collect::<Vec<_>>().join("; "));
    format!("{}. By {across}: {curves}", picture.title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::OWN;

    #[test]
    fn a_curve_is_drawn_with_its_points_and_its_name() {
        let curve = |name: &str, last| Curve {
            name: name.into(),
            colour: OWN,
            points: vec![(1.0, 10.0), (1e3, last)],
        };
        let mut picture = Picture {
            title: "a < b".into(),
            facts: "today".into(),
            across: ("keys".into(), Unit::Count),
            up: ("time of a call".into(), Unit::Time),
            curves: vec![curve("one", 20.0), curve("other", 20.0)],
        };
        let text = lines(&picture).expect("there are points");
        assert_eq!(text.matches("<circle").count(), 6, "{text}");
        assert!(text.contains("other") && text.contains("one: 10 ns at 1, 20 ns at 1k"), "{text}");
        assert!(!text.contains("a < b") && !text.contains("NaN"), "{text}");
        picture.curves.clear();
        assert!(lines(&picture).is_err());
    }
}

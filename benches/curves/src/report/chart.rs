//! The chart: a small graph for each panel, all on logarithmic scales, as a single SVG file.

use crate::curve::{Curve, Look, Panel};
use crate::raw::Measured;
use crate::report::scale::Scale;
use crate::report::style::STYLE;
use crate::units::Unit;
use svg::{Anchor, Svg};

const WIDTH: f64 = 1020.0;
const COLUMNS: usize = 3;

/// From one graph's corner to the next one's, and above the first row.
const ACROSS: f64 = 332.0;
const DOWN: f64 = 236.0;
const HEAD: f64 = 94.0;

/// So many letters of the facts fit into a line.
const LETTERS: usize = 130;

/// The graph within its cell.
const LEFT: f64 = 66.0;
const TOP: f64 = 44.0;
const GRAPH: (f64, f64) = (248.0, 140.0);

type Lines<'a> = Vec<(Look, &'a str, Vec<(f64, f64)>)>;

/// Draws all panels of these curves.
pub(crate) fn draw(curves: Vec<(&'static Curve, &Measured)>, facts: &str) -> String {
    let panels: Vec<_> = curves
        .iter()
        .flat_map(|(curve, measured)| curve.panels.iter().map(move |it| (*curve, *measured, it)))
        .collect();
    let rows = panels.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(WIDTH, HEAD + DOWN * rows as f64 + 8.0, STYLE, &summary(&curves));
    let title = "How the cost of coalescer grows";
    svg.text("title", (20.0, 32.0), Anchor::Start, title);
    for (number, line) in wrap(facts.trim_end()).iter().enumerate() {
        svg.text("note", (20.0, 52.0 + 15.0 * number as f64), Anchor::Start, line);
    }
    for (place, (curve, measured, panel)) in panels.into_iter().enumerate() {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        let corner = (12.0 + ACROSS * column as f64, HEAD + DOWN * row as f64);
        Graph::new(curve, measured, panel, corner).draw(&mut svg);
    }
    svg.finish()
}

/// The facts in lines, broken between two of them.
fn wrap(facts: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts.split("; ") {
        match lines.last_mut().filter(|line| line.len() + fact.len() < LETTERS) {
            Some(line) => *line = format!("{line}; {fact}"),
            None => lines.push(fact.to_string()),
        }
    }
    lines
}

/// What a reader hears who cannot see it: each line's first and last point.
fn summary(curves: &[(&'static Curve, &Measured)]) -> String {
    let mut said = Vec::new();
    for (curve, measured) in curves {
        for panel in curve.panels {
            for (lane, _, label) in panel.lines {
                let points = measured.medians(lane);
                let (Some(lane), Some(first), Some(last)) =
                    (curve.lane(lane), points.first(), points.last())
                else {
                    continue;
                };
                let at = |point: &(f64, f64)| {
                    format!("{} at {}", lane.unit.write(point.1), curve.x.1.write(point.0))
                };
                said.push(format!("{}, {label}: {}, {}", panel.title, at(first), at(last)));
            }
        }
    }
    said.join("; ")
}

/// A panel on its place.
struct Graph<'a> {
    curve: &'a Curve,
    panel: &'a Panel,
    lines: Lines<'a>,
    unit: Unit,
    corner: (f64, f64),
    across: Scale,
    up: Scale,
}

impl<'a> Graph<'a> {
    fn new(curve: &'a Curve, measured: &Measured, panel: &'a Panel, corner: (f64, f64)) -> Self {
        let lines =
            panel.lines.iter().map(|(lane, look, name)| (*look, *name, measured.medians(lane)));
        let lines: Lines<'_> = lines.filter(|line| !line.2.is_empty()).collect();
        let points = || lines.iter().flat_map(|line| line.2.iter().copied());
        let (xs, ys): (Vec<_>, Vec<_>) = points().unzip();
        let (left, bottom) = (corner.0 + LEFT, corner.1 + TOP + GRAPH.1);
        let unit = panel.lines.iter().find_map(|line| curve.lane(line.0)).map(|lane| lane.unit);
        Self {
            curve,
            panel,
            unit: unit.unwrap_or(Unit::Count),
            corner,
            across: Scale::new(&xs, left, left + GRAPH.0),
            up: Scale::roomy(&ys, bottom, bottom - GRAPH.1),
            lines,
        }
    }

    fn draw(&self, svg: &mut Svg) {
        let (left, top) = (self.corner.0 + LEFT, self.corner.1 + TOP);
        svg.text("heading", (left - 54.0, top - 26.0), Anchor::Start, self.panel.title);
        self.draw_legend(svg);
        self.draw_axes(svg);
        // The floors first, so that the library's lines lie over them.
        for (look, _, points) in self.lines.iter().rev() {
            let places = points.iter().map(|(x, y)| (self.across.at(*x), self.up.at(*y)));
            let places: Vec<_> = places.collect();
            svg.curve(class(*look), &places);
            places.iter().for_each(|place| svg.dot(class(*look), *place));
        }
    }

    fn draw_legend(&self, svg: &mut Svg) {
        let (mut x, y) = (self.corner.0 + LEFT - 54.0, self.corner.1 + TOP - 10.0);
        for (look, name, _) in &self.lines {
            svg.curve(class(*look), &[(x, y - 3.5), (x + 16.0, y - 3.5)]);
            svg.text("tick", (x + 20.0, y), Anchor::Start, name);
            x += 34.0 + 5.3 * name.len() as f64;
        }
    }

    fn draw_axes(&self, svg: &mut Svg) {
        let (left, top) = (self.corner.0 + LEFT, self.corner.1 + TOP);
        let (right, bottom) = (left + GRAPH.0, top + GRAPH.1);
        for tick in self.up.ticks(10.0, 6) {
            let y = self.up.at(tick);
            svg.line("grid", (left, y), (right, y));
            svg.text("tick", (left - 6.0, y + 3.5), Anchor::End, &self.unit.write(tick));
        }
        for tick in self.ticks_across() {
            let (x, text) = (self.across.at(tick), self.curve.x.1.write(tick));
            svg.line("axis", (x, bottom), (x, bottom + 4.0));
            svg.text("tick", (x, bottom + 15.0), Anchor::Middle, &text);
        }
        svg.line("axis", (left, bottom), (right, bottom));
        let middle = (f64::midpoint(left, right), bottom + 30.0);
        svg.text("note", middle, Anchor::Middle, self.curve.x.0);
    }

    fn ticks_across(&self) -> Vec<f64> {
        let base = if self.curve.x.1 == Unit::Bytes { 16.0 } else { 10.0 };
        let points = || self.lines.iter().flat_map(|line| &line.2);
        let most = points().map(|point| point.0).filter(|x| x.is_finite()).fold(0.0, f64::max);
        let mut ticks = self.across.ticks(base, 6);
        ticks.retain(|tick| *tick <= most);
        if points().any(|point| point.0.is_infinite()) {
            ticks.push(f64::INFINITY);
        }
        ticks
    }
}

fn class(look: Look) -> &'static str {
    match look {
        Look::First => "first",
        Look::Second => "second",
        Look::Third => "third",
        Look::Floor => "floor",
        Look::OtherFloor => "other-floor",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve;
    use crate::report::tests::some;

    #[test]
    fn every_panel_is_drawn_with_all_its_lines() {
        let measured: Vec<_> = curve::ALL.iter().map(|curve| (curve, some(curve))).collect();
        let curves = measured.iter().map(|(curve, measured)| (*curve, measured)).collect();
        let svg = draw(curves, "facts & figures");
        for panel in curve::ALL.iter().flat_map(|curve| curve.panels) {
            assert!(svg.contains(&format!(">{}</text>", panel.title)), "{}", panel.title);
        }
        let lines: usize =
            curve::ALL.iter().flat_map(|it| it.panels).map(|it| it.lines.len()).sum();
        assert_eq!(svg.matches("<polyline").count(), 2 * lines, "each line, and in its legend");
        assert!(svg.contains("facts &amp; figures") && !svg.contains("NaN"));
    }

    #[test]
    fn facts_are_broken_between_two_of_them_and_none_is_lost() {
        let facts = vec!["a fact of some length"; 20].join("; ");
        let lines = wrap(&facts);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() < LETTERS), "{lines:?}");
        assert_eq!(lines.join("; "), facts);
    }

    #[test]
    fn the_cost_goes_up_on_the_paper() {
        let curve = curve::by_name("herd").expect("there is one");
        let measured = some(curve);
        let graph = Graph::new(curve, &measured, &curve.panels[0], (0.0, 0.0));
        assert!(graph.up.at(1010.0) < graph.up.at(11.0));
        assert!(graph.across.at(1000.0) > graph.across.at(1.0));
    }
}

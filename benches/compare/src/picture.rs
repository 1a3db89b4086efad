//! The picture: a panel for each of the main rows, with a bar for each contender.
//!
//! A bar's end says how many times worse than the panel's best a figure is, on a scale on which
//! equal factors are equally long. So the best has hardly a bar, and the shorter the better.

use crate::contender::{Contender, FLOOR, GO};
use crate::contenders::{ByGroup, Coalescer};
use crate::raw::Raw;
use crate::rows::{self, Row};
use crate::style::STYLE;
use crate::table::{number, short};
use svg::{Anchor, Svg};

const COLUMNS: usize = 3;
const WIDTH: f64 = 1080.0;
const MARGIN: f64 = 20.0;
/// Above the panels, for the title.
const HEAD: f64 = 78.0;
const PANEL: f64 = (WIDTH - MARGIN) / COLUMNS as f64;
/// In a panel: room for names on the left and for the last figure on the right.
const NAMES: f64 = 92.0;
const FIGURE: f64 = 62.0;
const BAR: f64 = 11.0;
const STEP: f64 = 16.0;
const HEADING: f64 = 40.0;

/// Draws all rows of the picture that there are lines for.
pub fn draw(raw: &Raw) -> String {
    let panels: Vec<_> =
        rows::ALL.iter().filter(|row| row.is_drawn && row.own(raw).is_some()).collect();
    let lines = panels.chunks(COLUMNS).map(|line| height(line, raw));
    let heights: Vec<_> = lines.collect();
    let mut svg =
        Svg::new(WIDTH, HEAD + heights.iter().sum::<f64>() + 8.0, STYLE, &summary(&panels, raw));
    title(&mut svg, raw);
    let mut top = HEAD;
    for (line, height) in panels.chunks(COLUMNS).zip(heights) {
        for (column, row) in line.iter().enumerate() {
            panel(&mut svg, row, raw, MARGIN + column as f64 * PANEL, top);
        }
        top += height;
    }
    svg.finish()
}

fn title(svg: &mut Svg, raw: &Raw) {
    let note = |name| raw.noted(name).unwrap_or_default();
    let about =
        format!("{}; Linux {}; {}; {}", note("cpu"), note("kernel"), note("rustc"), note("date"));
    let reading = "Bars start at the best figure of their panel, and 2x is twice as bad: shorter is \
                   better. The floor is the bare operation, without any coalescing.";
    svg.text(
        "title",
        (MARGIN, 28.0),
        Anchor::Start,
        "coalescer, its peers and the floors, in one run",
    );
    svg.text("note", (MARGIN, 46.0), Anchor::Start, reading);
    svg.text("note", (MARGIN, 61.0), Anchor::Start, &about);
}

/// What a reader hears who cannot see it.
fn summary(panels: &[&Row], raw: &Raw) -> String {
    let one = |row: &&Row| {
        let figures = bars(row, raw).into_iter();
        let figures = figures.map(|bar| format!("{} {}", short(bar.name), number(bar.figure)));
        format!("{}: {}", row.full_title(), figures.collect::<Vec<_>>().join(", "))
    };
    panels.iter().map(one).collect::<Vec<_>>().join("; ")
}

struct Bar {
    name: &'static str,
    figure: f64,
    /// How many times worse than the best; the best has 1.
    times: f64,
}

/// The floor, this library and the peers that have a figure.
fn bars(row: &Row, raw: &Raw) -> Vec<Bar> {
    let names = [FLOOR].into_iter().chain(rows::columns());
    let names = names.filter(|name| *name != ByGroup::NAME && row.is_of_threads(name));
    let bar =
        |name| Some(Bar { name, figure: row.of(raw, name)?, times: row.times_worse(raw, name)? });
    let mut bars: Vec<_> = names.filter_map(bar).collect();
    let best = bars.iter().map(|bar| bar.times).fold(f64::INFINITY, f64::min);
    bars.iter_mut().for_each(|bar| bar.times /= best);
    bars
}

fn height(line: &[&Row], raw: &Raw) -> f64 {
    let most = line.iter().map(|row| bars(row, raw).len()).max().unwrap_or(0);
    HEADING + most as f64 * STEP + 18.0
}

fn panel(svg: &mut Svg, row: &Row, raw: &Raw, left: f64, top: f64) {
    let bars = bars(row, raw);
    let scale = Scale::new(bars.iter().map(|bar| bar.times), left + NAMES, PANEL - NAMES - FIGURE);
    let (first, last) = (top + HEADING, top + HEADING + bars.len() as f64 * STEP);
    svg.text("heading", (left, top + 16.0), Anchor::Start, &row.full_title());
    for times in scale.ticks() {
        svg.line("grid", (scale.at(times), first - 4.0), (scale.at(times), last));
        svg.text("value", (scale.at(times), first - 8.0), Anchor::Middle, &format!("{times}x"));
    }
    for (i, bar) in bars.iter().enumerate() {
        let y = first + i as f64 * STEP;
        let end = scale.at(bar.times).max(scale.left + 2.0);
        let (name, class) = classes(bar.name);
        svg.text(name, (scale.left - 6.0, y + BAR - 1.5), Anchor::End, short(bar.name));
        svg.rectangle(class, (scale.left, y), (end - scale.left, BAR));
        svg.text("value", (end + 4.0, y + BAR - 1.5), Anchor::Start, &number(bar.figure));
    }
}

/// How a contender's name and its bar look.
fn classes(name: &str) -> (&'static str, &'static str) {
    match name {
        Coalescer::NAME => ("own", "bar-own"),
        FLOOR => ("note", "bar-floor"),
        GO => ("note", "bar-go"),
        _ => ("note", "bar-peer"),
    }
}

/// From factors to places; each doubling is equally long.
struct Scale {
    left: f64,
    width: f64,
    doublings: f64,
}

impl Scale {
    fn new(times: impl Iterator<Item = f64>, left: f64, width: f64) -> Self {
        let most = times.fold(2.0, f64::max);
        Self { left, width, doublings: most.log2() }
    }

    fn at(&self, times: f64) -> f64 {
        self.left + self.width * times.log2() / self.doublings
    }

    /// At most five factors, of which each is as many times the one before.
    fn ticks(&self) -> Vec<f64> {
        let step = (self.doublings / 4.0).ceil().max(1.0);
        let exponents = (0..=4).map(|i| f64::from(i) * step);
        exponents.filter(|at| *at <= self.doublings).map(f64::exp2).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Line;

    #[test]
    fn equal_factors_are_equally_long() {
        let scale = Scale::new([1.0, 16.0].into_iter(), 100.0, 40.0);
        assert_eq!(
            [1.0, 2.0, 4.0, 16.0].map(|times| scale.at(times)),
            [100.0, 110.0, 120.0, 140.0]
        );
        assert_eq!(scale.ticks(), [1.0, 2.0, 4.0, 8.0, 16.0]);
        let wide = Scale::new([1000.0].into_iter(), 0.0, 1.0);
        assert_eq!(wide.ticks(), [1.0, 8.0, 64.0, 512.0]);
    }

    #[test]
    fn a_bar_says_how_many_times_worse_than_the_best_it_is() {
        let line = |scenario, name, figure, value| Line::new(scenario, name, 0, figure, value);
        let mut raw = Raw::default();
        raw.lines.push(line("lead-1t", FLOOR, "ns", 50.0));
        raw.lines.push(line("lead-1t", Coalescer::NAME, "ns", 100.0));
        raw.lines.push(line("zipf-64t", FLOOR, "rate", 1e5));
        raw.lines.push(line("zipf-64t", Coalescer::NAME, "rate", 4e5));
        let times = |scenario| {
            let row = rows::ALL.iter().find(|row| row.scenario == scenario).expect("it is there");
            bars(row, &raw).iter().map(|bar| bar.times).collect::<Vec<_>>()
        };
        assert_eq!(times("lead-1t"), [1.0, 2.0]);
        assert_eq!(times("zipf-64t"), [4.0, 1.0]);
        let picture = draw(&raw);
        assert_eq!(picture.matches("bar-own\"").count(), 2, "{picture}");
    }
}

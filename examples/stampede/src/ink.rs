//! The common parts of the pictures: colours for light and dark pages, text, and phases side by side.

use std::ops::Range;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(crate) const BACK: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(crate) const TEXT: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub(crate) const NOTE: RGBColor = RGBColor(0x57, 0x60, 0x6a);
pub(crate) const GRID: RGBColor = RGBColor(0xd0, 0xd7, 0xde);
pub(crate) const PHASE_ON: RGBColor = RGBColor(0xe3, 0xef, 0xf8);
pub(crate) const REQUESTS: RGBColor = RGBColor(0xb6, 0xbe, 0xc6);
pub(crate) const QUERIES: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(crate) const LATENCY: RGBColor = RGBColor(0x00, 0x9e, 0x73);

/// Each colour for light pages, and its replacement for dark ones.
const DARK: [(RGBColor, &str); 8] = [
    (BACK, "#0d1117"),
    (TEXT, "#e6edf3"),
    (NOTE, "#9da7b1"),
    (GRID, "#30363d"),
    (PHASE_ON, "#10243a"),
    (REQUESTS, "#4d565f"),
    (QUERIES, "#f0883e"),
    (LATENCY, "#2cc295"),
];

/// Gives a picture its title, and a style sheet for dark pages.
pub(crate) fn finish(mut svg: String, title: &str) -> String {
    let style = DARK.map(|(light, dark)| {
        let RGBColor(red, green, blue) = light;
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        format!("[fill=\"{light}\"]{{fill:{dark}}} [stroke=\"{light}\"]{{stroke:{dark}}}\n")
    });
    let head = format!(
        "<title>{title}</title>\n<style>@media (prefers-color-scheme: dark) {{\n{}}}</style>\n",
        style.concat()
    );
    let body = svg.find('>').map_or(0, |end| end + 1);
    svg.insert_str(body, &head);
    svg
}

/// Left and right ends of the time axis.
pub(crate) const TIME_AXIS: Range<i32> = 70..936;

/// A part of a picture with axes of its own.
pub(crate) type Panel<'a> =
    ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A phase, which a picture shows as wide as it is long.
pub(crate) trait Lasting {
    fn seconds(&self) -> f64;
}

/// A picture of phases side by side.
pub(crate) struct Canvas<'a, P> {
    pub(crate) root: DrawingArea<SVGBackend<'a>, Shift>,
    pub(crate) phases: &'a [P],
}

impl<'a, P: Lasting> Canvas<'a, P> {
    /// Writes a text with its upper edge there.
    pub(crate) fn text(
        &self,
        at: (i32, i32),
        size: i32,
        colour: RGBColor,
        side: HPos,
        text: &str,
    ) -> Result<()> {
        let weight = if colour == TEXT { FontStyle::Bold } else { FontStyle::Normal };
        let style = font(size).style(weight).color(&colour).pos(Pos::new(side, VPos::Top));
        Ok(self.root.draw(&Text::new(text, at, style))?)
    }

    /// Each phase with the time of its start, in seconds.
    pub(crate) fn with_starts(&self) -> impl Iterator<Item = (f64, &'a P)> {
        self.phases.iter().scan(0.0, |end, phase| {
            let start = *end;
            *end += phase.seconds();
            Some((start, phase))
        })
    }

    pub(crate) fn end(&self) -> f64 {
        self.phases.iter().map(P::seconds).sum()
    }

    /// The place of a time on the canvas.
    pub(crate) fn at(&self, seconds: f64) -> i32 {
        let width = f64::from(TIME_AXIS.end - TIME_AXIS.start);
        TIME_AXIS.start + (width * seconds / self.end()) as i32
    }
}

pub(crate) fn font(size: i32) -> FontDesc<'static> {
    // The backend divides the size by this number.
    FontDesc::new(
        FontFamily::Name("system-ui, sans-serif"),
        f64::from(size) * 1.24,
        FontStyle::Normal,
    )
}

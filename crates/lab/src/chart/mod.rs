//! Pictures: bars and lines, drawn by `plotters` as SVG that can be read on light and on dark.

mod bars;
mod lines;

pub use bars::{Bar, Panel, bars};
pub use lines::{Curve, Picture, lines};

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Colours that can be read on any ground, for viewers that know no colour schemes. The style
/// replaces the ink by a stronger one where the scheme is known.
const INK: RGBColor = RGBColor(0x6E, 0x77, 0x81);
pub const OWN: RGBColor = RGBColor(0x1F, 0x83, 0xD1);
pub const PEER: RGBColor = RGBColor(0xC9, 0x8A, 0x3B);
pub const BOUND: RGBColor = RGBColor(0x9A, 0xA2, 0xAB);
pub const GREEN: RGBColor = RGBColor(0x1B, 0x9E, 0x77);

const STYLE: &str = "text { font-family: system-ui, sans-serif; }
@media (prefers-color-scheme: light) { [fill=\"#6E7781\"] { fill: #24292f; } }
@media (prefers-color-scheme: dark) { [fill=\"#6E7781\"] { fill: #e6edf3; } }";

/// Draws a picture of this size on no ground of its own. `about` is for readers who cannot see it.
fn svg(
    (width, height): (u32, u32),
    about: &str,
    draw: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    // plotters knows neither a description nor a style sheet: both come behind the first tag.
    let about = about.replace('&', "&amp;").replace('<', "&lt;");
    Ok(text.replacen(
        "\">\n",
        &format!("\" role=\"img\">\n<desc>{about}</desc>\n<style>{STYLE}</style>\n"),
        1,
    ))
}

#[derive(Clone, Copy)]
enum At {
    Start,
    End,
}

/// A line of text whose middle is at this height.
fn write(area: &Area<'_>, text: &str, size: u32, at: At, place: (i32, i32)) -> Result<()> {
    let side = match at {
        At::Start => HPos::Left,
        At::End => HPos::Right,
    };
    // Titles are larger than the rest, and bold.
    let weight = if size > 14 { FontStyle::Bold } else { FontStyle::Normal };
    let font = ("sans-serif", size, weight).into_font();
    let style = font.color(&INK).pos(Pos::new(side, VPos::Center));
    area.draw_text(text, &style, place)?;
    Ok(())
}

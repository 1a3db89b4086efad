//! Panels of bars. All bars begin at zero, and equal lengths are equal amounts.

use anyhow::Result;
use plotters::prelude::*;

use super::{Area, At, OWN, svg, write};
use crate::stats::median;

/// Some bars that are compared with each other.
#[derive(Debug)]
pub struct Panel {
    pub title: String,
    pub bars: Vec<Bar>,
}

#[derive(Debug)]
pub struct Bar {
    pub name: String,
    pub value: f64,
    /// The value, as it is written.
    pub text: String,
    pub colour: RGBColor,
}

/// A bar longer than this multiple of its panel's median is cut.
const CUT: f64 = 4.0;

const WIDTH: i32 = 1000;
const COLUMNS: i32 = 2;
const HEAD: i32 = 66;
/// Within a panel: the room for names on the left, and for values on the right.
const NAMES: i32 = 112;
const VALUES: i32 = 116;
const STEP: i32 = 19;
const BAR: i32 = 12;
/// From the cut to the stump behind it.
const GAP: i32 = 5;
const STUMP: i32 = 9;

/// Draws a title, notes under it, and the panels, two in a row.
///
/// # Errors
///
/// Never: the picture is text in memory.
pub fn bars(title: &str, notes: &[String], panels: &[Panel]) -> Result<String> {
    let rows: Vec<_> = panels.chunks(COLUMNS as usize).collect();
    let heights: Vec<_> = rows.iter().map(|row| height(row)).collect();
    let head = HEAD + 16 * notes.len() as i32 - 16;
    let size = (WIDTH as u32, (head + heights.iter().sum::<i32>()) as u32);
    svg(size, &about(title, panels), |area| {
        write(area, title, 20, At::Start, (16, 22))?;
        for (line, note) in (0..).zip(notes) {
            write(area, note, 12, At::Start, (16, 46 + 16 * line))?;
        }
        let mut top = head;
        for (row, height) in rows.iter().zip(heights) {
            for (column, panel) in (0..).zip(*row) {
                draw(area, panel, (16 + column * (WIDTH - 16) / COLUMNS, top))?;
            }
            top += height;
        }
        Ok(())
    })
}

fn about(title: &str, panels: &[Panel]) -> String {
    let said = panels.iter().map(|panel| {
        let bars = panel.bars.iter().map(|bar| format!("{} {}", bar.name, bar.text));
        format!("{}: {}", panel.title, bars.collect::<Vec<_>>().join(", "))
    });
    format!("{title}. {}", said.collect::<Vec<_>>().join("; "))
}

fn height(row: &[Panel]) -> i32 {
    row.iter().map(|panel| panel.bars.len() as i32).max().unwrap_or(0) * STEP + 46
}

/// The value at the end of the scale: the longest bar that is not cut.
fn end_of_scale(bars: &[Bar]) -> f64 {
    let values: Vec<_> = bars.iter().map(|bar| bar.value).collect();
    let most = CUT * median(&values);
    values.into_iter().filter(|value| *value <= most).fold(0.0, f64::max)
}

fn draw(area: &Area<'_>, panel: &Panel, (left, top): (i32, i32)) -> Result<()> {
    write(area, &panel.title, 15, At::Start, (left, top + 12))?;
    let (most, zero) = (end_of_scale(&panel.bars), left + NAMES);
    let room = (WIDTH - 16) / COLUMNS - NAMES - VALUES;
    for (line, bar) in (0..).zip(&panel.bars) {
        let y = top + 30 + line * STEP;
        let is_cut = bar.value > most;
        let share = if is_cut { 1.0 } else { bar.value / most };
        let end = zero + ((share * f64::from(room)) as i32).max(1);
        let rectangle =
            |from, to| area.draw(&Rectangle::new([(from, y), (to, y + BAR)], bar.colour.filled()));
        let size = if bar.colour == OWN { 14 } else { 13 };
        write(area, &bar.name, size, At::End, (zero - 8, y + BAR / 2))?;
        rectangle(zero, end)?;
        let end = if is_cut { end + GAP + STUMP } else { end };
        if is_cut {
            rectangle(end - STUMP, end)?;
        }
        write(area, &bar.text, 13, At::Start, (end + 6, y + BAR / 2))?;
    }
    // Zero is where the bars begin.
    let bottom = top + 28 + STEP * panel.bars.len() as i32;
    area.draw(&PathElement::new([(zero, top + 26), (zero, bottom)], super::INK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_far_beyond_the_others_does_not_make_the_scale() {
        let bar = |value| Bar { name: String::new(), value, text: String::new(), colour: OWN };
        assert_eq!(end_of_scale(&[20.0, 30.0, 40.0, 1000.0].map(bar)), 40.0);
        assert_eq!(end_of_scale(&[20.0, 30.0, 40.0].map(bar)), 40.0);
        let panels =
            [Panel { title: "a < b".into(), bars: [1.0, 2.0, 2.0, 100.0].map(bar).into() }];
        let picture = bars("title", &[], &panels).expect("it is text");
        assert_eq!(picture.matches("<rect").count(), 5, "the long one has a gap: {picture}");
        assert!(!picture.contains("a < b") && picture.contains("prefers-color-scheme: dark"));
    }
}

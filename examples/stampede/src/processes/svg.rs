//! Executions a window over time, with the faults, as SVG.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::record::Phase;
use super::report::{Report, per_window};
use crate::ink::{
    self, BACK, Canvas, GRID, LATENCY, Lasting, NOTE, PHASE_ON, Panel, QUERIES, TEXT, TIME_AXIS,
};
use crate::units::{time, time_or_dash};

const SIZE: (u32, u32) = (960, 400);
/// The part of the canvas with the columns.
const TOP: i32 = 150;
const BOTTOM: i32 = 374;

pub(super) fn draw(report: &Report) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let canvas = Canvas { root, phases: &report.phases };
        canvas.root.fill(&BACK)?;
        canvas.shade()?;
        canvas.text((24, 14), 17, TEXT, HPos::Left, &report.finding())?;
        canvas.text((24, 42), 12, NOTE, HPos::Left, &setting(report))?;
        canvas.figures()?;
        canvas.columns()?;
        canvas.faults()?;
        canvas.root.present()?;
    }
    Ok(ink::finish(svg, &report.finding()))
}

fn setting(report: &Report) -> String {
    format!(
        "{} processes of {} threads on one host, meeting in: {}. SQLite, {} per query alone. An answer may be {} old. \
         {} wrong or too old.",
        report.processes,
        report.threads,
        report.engine,
        time(report.query_ms),
        time(report.window_ms),
        report.wrong + report.over_age,
    )
}

impl Lasting for Phase {
    fn seconds(&self) -> f64 {
        self.seconds
    }
}

impl<'a> Canvas<'a, Phase> {
    /// Tints the phases in which the processes ask together.
    fn shade(&self) -> Result<()> {
        for (start, phase) in self.with_starts() {
            if !matches!(phase.phase, "off" | "alone") {
                let ends = [(self.at(start) + 1, 66), (self.at(start + phase.seconds) - 1, BOTTOM)];
                self.root.draw(&Rectangle::new(ends, PHASE_ON.filled()))?;
            }
        }
        Ok(())
    }

    /// The name of each phase and its numbers.
    fn figures(&self) -> Result<()> {
        for (start, phase) in self.with_starts() {
            let middle = self.at(start + phase.seconds / 2.0);
            let name = match phase.phase {
                "off" => "no coalescing",
                "alone" => "each by itself",
                "shared" => "together",
                "kill -9" => "leaders killed",
                other => other,
            };
            self.text((middle, 72), 13, TEXT, HPos::Center, name)?;
            let executions = format!("{} a window", per_window(phase.executions_per_window));
            self.text((middle, 91), 12, QUERIES, HPos::Center, &executions)?;
            let p99 = format!("p99 {}", time_or_dash(phase.p99_ms));
            self.text((middle, 107), 12, LATENCY, HPos::Center, &p99)?;
        }
        Ok(())
    }

    /// A column for each window. The axis has powers of two.
    fn columns(&self) -> Result<()> {
        self.text(
            (24, 128),
            12,
            NOTE,
            HPos::Left,
            "Executions that began in a window (logarithmic)",
        )?;
        let counts = self.phases.iter().flat_map(|phase| &phase.series);
        let most = counts.copied().max().unwrap_or(1).max(2) as f64;
        let mut panel = self.panel(height(most) + 0.2)?;
        for (start, phase) in self.with_starts() {
            let width = phase.seconds / phase.series.len().max(1) as f64;
            let columns = phase.series.iter().enumerate().filter(|(_, count)| **count > 0);
            panel.draw_series(columns.map(|(nth, count)| {
                let left = start + width * nth as f64;
                let ends =
                    [(left + width * 0.12, 0.0), (left + width * 0.88, height(*count as f64))];
                Rectangle::new(ends, QUERIES.filled())
            }))?;
        }
        Ok(())
    }

    fn panel(&self, most: f64) -> Result<Panel<'a>> {
        let area = self.root.clone().shrink((0, TOP), (TIME_AXIS.end, BOTTOM - TOP + 20));
        let mut panel = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, TIME_AXIS.start)
            .set_label_area_size(LabelAreaPosition::Bottom, 20)
            .build_cartesian_2d(0.0..self.end(), 0.0..most)?;
        let label = |height: &f64| match height {
            height if height.fract() != 0.0 || *height < 1.0 => String::new(),
            height => format!("{}", 2f64.powf(height - 1.0)),
        };
        panel
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(NOTE)
            .x_labels(16)
            .y_labels(most.ceil() as usize + 1)
            .label_style(ink::font(12).color(&NOTE))
            .x_label_formatter(&|second| format!("{second} s"))
            .y_label_formatter(&label)
            .draw()?;
        Ok(panel)
    }

    /// A line for each fault.
    fn faults(&self) -> Result<()> {
        for (start, phase) in self.with_starts() {
            for mark in &phase.marks {
                let at = self.at(start + mark.at);
                let line = vec![(at, TOP - 4), (at, BOTTOM)];
                self.root.draw(&PathElement::new(line, TEXT.stroke_width(1)))?;
                self.text((at, TOP - 20), 11, TEXT, HPos::Center, mark.what)?;
            }
        }
        Ok(())
    }
}

/// The height of a count: 1 for one, and one more each time it doubles.
fn height(count: f64) -> f64 {
    count.log2() + 1.0
}

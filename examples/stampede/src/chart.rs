//! The chart: rates above, latency below, over one time axis with the phases side by side.
//!
//! Requests are a grey area and queries a line in front of it, so the gap between them is the saving.

use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::ink::{
    self, BACK, Canvas, GRID, LATENCY, Lasting, NOTE, PHASE_ON, Panel, QUERIES, REQUESTS, TEXT,
    TIME_AXIS, font,
};
use crate::options::DEFAULT_CHART;
use crate::phase::{Phase, Point};
use crate::report::Report;
use crate::units::{rate, time, time_or_dash};

const SIZE: (u32, u32) = (960, 540);

/// Creates the file, which the umask makes readable.
pub(crate) fn create(path: &Path) -> Result<File> {
    if path == Path::new(DEFAULT_CHART) {
        // If this fails, so does the next line, which says why.
        fs::create_dir_all("target").ok();
    }
    File::create(path).with_context(|| format!("cannot write the chart to {}", path.display()))
}

pub(crate) fn write(mut file: File, report: &Report) -> Result<()> {
    let svg = draw(report).context("cannot draw the chart")?;
    file.write_all(svg.as_bytes()).context("cannot write the chart")
}

/// The address of the file for a browser.
pub(crate) fn url(path: &Path) -> Result<String> {
    let path = path.canonicalize().context("the chart has gone")?;
    let escaped = path.display().to_string().replace('%', "%25").replace(' ', "%20");
    Ok(format!("file://{escaped}"))
}

/// Draws the report as SVG.
fn draw(report: &Report) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let canvas = Canvas { root, phases: &report.phases };
        canvas.root.fill(&BACK)?;
        canvas.shade_phases()?;
        canvas.text((24, 14), 18, TEXT, HPos::Left, &report.finding())?;
        canvas.text((24, 42), 12, NOTE, HPos::Left, &setting(report))?;
        canvas.rates(report.offered_per_s)?;
        canvas.latencies()?;
        canvas.root.present()?;
    }
    Ok(ink::finish(svg, &report.finding()))
}

fn setting(report: &Report) -> String {
    format!(
        "{}. {}. {}: {} per query, {} connections. {} threads.",
        report.load,
        report.sharing(),
        report.database,
        time(report.calibration.query_ms),
        report.connections,
        report.threads
    )
}

impl Lasting for Phase {
    fn seconds(&self) -> f64 {
        self.seconds
    }
}

impl<'a> Canvas<'a, Phase> {
    fn rates(&self, offered: f64) -> Result<()> {
        self.text((24, 98), 13, TEXT, HPos::Left, "Per second")?;
        self.legend(592, 98, REQUESTS, 9, "requests answered")?;
        self.legend(748, 98, QUERIES, 2, "queries")?;
        self.legend(840, 98, NOTE, 1, "requests sent")?;
        self.figures(120, |phase| {
            format!(
                "{} requests, {} queries",
                rate(phase.requests_per_s),
                rate(phase.queries_per_s)
            )
        })?;
        let points = self.phases.iter().flat_map(|phase| &phase.series);
        let most = points.map(|point| point.requests_per_s.max(point.queries_per_s));
        let most = most.fold(offered, f64::max) * 1.05;
        let mut panel = self.panel(140, 170, 0.0..most, &|value| value.to_string())?;
        for (start, phase) in self.with_starts() {
            let answered = |point: &Point| Some(point.requests_per_s);
            let mut area =
                vec![(start, 0.0), (start, phase.series.first().and_then(answered).unwrap_or(0.0))];
            area.extend(line(start, phase, answered));
            area.push((start + phase.seconds, 0.0));
            panel.draw_series([Polygon::new(area, REQUESTS)])?;
        }
        self.lines(&mut panel, QUERIES.stroke_width(2), |point| Some(point.queries_per_s))?;
        panel.draw_series([PathElement::new(vec![(0.0, offered), (self.end(), offered)], NOTE)])?;
        Ok(())
    }

    /// The panel of latencies, whose values are powers of ten.
    fn latencies(&self) -> Result<()> {
        self.text((24, 332), 13, TEXT, HPos::Left, "From arrival to answer (logarithmic)")?;
        self.legend(800, 332, LATENCY, 3, "p99")?;
        self.legend(870, 332, LATENCY, 1, "p50")?;
        self.figures(354, |phase| format!("p99 {}", time_or_dash(phase.p99_ms)))?;
        let points = self.phases.iter().flat_map(|phase| &phase.series);
        let powers = points.flat_map(|point| [power(point.p50_ms), power(point.p99_ms)]).flatten();
        let (least, most) = powers.fold((1.0, 2.0), |ends: (f64, f64), power| {
            (ends.0.min(power.floor()), ends.1.max(power + 0.1))
        });
        let label = |power: &f64| match power {
            power if power.fract() != 0.0 => String::new(),
            power if *power < 3.0 => format!("{} ms", 10f64.powf(*power)),
            power => format!("{} s", 10f64.powf(power - 3.0)),
        };
        let mut panel = self.panel(374, 146, least..most, &label)?;
        self.lines(&mut panel, LATENCY.stroke_width(1), |point| power(point.p50_ms))?;
        self.lines(&mut panel, LATENCY.stroke_width(3), |point| power(point.p99_ms))
    }

    /// The axes of a panel.
    fn panel(
        &self,
        top: i32,
        height: i32,
        values: Range<f64>,
        label: &dyn Fn(&f64) -> String,
    ) -> Result<Panel<'a>> {
        let area = self.root.clone().shrink((0, top), (TIME_AXIS.end, height));
        let mut panel = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, TIME_AXIS.start)
            .set_label_area_size(LabelAreaPosition::Bottom, 24)
            .build_cartesian_2d(0.0..self.end(), values)?;
        panel
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(NOTE)
            .x_labels(12)
            .y_labels(6)
            .label_style(font(12).color(&NOTE))
            .x_label_formatter(&|second| format!("{second} s"))
            .y_label_formatter(label)
            .draw()?;
        Ok(panel)
    }

    /// A line for each phase, with a gap between them.
    fn lines(
        &self,
        panel: &mut Panel<'a>,
        style: ShapeStyle,
        value: impl Fn(&Point) -> Option<f64>,
    ) -> Result<()> {
        for (start, phase) in self.with_starts() {
            panel.draw_series([PathElement::new(line(start, phase, &value), style)])?;
        }
        Ok(())
    }

    /// Names the phases, and tints the one with coalescing in both panels.
    fn shade_phases(&self) -> Result<()> {
        for (start, phase) in self.with_starts() {
            let (left, right) = (self.at(start), self.at(start + phase.seconds));
            if phase.coalescing {
                let tint = Rectangle::new([(left, 66), (right, 496)], PHASE_ON.filled());
                self.root.draw(&tint)?;
            }
            let name = format!("coalescing {}", phase.mode());
            self.text(((left + right) / 2, 72), 13, TEXT, HPos::Center, &name)?;
        }
        Ok(())
    }

    /// Writes the figure of each phase above a panel, where no line crosses it.
    fn figures(&self, top: i32, figure: impl Fn(&Phase) -> String) -> Result<()> {
        for (start, phase) in self.with_starts() {
            let middle = self.at(start + phase.seconds / 2.0);
            self.text((middle, top), 14, TEXT, HPos::Center, &figure(phase))?;
        }
        Ok(())
    }

    fn legend(&self, left: i32, top: i32, colour: RGBColor, width: u32, name: &str) -> Result<()> {
        let sample = vec![(left - 26, top + 7), (left - 6, top + 7)];
        self.root.draw(&PathElement::new(sample, colour.stroke_width(width)))?;
        self.text((left, top), 12, NOTE, HPos::Left, name)
    }
}

fn line(start: f64, phase: &Phase, value: impl Fn(&Point) -> Option<f64>) -> Vec<(f64, f64)> {
    let points = phase.series.iter();
    points.filter_map(|point| Some((start + point.at, value(point)?))).collect()
}

fn power(ms: Option<f64>) -> Option<f64> {
    ms.map(|ms| ms.max(0.01).log10())
}

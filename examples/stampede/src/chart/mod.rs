//! The chart: three panels over one time axis, with the phases shaded, as a single SVG file.
//!
//! It paints its own background and follows the reader's choice of light or dark, so it can be
//! looked at anywhere.

mod scale;
mod style;

use crate::report::{Phase, Point, Report};
use crate::units;
use scale::Scale;
use style::STYLE;
use svg::{Anchor, Svg};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 776.0;

/// Where the panels begin and end, from left to right.
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 24.0;

/// The first panel's top edge, a panel's height, and the distance from one top edge to the next.
const TOP: f64 = 152.0;
const PANEL: f64 = 150.0;
const STEP: f64 = 196.0;

/// Above the first panel, room for the names of the phases and for its heading.
const HEAD: f64 = 56.0;

/// Draws all of a run.
pub(crate) fn draw(report: &Report) -> String {
    let time = Time::new(&report.phases);
    let mut svg = Svg::new(WIDTH, HEIGHT, STYLE, &summary(report));
    svg.text(
        "title",
        (LEFT, 34.0),
        Anchor::Start,
        "A stampede on a database, coalescing off, on, off",
    );
    svg.text("note", (LEFT, 56.0), Anchor::Start, &setting(report));
    svg.text("note", (LEFT, 74.0), Anchor::Start, &load(report));
    shade(&mut svg, report, &time);
    for (n, panel) in panels(report).iter().enumerate() {
        panel.draw(&mut svg, report, &time, TOP + STEP * n as f64);
    }
    time.draw(&mut svg);
    svg.finish()
}

/// What a reader hears who cannot see it.
fn summary(report: &Report) -> String {
    let phases = report.phases.iter().map(|phase| {
        format!(
            "coalescing {}: {} requests and {} queries a second, p99 {}",
            phase.mode(),
            units::rate(phase.requests_per_s),
            units::rate(phase.queries_per_s),
            units::time_or_dash(phase.p99_ms)
        )
    });
    phases.collect::<Vec<_>>().join("; ")
}

fn setting(report: &Report) -> String {
    let settings = &report.settings;
    format!(
        "{}, {} threads, {} connections; a query alone takes {}, the database answers {} a second",
        settings.database,
        settings.threads,
        settings.connections,
        units::time(report.calibration.query_ms),
        units::rate(report.calibration.capacity_per_s)
    )
}

fn load(report: &Report) -> String {
    let settings = &report.settings;
    format!(
        "open load: {} requests arrive each second, {}; window {} ms",
        units::rate(settings.offered_per_s),
        settings.asked_for(),
        settings.window_ms
    )
}

/// Behind all panels: where coalescing was on, and what each phase is.
fn shade(svg: &mut Svg, report: &Report, time: &Time) {
    let bottom = TOP + 2.0 * STEP + PANEL;
    for (phase, start) in report.phases.iter().zip(&time.starts) {
        let (from, to) = (time.scale.at(*start), time.scale.at(start + phase.seconds));
        let class = if phase.coalescing { "phase on" } else { "phase off" };
        svg.rectangle(class, (from, TOP - HEAD), (to - from, bottom - TOP + HEAD));
        let label = format!("coalescing {}", phase.mode());
        svg.text("phase-name", ((from + to) / 2.0, TOP - HEAD + 18.0), Anchor::Middle, &label);
    }
}

/// The time axis: the phases one after the other.
struct Time {
    scale: Scale,
    starts: Vec<f64>,
}

impl Time {
    fn new(phases: &[Phase]) -> Self {
        let mut starts = Vec::new();
        let mut end = 0.0;
        for phase in phases {
            starts.push(end);
            end += phase.seconds;
        }
        Self { scale: Scale::linear(0.0, end, LEFT, RIGHT), starts }
    }

    fn draw(&self, svg: &mut Svg) {
        let bottom = TOP + 2.0 * STEP + PANEL;
        for tick in self.scale.ticks(16) {
            let x = self.scale.at(tick);
            svg.line("axis", (x, bottom), (x, bottom + 5.0));
            svg.text("tick", (x, bottom + 20.0), Anchor::Middle, &scale::label(tick));
        }
        svg.text("note", ((LEFT + RIGHT) / 2.0, bottom + 42.0), Anchor::Middle, "time in seconds");
    }
}

/// One of the three graphs.
struct Panel {
    heading: &'static str,
    is_log: bool,
    /// A dashed line across, and its name; of a panel whose one curve has no name.
    mark: Option<(f64, String)>,
    curves: Vec<Curve>,
    /// What a phase comes to as a whole, and what must be said with it; written into it.
    whole: fn(&Phase) -> (String, String),
}

struct Curve {
    class: &'static str,
    /// Where there is more than one.
    name: &'static str,
    value: fn(&Point) -> Option<f64>,
}

fn panels(report: &Report) -> [Panel; 3] {
    let curve = |class, value| vec![Curve { class, name: "", value }];
    let offered = report.settings.offered_per_s;
    [
        Panel {
            heading: "answered requests per second",
            is_log: false,
            mark: Some((offered, format!("offered: {}", per_second(offered)))),
            curves: curve("requests", |point| Some(point.requests_per_s)),
            whole: |phase| (per_second(phase.requests_per_s), left_over(phase)),
        },
        Panel {
            heading: "queries per second at the database",
            is_log: false,
            mark: None,
            curves: curve("queries", |point| Some(point.queries_per_s)),
            whole: |phase| (per_second(phase.queries_per_s), savings(phase)),
        },
        Panel {
            heading: "latency from arrival to answer, log scale",
            is_log: true,
            mark: None,
            curves: vec![
                Curve { class: "latency p50", name: "p50", value: |point| point.p50_ms },
                Curve { class: "latency", name: "p99", value: |point| point.p99_ms },
            ],
            whole: |phase| (format!("p99 {}", units::time_or_dash(phase.p99_ms)), String::new()),
        },
    ]
}

fn per_second(rate: f64) -> String {
    format!("{}/s", units::rate(rate))
}

fn left_over(phase: &Phase) -> String {
    match phase.still_queued {
        0 => String::new(),
        queued => format!("{queued} of {} never answered", phase.arrivals),
    }
}

fn savings(phase: &Phase) -> String {
    if phase.coalescing { format!("{} queries saved", phase.saved()) } else { String::new() }
}

impl Panel {
    fn draw(&self, svg: &mut Svg, report: &Report, time: &Time, top: f64) {
        let scale = self.scale(report, top);
        svg.text("heading", (LEFT, top - 8.0), Anchor::Start, self.heading);
        self.draw_axis(svg, &scale, top);
        if let Some((value, _)) = &self.mark {
            svg.line("mark", (LEFT, scale.at(*value)), (RIGHT, scale.at(*value)));
        }
        self.draw_legend(svg, top - 12.0);
        for curve in &self.curves {
            curve.draw(svg, report, time, &scale);
        }
        for (phase, start) in report.phases.iter().zip(&time.starts) {
            let middle = time.scale.at(start + phase.seconds / 2.0);
            let (whole, also) = (self.whole)(phase);
            svg.text("whole", (middle, top + 18.0), Anchor::Middle, &whole);
            svg.text("note", (middle, top + 34.0), Anchor::Middle, &also);
        }
    }

    /// Right of the heading, from right to left.
    fn draw_legend(&self, svg: &mut Svg, y: f64) {
        let named = self.curves.iter().rev().filter(|curve| !curve.name.is_empty());
        for (n, curve) in named.enumerate() {
            let x = RIGHT - 6.0 - 72.0 * n as f64;
            svg.text("tick", (x, y + 4.0), Anchor::End, curve.name);
            svg.curve(curve.class, &[(x - 54.0, y), (x - 28.0, y)]);
        }
        if let Some((_, name)) = &self.mark {
            svg.text("tick", (RIGHT - 6.0, y + 4.0), Anchor::End, &format!("- - {name}"));
        }
    }

    /// From the least to the most that any curve shows, with room above for what is written there.
    fn scale(&self, report: &Report, top: f64) -> Scale {
        let points = report.phases.iter().flat_map(|phase| &phase.series);
        let values = points.flat_map(|point| self.curves.iter().filter_map(|c| (c.value)(point)));
        let values = values.chain(self.mark.as_ref().map(|(value, _)| *value));
        let (least, most) =
            values.fold((f64::MAX, 1.0), |(least, most), v| (v.min(least), v.max(most)));
        if self.is_log {
            Scale::log(least.clamp(0.1, most), most * 12.0, top + PANEL, top)
        } else {
            Scale::linear(0.0, most * 1.45, top + PANEL, top)
        }
    }

    fn draw_axis(&self, svg: &mut Svg, scale: &Scale, top: f64) {
        for tick in scale.ticks(5) {
            let y = scale.at(tick);
            let label = if self.is_log { power_of_ten(tick) } else { scale::label(tick) };
            svg.line("grid", (LEFT, y), (RIGHT, y));
            svg.text("tick", (LEFT - 8.0, y + 4.0), Anchor::End, &label);
        }
        svg.line("axis", (LEFT, top), (LEFT, top + PANEL));
        svg.line("axis", (LEFT, top + PANEL), (RIGHT, top + PANEL));
    }
}

/// Of milliseconds.
fn power_of_ten(ms: f64) -> String {
    if ms < 1e3 {
        format!("{} ms", scale::label(ms))
    } else {
        format!("{} s", scale::label(ms / 1e3))
    }
}

impl Curve {
    /// A line for each phase, with nothing in between.
    fn draw(&self, svg: &mut Svg, report: &Report, time: &Time, scale: &Scale) {
        for (phase, start) in report.phases.iter().zip(&time.starts) {
            let places = phase.series.iter().filter_map(|point| {
                let value = (self.value)(point)?;
                Some((time.scale.at(start + point.at), scale.at(value)))
            });
            svg.curve(self.class, &places.collect::<Vec<_>>());
        }
    }
}

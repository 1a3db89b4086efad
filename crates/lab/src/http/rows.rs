//! The rows of the tables, and the targets among them.

use super::{FLOOR, LAYER, NGINX};
use crate::raw::Raw;

/// One figure of a scenario.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) scenario: &'static str,
    pub(super) figure: &'static str,
    target: Option<Target>,
}

/// The most that the layer may need.
#[derive(Clone, Copy)]
enum Target {
    Bound(f64),
    /// As much as nginx.
    Nginx,
    /// So many times the time of one client.
    Floors(f64),
}

pub(super) const ALL: [Row; 12] = [
    row("runs for a burst", "burst", "runs", Some(Target::Bound(1.0))),
    row("p50, ms", "burst", "p50_ms", Some(Target::Floors(2.0))),
    row("p99, ms", "burst", "p99_ms", Some(Target::Nginx)),
    row("slowest, ms", "burst", "last_ms", None),
    row("runs for a burst", "burst-20", "runs", Some(Target::Bound(1.0))),
    row("p50, ms", "burst-20", "p50_ms", Some(Target::Floors(2.0))),
    row("p99, ms", "burst-20", "p99_ms", Some(Target::Nginx)),
    row("slowest, ms", "burst-20", "last_ms", None),
    row("runs for each window that began", "busy", "runs", Some(Target::Bound(1.0))),
    row("answers a second", "busy", "answers", None),
    row("p50, ms", "busy", "p50_ms", None),
    row("p99, ms", "busy", "p99_ms", Some(Target::Nginx)),
];

const fn row(
    title: &'static str,
    scenario: &'static str,
    figure: &'static str,
    target: Option<Target>,
) -> Row {
    Row { title, scenario, figure, target }
}

impl Row {
    pub(super) fn of(&self, raw: &Raw, lane: &str) -> Option<f64> {
        raw.figure(self.scenario, lane, self.figure)
    }

    pub(super) fn target(&self) -> String {
        match self.target {
            None => String::new(),
            Some(Target::Bound(most)) => format!("≤ {most}"),
            Some(Target::Nginx) => format!("≤ {NGINX}"),
            Some(Target::Floors(times)) => format!("≤ {times} x {FLOOR}"),
        }
    }

    /// True if the target is met by all that was measured; `None` without a target, or without figures.
    pub(super) fn is_met(&self, raw: &Raw) -> Option<bool> {
        let most = match self.target? {
            Target::Bound(most) => most,
            Target::Nginx => self.of(raw, NGINX)?,
            Target::Floors(times) => times * self.of(raw, FLOOR)?,
        };
        Some(self.of(raw, LAYER)? <= most)
    }
}

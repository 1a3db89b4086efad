//! The display during a run: a line for each half second.

use super::clock::{self, MS, Nanos, ms};
use super::record::add;
use super::talk::Tick;
use crate::live::Live as Screen;
use crate::meter::{Latencies, latencies, quantile};
use crate::process_options::Settings;
use crate::units::{rate, time_or_dash};

const EACH: Nanos = 500 * MS;

const HEADINGS: &str =
    "phase            time  executions   queries   calls/s      p50      p99  round trips
                       per window                                      a call";

/// The events since the last line.
pub(super) struct Live {
    screen: Screen,
    phase: &'static str,
    from: Nanos,
    shown: Nanos,
    executions: u64,
    queries: u64,
    round_trips: u64,
    latencies: Latencies,
}

impl Live {
    pub(super) fn new(json: bool) -> Self {
        Self {
            screen: Screen::new(json),
            phase: "",
            from: 0,
            shown: 0,
            executions: 0,
            queries: 0,
            round_trips: 0,
            latencies: latencies(),
        }
    }

    pub(super) fn say(&mut self, text: &str) {
        self.screen.say(text);
    }

    pub(super) fn headings(&mut self) {
        self.say(HEADINGS);
    }

    pub(super) fn begin(&mut self, phase: &'static str, from: Nanos) {
        (self.phase, self.from, self.shown) = (phase, from, from);
        self.clear();
    }

    fn clear(&mut self) {
        (self.executions, self.queries, self.round_trips) = (0, 0, 0);
        self.latencies.reset();
    }

    pub(super) fn began(&mut self) {
        self.executions += 1;
    }

    pub(super) fn tick(&mut self, tick: &Tick) {
        self.queries += tick.queries;
        self.round_trips += tick.round_trips;
        add(&mut self.latencies, tick);
    }

    pub(super) fn fault(&mut self, what: &str) {
        let at = ms(clock::now().saturating_sub(self.from)) / 1e3;
        self.say(&format!("{:<13} {at:>5.1} s  *** {what}", self.phase));
    }

    /// Shows what has come, if half a second is over.
    pub(super) fn show(&mut self, settings: &Settings) {
        let now = clock::now();
        let since = now.saturating_sub(self.shown);
        if since < EACH {
            return;
        }
        let windows = since as f64 / settings.window.as_nanos() as f64 * settings.keys as f64;
        let calls = self.latencies.len();
        let line = format!(
            "{:<13} {:>5.1} s {:>11.1} {:>9} {:>9} {:>8} {:>8} {:>12.4}",
            self.phase,
            ms(now.saturating_sub(self.from)) / 1e3,
            self.executions as f64 / windows,
            self.queries,
            rate(calls as f64 / (ms(since) / 1e3)),
            time_or_dash(quantile(&self.latencies, 0.5)),
            time_or_dash(quantile(&self.latencies, 0.99)),
            self.round_trips as f64 / calls.max(1) as f64,
        );
        self.say(&line);
        self.shown = now;
        self.clear();
    }
}

//! The result of a run, as JSON and as a table.

use std::fmt;
use std::time::Duration;

use coalescer::Stats;
use serde::Serialize;

use super::PAGE;
use super::pages::Pages;
use super::ways::{GATHER, Way};
use crate::meter::quantile;
use crate::options::Options;
use crate::report::{fmt_answers, fmt_table};
use crate::units::{in_ms, rate, time, time_or_dash};

/// The result of a run.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) database: &'static str,
    pub(super) connections: u32,
    /// The time of each query beside its work.
    pub(super) delay_ms: f64,
    /// Time of one query for one order, alone.
    pub(super) query_ms: f64,
    pub(super) gather_ms: f64,
    pub(super) orders_per_page: usize,
    pub(super) pages: u64,
    pub(super) ways: Vec<Row>,
    /// Answers that differ from the correct one.
    pub(super) wrong: u64,
}

/// The result of a way.
#[derive(Serialize)]
pub(super) struct Row {
    way: &'static str,
    answers: u64,
    wrong: u64,
    /// Each is one round trip.
    queries: u64,
    queries_per_page: f64,
    orders_per_query: f64,
    page_p50_ms: Option<f64>,
    page_max_ms: Option<f64>,
    batcher: Stats,
}

impl Row {
    pub(super) fn new(way: Way, queries: u64, pages: &Pages, batcher: Stats) -> Self {
        Self {
            way: way.name(),
            answers: pages.answers,
            wrong: pages.wrong,
            queries,
            queries_per_page: queries as f64 / pages.times.len().max(1) as f64,
            orders_per_query: pages.answers as f64 / queries.max(1) as f64,
            page_p50_ms: quantile(&pages.times, 0.5),
            page_max_ms: quantile(&pages.times, 1.0),
            batcher,
        }
    }

    /// The line of the display.
    pub(super) fn said(&self) -> String {
        format!("{:<17} {} queries for {} orders", self.way, self.queries, self.answers)
    }
}

impl Report {
    /// A report without its ways.
    pub(super) fn new(options: &Options, query: Duration) -> Self {
        Self {
            database: options.database(),
            connections: options.connections,
            delay_ms: in_ms(options.delay()),
            query_ms: in_ms(query),
            gather_ms: in_ms(GATHER),
            orders_per_page: PAGE,
            pages: options.mode.pages(),
            ways: Vec::new(),
            wrong: 0,
        }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.wrong += row.wrong;
        self.ways.push(row);
    }

    /// Says what is about to run.
    pub(super) fn introduction(&self) -> String {
        let delay = match self.delay_ms {
            0.0 => String::new(),
            delay => format!(", of which {} are a delay in place of a network", time(delay)),
        };
        format!(
            "{}: a query for one order takes {} alone{delay}.\n\
             {} pages of {} orders in each way; {} connections; calls are gathered for {} at most.\n",
            self.database,
            time(self.query_ms),
            self.pages,
            self.orders_per_page,
            self.connections,
            time(self.gather_ms),
        )
    }

    /// The result in one sentence.
    fn finding(&self) -> String {
        let of = |way: Way| {
            let row = self.ways.iter().find(|row| row.way == way.name());
            row.map_or_else(|| "-".to_string(), |row| queries(row.queries_per_page))
        };
        format!(
            "round trips for a page of {}: {} one by one, {} with execute_many, {} gathered",
            self.orders_per_page,
            of(Way::OneByOne),
            of(Way::ExecuteMany),
            of(Way::Gathered)
        )
    }
}

/// Queries a page, as a figure. A whole number has no digits after the point.
fn queries(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Headings of the table, which fits a terminal of 80 columns.
const HEADINGS: [&str; 2] = [
    "                     round trips    orders    time for a page",
    "way                       a page   a query       p50      max",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_table(f, HEADINGS, &self.ways, Row::fmt_row, &self.finding())?;
        let answers: u64 = self.ways.iter().map(|row| row.answers).sum();
        fmt_answers(f, answers, self.wrong)
    }
}

impl Row {
    fn fmt_row(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>11} {:>9} {:>9} {:>8}",
            self.way,
            queries(self.queries_per_page),
            rate(self.orders_per_query),
            time_or_dash(self.page_p50_ms),
            time_or_dash(self.page_max_ms)
        )
    }
}

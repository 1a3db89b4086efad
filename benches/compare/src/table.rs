//! The table, as Markdown, and what must be said with it.

use std::fmt::Write;

use crate::contender::{Contender, FLOOR, GO, MACHINE};
use crate::contenders::{ByGroup, Coalescer, DashMap, StdMap};
use crate::raw::Raw;
use crate::rows::{self, Row, Unit};

/// A peer is said to be ahead if it is better by more than this: medians differ as much by chance.
const CHANCE: f64 = 1.02;

/// All rows that there are lines for, and in words where a peer is ahead.
pub fn table(raw: &Raw) -> String {
    let mut table = header();
    for row in rows::ALL.iter().filter(|row| row.own(raw).is_some()) {
        line(&mut table, &cells(row, raw));
    }
    add(&mut table, format_args!("\n{}", ahead(raw)));
    add(&mut table, format_args!("\n{}", conditions(raw)));
    table
}

/// Two runs beside each other: this library's figure, and its ratios to floor and best peer.
pub fn both(first: &Raw, second: &Raw) -> String {
    let mut table = String::new();
    let heads = [
        "",
        "first",
        "second",
        "change",
        "x floor, first",
        "second",
        "x best peer, first",
        "second",
    ];
    line(&mut table, &heads.map(str::to_owned));
    line(&mut table, &heads.map(|_| "---".to_owned()));
    for row in &rows::ALL {
        let (Some(a), Some(b)) = (row.own(first), row.own(second)) else { continue };
        let over_floor = |raw| row.over_floor(raw).map_or(String::new(), ratio);
        let over_best = |raw: &Raw| {
            let times = Some(row.own(raw)? / row.best_peer(raw)?.1);
            times.map(ratio)
        };
        line(
            &mut table,
            &[
                title(row),
                number(a),
                number(b),
                format!("{:+.0} %", (b / a - 1.0) * 100.0),
                over_floor(first),
                over_floor(second),
                over_best(first).unwrap_or_default(),
                over_best(second).unwrap_or_default(),
            ],
        );
    }
    add(&mut table, format_args!("\nFirst: {}\nSecond: {}", conditions(first), conditions(second)));
    table
}

/// A column's head: a contender's name in as few letters as will do.
pub fn short(name: &'static str) -> &'static str {
    match name {
        ByGroup::NAME => "its `Group`",
        DashMap::NAME => "DashMap",
        StdMap::NAME => "std map",
        GO => "Go",
        _ => name,
    }
}

fn header() -> String {
    let mut header = String::new();
    let names = rows::columns().map(|name| short(name).to_owned());
    let heads = ["".to_owned(), "floor".to_owned()].into_iter().chain(names);
    let heads = heads.chain(["coalescer / floor", "target", "met"].map(str::to_owned));
    let heads: Vec<_> = heads.collect();
    line(&mut header, &heads);
    let rule = heads.iter().enumerate();
    line(
        &mut header,
        &rule.map(|(i, _)| if i == 0 { "---" } else { "---:" }.to_owned()).collect::<Vec<_>>(),
    );
    header
}

fn cells(row: &Row, raw: &Raw) -> Vec<String> {
    let figure = |name| row.of(raw, name).map_or(String::new(), number);
    let best = best(row, raw);
    let marked =
        |name| if Some(name) == best { format!("**{}**", figure(name)) } else { figure(name) };
    let targets: Vec<_> = row.targets.iter().map(|target| target.text()).collect();
    let met = row.is_met(raw).map_or("", |met| if met { "yes" } else { "**no**" });
    let mut cells = vec![title(row), figure(FLOOR)];
    cells.extend(rows::columns().map(marked));
    cells.push(row.over_floor(raw).map_or(String::new(), ratio));
    cells.extend([targets.join(", "), met.to_owned()]);
    cells
}

/// The contender with the best figure, whoever it is.
fn best(row: &Row, raw: &Raw) -> Option<&'static str> {
    row.ranked(raw).into_iter().map(|(name, _)| name).find(|name| row.is_of_threads(name))
}

fn title(row: &Row) -> String {
    match row.unit {
        Unit::Count => row.title.to_owned(),
        unit => format!("{}, {}", row.title, unit.name()),
    }
}

/// Where peers are better than this library.
fn ahead(raw: &Raw) -> String {
    let mut text = String::new();
    for row in &rows::ALL {
        let Some(own) = row.own(raw) else { continue };
        let peers = row.ranked(raw).into_iter().filter(|(name, _)| rows::is_peer(name));
        let better = peers.filter(|(_, figure)| row.unit.times_worse(own, *figure) > CHANCE);
        let better: Vec<_> =
            better.map(|(name, figure)| format!("{} {}", short(name), number(figure))).collect();
        if !better.is_empty() {
            let (title, own, better) = (title(row), number(own), better.join(", "));
            add(&mut text, format_args!("- {title}: {better}; {} {own}", Coalescer::NAME));
        }
    }
    if text.is_empty() {
        "No peer is ahead.\n".to_owned()
    } else {
        format!("Peers are ahead in:\n\n{text}")
    }
}

fn conditions(raw: &Raw) -> String {
    let notes = ["cpu", "kernel", "rustc", "date", "commit", "peers", "go"];
    let notes = notes.iter().filter_map(|name| Some(format!("{name}: {}", raw.noted(name)?)));
    let notes: Vec<_> = notes.collect();
    let line = raw.span(None, MACHINE, "line_ns").map_or(String::new(), |(low, high)| {
        format!("; a cache line to the other core and back: {low:.0} to {high:.0} ns")
    });
    format!("{}{line}.\n", notes.join("; "))
}

fn ratio(times: f64) -> String {
    format!("{times:.2}x")
}

/// Three digits are what the figures are good for.
pub fn number(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => thousands(value),
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn line(table: &mut String, cells: &[String]) {
    add(table, format_args!("| {} |", cells.join(" | ")));
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all text");
}

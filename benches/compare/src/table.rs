//! The table, as Markdown, and what must be said with it.

use std::fmt::Write;

use crate::contender::{Contender, FLOOR, GO, MACHINE};
use crate::contenders::{ByGroup, Coalescer, DashMap, StdMap};
use crate::raw::Raw;
use crate::rows::{self, Row};
use crate::scenarios;
use crate::stats::quantile;

/// A peer is said to be ahead if it is better by more than this: medians differ as much by chance.
const CHANCE: f64 = 1.02;

/// How the figures came about.
const NOTES: &str = "\
Medians of interleaved rounds, `u64` keys, values behind an `Arc`, default hashers and settings; each
lane in a process of its own (`cargo run --release -p compare`). Ratios, and who is ahead, are medians
of the ratios within each round. Bold is the best but for the floor.
An empty cell is what a contender has not got: Go's package and `singleflight` have no window, `cached`
has no flight without one (its herds leave results behind), and `Group` is coalescer with a function
from each call. The windows of quick_cache, DashMap and the std map are their adapters' own; those two
maps never drop what has expired. moka's window counts from the end. Without a window, moka and
quick_cache are told to remove the key by the call that ran the function. `singleflight` makes a string
of each key; Go's strings were made before. Go's callers are goroutines, which need no kernel to wake,
so in herds it is never the bold one.

The floors: an `Arc`, put into a map and taken out, each under an uncontended lock of one's own (lead);
a look-up and an `Arc`'s clone under a lock, 64 locks for 1024 keys and two threads, no clock (late
hit); a bare futex that wakes all (herd); a map of 64 locks into which one thread puts new keys and takes
old ones out (beside leads); no coalescing (zipf).
";

/// All rows that there are lines for, and in words where a peer is ahead.
pub fn table(raw: &Raw) -> String {
    let mut table = header();
    for row in rows::ALL.iter().filter(|row| row.own(raw).is_some()) {
        line(&mut table, &cells(row, raw));
    }
    add(&mut table, format_args!("\n{NOTES}\n{}\n{}", ahead(raw), conditions(raw)));
    table
}

/// Two runs beside each other: this library's figure, and its ratios to floor and best peer.
///
/// The last columns tell how far apart the cores were; lanes of several threads hang on it.
pub fn both(first: &Raw, second: &Raw) -> String {
    let mut table = String::new();
    let heads = ["", "coalescer", "then", "change", "/ floor", "then", "/ best peer", "then"];
    let heads = heads.into_iter().chain(["cache line, ns", "then"]).map(str::to_owned);
    let heads: Vec<_> = heads.collect();
    line(&mut table, &heads);
    line(&mut table, &heads.iter().map(|_| "---".to_owned()).collect::<Vec<_>>());
    for row in &rows::ALL {
        let (Some(a), Some(b)) = (row.own(first), row.own(second)) else { continue };
        let change = format!("{:+.0} %", (b / a - 1.0) * 100.0);
        let mut cells = vec![row.full_title(), number(a), number(b), change];
        let runs = [first, second];
        cells.extend(runs.map(|raw| row.over_floor(raw).map_or(String::new(), ratio)));
        cells.extend(runs.map(|raw| row.over_best_peer(raw).map_or(String::new(), ratio)));
        cells.extend(runs.map(|raw| {
            let line = raw.figure(row.scenario, MACHINE, "line_ns");
            line.map_or(String::new(), number)
        }));
        line(&mut table, &cells);
    }
    let (first, second) = (conditions(first), conditions(second));
    add(&mut table, format_args!("\nFirst: {first}\nThen: {second}"));
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
    let mut cells = vec![row.full_title(), figure(FLOOR)];
    cells.extend(rows::columns().map(marked));
    let over_floor = row.over_floor(raw).filter(|_| row.is_contest());
    cells.push(over_floor.map_or(String::new(), ratio));
    cells.extend([targets.join(", "), met.to_owned()]);
    cells
}

/// The contender with the best figure, whoever it is.
fn best(row: &Row, raw: &Raw) -> Option<&'static str> {
    row.ranked(raw).into_iter().map(|(name, _)| name).find(|name| row.is_of_threads(name))
}

/// Where peers are better than this library.
fn ahead(raw: &Raw) -> String {
    let mut text = String::new();
    for row in rows::ALL.iter().filter(|row| row.is_contest()) {
        let Some(own) = row.own(raw) else { continue };
        let peers = row.ranked(raw).into_iter().filter(|(name, _)| rows::is_peer(name));
        let better = peers.filter(|(_, times)| *times < 1.0 / CHANCE);
        let better = better.filter_map(|(name, times)| {
            Some(format!("{} {} ({:.2}x)", short(name), number(row.of(raw, name)?), 1.0 / times))
        });
        let better: Vec<_> = better.collect();
        if !better.is_empty() {
            let (title, own, better) = (row.full_title(), number(own), better.join(", "));
            add(&mut text, format_args!("- {title}: {better}; {} {own}", Coalescer::NAME));
        }
    }
    if text.is_empty() {
        "No peer is ahead.\n".to_owned()
    } else {
        format!("Peers are ahead, by so many times in the median round, in:\n\n{text}")
    }
}

/// Machine, versions, date and commit, in one line.
fn conditions(raw: &Raw) -> String {
    let note = |name| raw.noted(name).unwrap_or_else(|| "unknown".to_owned());
    let line = raw.values(None, MACHINE, "line_ns");
    let (low, high) = (quantile(&line, 0.1), quantile(&line, 0.9));
    format!(
        "{}; Linux {}; {}; {}; Go: {}. Commit {}, {}. A cache line took {low:.0} to {high:.0} ns \
         to the other core and back (the middle eight tenths).{}\n",
        note("cpu"),
        note("kernel"),
        note("rustc"),
        note("peers"),
        note("go"),
        note("commit"),
        note("date"),
        moved(raw),
    )
}

/// In which scenarios of several threads the cores were moved, so that figures are of both places.
fn moved(raw: &Raw) -> String {
    let has_threads = |name: &&str| !name.contains("1t") && *name != "memory";
    let is_mixed = |name: &&str| {
        let line = raw.values(Some(name), MACHINE, "line_ns");
        quantile(&line, 0.8) > 3.0 * quantile(&line, 0.2)
    };
    let names = scenarios::ALL.iter().map(|scenario| scenario.name).filter(has_threads);
    let names: Vec<_> = names.filter(is_mixed).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" It changed during {}: medians there are of both, ratios are not.", names.join(", "))
}

fn ratio(times: f64) -> String {
    if times < 10.0 { format!("{times:.3}x") } else { format!("{}x", number(times)) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::{Moka, QuickCache};
    use crate::raw::Line;

    fn raw(values: &[(&str, f64)]) -> Raw {
        let lines =
            values.iter().map(|(name, value)| Line::new("hit-1t-1key", name, 0, "ns", *value));
        Raw { lines: lines.collect(), ..Raw::default() }
    }

    #[test]
    fn a_row_has_floor_contenders_ratio_and_verdict() {
        let raw = raw(&[(FLOOR, 20.0), (Coalescer::NAME, 26.0), (Moka::NAME, 123.4)]);
        let table = table(&raw);
        let rows: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let cells: Vec<_> = rows[2].split('|').map(str::trim).collect();
        assert_eq!(rows.len(), 3, "rows without lines are left out");
        assert_eq!(cells[1..6], ["late hit, 1 thread, 1 key, ns", "20.0", "**26.0**", "", "123"]);
        assert_eq!(cells[cells.len() - 4..], ["1.300x", "≤ 1.35x floor", "yes", ""]);
        assert!(table.contains("No peer is ahead."));
        assert_eq!(rows[0].matches('|').count(), rows[2].matches('|').count());
    }

    #[test]
    fn a_peer_that_is_ahead_is_named() {
        let raw = raw(&[(FLOOR, 20.0), (Coalescer::NAME, 50.0), (QuickCache::NAME, 45.0)]);
        let table = table(&raw);
        assert!(
            table.contains(
                "- late hit, 1 thread, 1 key, ns: quick_cache 45.0 (1.11x); coalescer 50.0"
            ),
            "{table}"
        );
        assert!(table.contains("**45.0**") && table.contains("**no**"), "{table}");
    }

    #[test]
    fn who_is_ahead_in_every_round_is_ahead_though_its_median_is_higher() {
        let mut raw = Raw::default();
        // The cores are moved apart in the middle of the second round.
        for (round, own, peer, line) in
            [(0, 200.0, 180.0, 50.0), (1, 205.0, 350.0, 50.0), (2, 390.0, 340.0, 400.0)]
        {
            raw.lines.push(Line::new("lead-2t", Coalescer::NAME, round, "ns", own));
            raw.lines.push(Line::new("lead-2t", QuickCache::NAME, round, "ns", peer));
            raw.lines.push(Line::new("lead-2t", MACHINE, round, "line_ns", line));
        }
        let table = table(&raw);
        assert!(table.contains("quick_cache 340 (1.11x); coalescer 205"), "{table}");
        assert!(table.contains("It changed during lead-2t:"), "{table}");
    }

    #[test]
    fn a_hair_is_no_lead() {
        let raw = raw(&[(Coalescer::NAME, 50.0), (QuickCache::NAME, 49.9)]);
        assert!(table(&raw).contains("No peer is ahead."));
    }

    #[test]
    fn two_runs_stand_beside_each_other() {
        let first = raw(&[(FLOOR, 20.0), (Coalescer::NAME, 50.0), (QuickCache::NAME, 40.0)]);
        let second = raw(&[(FLOOR, 25.0), (Coalescer::NAME, 30.0), (QuickCache::NAME, 40.0)]);
        let expected = "| 50.0 | 30.0 | -40 % | 2.500x | 1.200x | 1.250x | 0.750x |";
        assert!(both(&first, &second).contains(expected), "{}", both(&first, &second));
    }

    #[test]
    fn three_digits_are_enough() {
        let numbers = [0.031, 9.994, 9.996, 99.94, 99.96, 9_999.0, 15_553_971.8].map(number);
        assert_eq!(numbers, ["0.03", "9.99", "10.0", "99.9", "100", "9999", "15 553 972"]);
    }
}

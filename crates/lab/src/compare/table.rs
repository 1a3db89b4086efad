//! The table, as Markdown, and the notes that belong to it.

use std::fmt::Write;

use super::rows::{self, Row};
use crate::contender::{Contender, FLOOR, GO, MACHINE};
use crate::contenders::{ByGroup, Coalescer, DashMap, StdMap};
use crate::page::{Part, markdown};
use crate::raw::Raw;
use crate::stats::Times;

/// A peer is said to be ahead if it is better by more than this: medians differ as much by chance.
const CHANCE: f64 = 1.02;

/// How the figures were measured.
const NOTES: &str = "\
Each figure is the median of interleaved rounds, and less is better. Keys are `u64`, values stand
behind an `Arc`, hashers and settings are the defaults, and each lane has a process of its own (`cargo
run --release -p lab -- compare`). Ratios, and who is ahead, are medians of the ratios within each
round. The best figure is bold; the floor does not take part.

Each title says how a call ends. The leader is the call that runs the function. \"Popular keys\" are
drawn from 10 000 by Zipf's law, the function takes 20 µs of processor time, and the figure is the
time of the whole process for one call.

An empty cell is something that a contender does not have. Go's package and `singleflight` have no
window, and Go takes no part with popular keys. `cached` has no coalescing without one, so its herds leave results behind. `Group` is
coalescer with a function from each call. The windows of quick_cache, DashMap and the std map are
those of our adapters; the two maps never drop expired results. moka's window begins when the function
ends. Without a window, the call that ran the function tells moka and quick_cache to remove the key.
`singleflight` makes a string of each key; Go's strings were made before. Go's callers are goroutines,
which need no kernel to wake, so in herds Go is never the bold one.

The floor is the least that any contender must do. For a call that runs the function: an `Arc`, put
into a map and taken out, each under an uncontended lock of the thread's own. For a call that finds a
result: a look-up and an `Arc`'s clone under a lock (64 locks for 1024 keys and two threads), without a
clock. For threads that wake up: a bare futex that wakes all. While another thread runs functions: a
map of 64 locks into which that thread puts new keys and takes old ones out. For popular keys: no
coalescing.
";

/// The table and its notes, each with its name.
pub fn parts(raw: &Raw) -> Vec<Part> {
    let parts = [
        ("table", table(raw)),
        ("notes", NOTES.to_owned()),
        ("ahead", ahead(raw)),
        ("facts", facts(raw)),
    ];
    parts.map(|(name, part)| (name.to_owned(), part)).to_vec()
}

fn table(raw: &Raw) -> String {
    let names = rows::columns().map(short);
    let head = ["", FLOOR].into_iter().chain(names).chain(["coalescer / floor", "target", "met"]);
    let rows = rows::ALL.iter().filter(|row| row.own(raw).is_some());
    markdown(head.map(str::to_owned).collect(), rows.map(|row| cells(row, raw)))
}

/// A contender's name in as few letters as possible.
pub fn short(name: &'static str) -> &'static str {
    match name {
        ByGroup::NAME => "its `Group`",
        DashMap::NAME => "DashMap",
        StdMap::NAME => "std map",
        GO => "Go",
        _ => name,
    }
}

fn cells(row: &Row, raw: &Raw) -> Vec<String> {
    let figure = |name| row.of(raw, name).map_or(String::new(), number);
    let mut ranked = row.ranked(raw).into_iter().map(|(name, _)| name);
    let best = ranked.find(|name| row.is_of_threads(name));
    let marked =
        |name| if Some(name) == best { format!("**{}**", figure(name)) } else { figure(name) };
    let targets: Vec<_> = row.targets.iter().map(|target| target.text()).collect();
    let over_floor = row.over(raw, FLOOR).filter(|_| row.is_contest());
    let met = row.is_met(raw).map_or("", |met| if met { "yes" } else { "**no**" });
    let mut cells = vec![row.title.to_owned(), figure(FLOOR)];
    cells.extend(rows::columns().map(marked));
    cells.push(over_floor.map_or(String::new(), |times| format!("{}x", number(times))));
    cells.extend([targets.join(", "), met.to_owned()]);
    cells
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
        let better = better.collect::<Vec<_>>().join(", ");
        if !better.is_empty() {
            let (title, own) = (row.title, number(own));
            let line = writeln!(text, "- {title}: {better}; {} {own}", Coalescer::NAME);
            line.expect("a String takes all text");
        }
    }
    if text.is_empty() {
        return "No peer is ahead.\n".to_owned();
    }
    format!("Peers are ahead, by so many times in the median round, in:\n\n{text}")
}

/// Machine, versions, date and commit.
fn facts(raw: &Raw) -> String {
    let line: Times = raw.values(None, MACHINE, "line_ns").into_iter().collect();
    let [machine, system, compiler, peers, go, commit, date] =
        ["machine", "system", "compiler", "peers", "go", "commit", "date"].map(|it| raw.fact(it));
    let (low, high) = (line.percentile(0.1), line.percentile(0.9));
    format!(
        "{machine}; {system}; {compiler}; {peers}; Go: {go}. Commit {commit}, {date}. A cache line \
         took {low:.0} to {high:.0} ns to the other core (p10 and p90).{}\n",
        moved(raw),
    )
}

/// The scenarios of several threads in which the cores were moved.
fn moved(raw: &Raw) -> String {
    let has_threads = |name: &&str| !name.contains("1t") && *name != "memory";
    let is_mixed = |name: &&str| {
        let line: Times = raw.values(Some(name), MACHINE, "line_ns").into_iter().collect();
        line.percentile(0.8) > 3.0 * line.percentile(0.2)
    };
    let names = super::ALL.iter().map(|scenario| scenario.name).filter(has_threads);
    let names: Vec<_> = names.filter(is_mixed).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" It changed during {}: medians there are of both, ratios are not.", names.join(", "))
}

/// Three digits: the figures are good for no more.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::{Moka, QuickCache};
    use crate::raw::Line;

    fn raw(values: &[(&str, f64)]) -> Raw {
        let line = |(name, value): &(&str, f64)| Line::new("hit-1t-1key", name, "ns", *value);
        Raw { lines: values.iter().map(line).collect(), ..Raw::default() }
    }

    #[test]
    fn a_row_has_floor_contenders_ratio_and_verdict() {
        let table = table(&raw(&[(FLOOR, 20.0), (Coalescer::NAME, 26.0), (Moka::NAME, 123.4)]));
        let rows: Vec<_> = table.lines().collect();
        let cells: Vec<_> = rows[2].split('|').map(str::trim).collect();
        assert_eq!(rows.len(), 3, "rows without lines are left out");
        assert_eq!(
            cells[1..6],
            ["finds a result, 1 thread, 1 key, ns", "20.0", "**26.0**", "", "123"]
        );
        assert_eq!(cells[cells.len() - 4..], ["1.30x", "≤ 1.35x floor", "yes", ""]);
        assert_eq!(rows[0].matches('|').count(), rows[2].matches('|').count());
    }

    #[test]
    fn a_peer_that_is_ahead_is_named_but_not_by_a_hair() {
        let lines = raw(&[(FLOOR, 20.0), (Coalescer::NAME, 50.0), (QuickCache::NAME, 45.0)]);
        let line =
            "- finds a result, 1 thread, 1 key, ns: quick_cache 45.0 (1.11x); coalescer 50.0";
        assert!(ahead(&lines).contains(line), "{}", ahead(&lines));
        assert!(table(&lines).contains("**45.0**") && table(&lines).contains("**no**"));
        let hair = raw(&[(Coalescer::NAME, 50.0), (QuickCache::NAME, 49.9)]);
        assert!(ahead(&hair).contains("No peer is ahead."));
    }

    #[test]
    fn a_peer_that_is_ahead_in_every_round_is_ahead_though_its_median_is_higher() {
        let mut raw = Raw::default();
        // The cores are moved apart in the middle of the second round.
        for (own, peer, line) in [(200.0, 180.0, 50.0), (205.0, 350.0, 50.0), (390.0, 340.0, 400.0)]
        {
            raw.lines.push(Line::new("lead-2t", Coalescer::NAME, "ns", own));
            raw.lines.push(Line::new("lead-2t", QuickCache::NAME, "ns", peer));
            raw.lines.push(Line::new("lead-2t", MACHINE, "line_ns", line));
        }
        assert!(ahead(&raw).contains("quick_cache 340 (1.11x); coalescer 205"), "{}", ahead(&raw));
        assert!(facts(&raw).contains("It changed during lead-2t:"), "{}", facts(&raw));
    }

    #[test]
    fn three_digits_are_enough() {
        let numbers = [0.031, 9.994, 9.996, 99.94, 99.96, 9_999.0, 15_553_971.8].map(number);
        assert_eq!(numbers, ["0.03", "9.99", "10.0", "99.9", "100", "9999", "15 553 972"]);
    }
}

//! The picture: six panels, with a bar for each contender.

use anyhow::Result;

use super::rows;
use super::table::{number, short};
use crate::chart::{BOUND, Bar, OWN, PEER, Panel, bars};
use crate::contender::{Contender, FLOOR, GO};
use crate::contenders::{ByGroup, Coalescer};
use crate::raw::Raw;

/// A figure, its unit, its title, and the name of the floor there.
#[rustfmt::skip]
const PANELS: [(&str, &str, &str, &str, &str); 6] = [
    ("hit-1t-1024keys", "ns", "ns", "A call that finds a result", "map and lock*"),
    ("lead-1t", "ns", "ns", "A call that must run the function", "map and lock*"),
    ("tail", "p999_us", "µs", "The slowest of 1000 calls that find a result, busy table", "map and lock*"),
    ("zipf-window-64t", "ns", "ns", "64 threads ask for popular keys: time per call", "no coalescing*"),
    ("herd-64", "last_us", "µs", "64 threads wait for one result: until all have it", "bare wake-up*"),
    ("herd-1024", "leader_us", "µs", "1024 threads wait: until the one that ran the function is free", "bare wake-up*"),
];

/// Draws all panels that there are figures for.
///
/// # Errors
///
/// Never: the picture is text in memory.
pub fn draw(raw: &Raw) -> Result<String> {
    let panels = PANELS.iter().filter_map(|(scenario, figure, unit, title, floor)| {
        let own = raw.figure(scenario, Coalescer::NAME, figure)?;
        let names = [Coalescer::NAME, FLOOR].into_iter().chain(rows::columns().skip(2));
        let bar = |name: &'static str| {
            let value = raw.figure(scenario, name, figure)?;
            let colour = if name == FLOOR { BOUND } else { colour(name) };
            let times = value / own;
            // A difference below this is better seen than read.
            let factor = if times >= 2.0 { format!(", {times:.0}x") } else { String::new() };
            let name = if name == FLOOR { floor } else { short(name) };
            let text = format!("{} {unit}{factor}", number(value));
            Some(Bar { name: name.to_owned(), value, text, colour })
        };
        // Goroutines wake without the kernel: their figure is no measure for threads.
        let names = names.filter(|name| *name != GO || !scenario.starts_with("herd"));
        Some(Panel { title: (*title).to_owned(), bars: names.filter_map(bar).collect() })
    });
    let [machine, system, compiler, date] =
        ["machine", "system", "compiler", "date"].map(|fact| raw.fact(fact));
    let notes = [
        "Shorter is better. \"20x\" is twenty times coalescer's figure; a bar with a gap is cut, as it \
         would not fit. Medians of interleaved rounds."
            .to_owned(),
        "* the least that any of them must do: a bare map and lock, a bare wake-up call to the kernel, \
         or each call running the function itself."
            .to_owned(),
        format!("{machine}; {system}; {compiler}; {date}"),
    ];
    bars(
        "Time per call, coalescer and other ways to share one result",
        &notes,
        &panels.collect::<Vec<_>>(),
    )
}

fn colour(name: &str) -> plotters::style::RGBColor {
    if name == Coalescer::NAME || name == ByGroup::NAME { OWN } else { PEER }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Line;

    #[test]
    fn every_panel_has_its_row_and_names_its_contenders() {
        let is_row = |(scenario, figure, ..): &(&str, &str, &str, &str, &str)| {
            rows::ALL.iter().any(|row| (row.scenario, row.figure) == (*scenario, *figure))
        };
        assert!(PANELS.iter().all(is_row));
        let line = |name, value| Line::new("lead-1t", name, "ns", value);
        let lines = vec![line(FLOOR, 50.0), line(Coalescer::NAME, 60.0), line(GO, 1250.0)];
        let picture = draw(&Raw { lines, ..Raw::default() }).expect("it is text");
        for text in ["60.0 ns", "map and lock*", "Go", "1250 ns, 21x"] {
            assert!(picture.contains(text), "{text}: {picture}");
        }
    }
}

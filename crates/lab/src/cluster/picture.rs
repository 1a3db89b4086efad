//! The picture: four panels, with a bar for each lane.

use anyhow::Result;

use super::lanes::{FILES, POSTGRES, REDIS};
use super::rows::{self, OfRounds, Row};
use super::table::short;
use crate::chart::{Bar, OWN, PEER, Panel, bars};
use crate::raw::Raw;

/// A scenario, a figure, what is made of its rounds, its unit and its title.
#[rustfmt::skip]
const PANELS: [(&str, &str, OfRounds, &str, &str); 4] = [
    ("hot", "executions", OfRounds::Median, "", "Executions of the function in a window of 100 ms"),
    ("hot", "back_p50_ms", OfRounds::Median, " ms", "A call waits for another process: its median delay"),
    ("hot", "round_trips", OfRounds::Median, "", "Commands sent to the server for one call"),
    ("kill", "takeover_ms", OfRounds::Share(0.99), " ms", "Leader killed, until the next one begins (p99)"),
];

fn row(scenario: &str, figure: &str, of_rounds: OfRounds) -> Option<&'static Row> {
    rows::ALL.iter().find(|row| {
        (row.scenario, row.figure, row.of_rounds) == (Some(scenario), figure, of_rounds)
    })
}

/// Draws all panels that there are figures for.
///
/// # Errors
///
/// Never: the picture is text in memory.
pub(super) fn draw(raw: &Raw) -> Result<String> {
    let panels = PANELS.iter().filter_map(|(scenario, figure, of_rounds, unit, title)| {
        let row = row(scenario, figure, *of_rounds)?;
        let bar = |lane: &&'static str| {
            let value = row.of(raw, lane)?;
            let colour = if [REDIS, POSTGRES, FILES].contains(lane) { OWN } else { PEER };
            Some(Bar {
                name: (*lane).to_owned(),
                value,
                text: format!("{}{unit}", short(value)),
                colour,
            })
        };
        let bars: Vec<_> = rows::COLUMNS.iter().filter_map(bar).collect();
        (!bars.is_empty()).then(|| Panel { title: (*title).to_owned(), bars })
    });
    let [machine, system, compiler, date] =
        ["machine", "system", "compiler", "date"].map(|fact| raw.fact(fact));
    let notes = [
        "One hot key, a function of 10 ms, all on one machine. Shorter is better; a bar with a gap is \
         cut, as it would not fit."
            .to_owned(),
        format!("{machine}; {system}; {compiler}; {date}"),
    ];
    let title = "8 processes of 8 threads: coalescer over three engines (blue), and other ways";
    bars(title, &notes, &panels.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Line;

    #[test]
    fn every_panel_has_its_row_and_names_its_lanes() {
        assert!(PANELS.iter().all(|(one, two, three, ..)| row(one, two, *three).is_some()));
        let line = |lane, value| Line::new("kill", lane, "takeover_ms", value);
        let lines = vec![line(REDIS, 30.0), line(REDIS, 50.0), line(FILES, 4.0)];
        let picture = draw(&Raw { lines, ..Raw::default() }).expect("it is text");
        for text in ["Leader killed", "50.0 ms", "files"] {
            assert!(picture.contains(text), "{text}: {picture}");
        }
        assert!(!picture.contains("Commands sent"), "nothing of that was measured");
    }
}

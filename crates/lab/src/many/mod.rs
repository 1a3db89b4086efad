//! `lab many`: many keys in one call, calls that are gathered, and values that are refreshed.
//!
//! A **scenario** is a question, and each of its lanes is one way to do the same work, in a process of its own, as in
//! `compare`. The loaders of other crates are async: each call runs on a runtime of one thread, without I/O.

mod arrivals;
mod loaders;
mod page;
mod refresh;
mod rows;
mod table;

use anyhow::Result;

use self::arrivals::Arrivals;
use self::loaders::Loaders;
use self::page::Page;
use crate::options::{Options, Size};
use crate::raw::Line;
use crate::run::{self, Kind, Lane, Plan};

/// The figures of a lane, by their names.
type Figures = Vec<(&'static str, f64)>;

/// `execute_many`, or what the scenario is about.
const COALESCER: &str = "coalescer";
/// A call for each key.
const SINGLE: &str = "single calls";
/// The function for each key, without any library.
const LOOP: &str = "plain loop";
/// `get_with` of moka for each key.
const GET_WITH: &str = "moka get_with";
/// The least that any of them must do.
const FLOOR: &str = "floor";
const ASYNC_GRAPHQL: &str = "async-graphql";
const ULTRA_BATCH: &str = "ultra-batch";
/// Calls wait for a time that does not depend on what runs.
const FIXED: &str = "fixed delay";
/// A window, and nothing else.
const WINDOW: &str = "window alone";
/// A window that does not end while anything is measured.
const HITS: &str = "late hits";
/// The same, and a call leads another key and wakes a thread, as often as a value is refreshed.
const HAND_OVERS: &str = "late hits, hand-overs";
/// The call that finds a value due replaces it.
const BY_CALLS: &str = "refresh_after";
/// An executor replaces it.
const BY_EXECUTOR: &str = "build_refreshing";
const MOKA: &str = "moka";

/// A question.
struct Scenario {
    name: &'static str,
    lanes: &'static [&'static str],
    rounds: usize,
    question: Question,
}

#[derive(Clone, Copy)]
enum Question {
    Page(Page),
    /// So many a second.
    Arrivals(u32),
    Refresh,
}

const ALL: [Scenario; 7] = [
    page("absent", &PAGES, Page::Absent),
    page("late", &PAGES, Page::Late),
    page("idle", &[COALESCER, SINGLE, WINDOW], Page::Idle),
    arrivals("arrivals-10", 10),
    arrivals("arrivals-100", 100),
    arrivals("arrivals-1000", 1000),
    Scenario {
        name: "refresh",
        lanes: &[HITS, HAND_OVERS, BY_EXECUTOR, BY_CALLS, WINDOW, MOKA],
        rounds: 1,
        question: Question::Refresh,
    },
];

/// The ways to get a page.
const PAGES: [&str; 7] = [LOOP, FLOOR, COALESCER, SINGLE, GET_WITH, ASYNC_GRAPHQL, ULTRA_BATCH];

const fn page(name: &'static str, lanes: &'static [&'static str], page: Page) -> Scenario {
    Scenario { name, lanes, rounds: 9, question: Question::Page(page) }
}

const fn arrivals(name: &'static str, rate: u32) -> Scenario {
    Scenario {
        name,
        lanes: &[COALESCER, SINGLE, FIXED],
        rounds: 3,
        question: Question::Arrivals(rate),
    }
}

/// Measures, or reads what was measured, and shows it.
///
/// # Errors
///
/// If a lane fails or hangs, or something cannot be written.
pub fn main(options: &Options) -> Result<()> {
    if options.list {
        ALL.iter()
            .for_each(|scenario| println!("{}: {}", scenario.name, scenario.lanes.join(", ")));
        return Ok(());
    }
    let size = options.size();
    let loaders = if options.from.is_empty() { Loaders::build() } else { Err(String::new()) };
    let command = |name: &str, lane: &str| match &loaders {
        Ok(loaders) if loaders::has(lane) => Ok(Some(loaders.command(name, lane, size))),
        Err(_) if loaders::has(lane) => Ok(None),
        _ => Lane::command(Kind::Many, name, lane, size).map(Some),
    };
    let versions = || "async-graphql 7.2, ultra-batch 0.3".to_owned();
    let told = |why: &String| format!("left out: {why}");
    let facts = [("loaders", loaders.as_ref().map_or_else(told, |_| versions()))];
    let plan = |scenario: &Scenario| Plan {
        scenario: scenario.name,
        lanes: scenario.lanes.to_vec(),
        rounds: size.pick(scenario.rounds, scenario.rounds.min(3), 1),
    };
    let plans = ALL.iter().map(plan).collect();
    let raw = run::raw(Kind::Many, options, plans, &facts, command)?;
    let parts = table::parts(&raw);
    parts.iter().for_each(|(_, part)| println!("{part}"));
    let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
    run::show(Kind::Many, options, &raw, &names, &parts, &[])
}

/// Runs a lane in this process; no figures if it is a program of its own.
///
/// # Errors
///
/// If there is no such scenario.
pub fn lane(scenario: &str, lane: &str, size: Size) -> Result<Vec<Line>> {
    let found = ALL.iter().find(|one| one.name == scenario);
    let found = found.ok_or_else(|| anyhow::anyhow!("no scenario {scenario}; see --list"))?;
    let figures = match found.question {
        Question::Page(page) => page.measure(lane, size),
        Question::Arrivals(rate) => Arrivals { rate }.measure(lane, size),
        Question::Refresh => refresh::measure(lane, size),
    };
    let lines = figures.into_iter().flatten();
    Ok(lines.map(|(name, value)| Line::figure(name, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_of_this_build_has_figures_that_the_table_shows() {
        for scenario in &ALL {
            for name in scenario.lanes {
                let lines = lane(scenario.name, name, Size::Tiny).expect("there is this scenario");
                assert_eq!(lines.is_empty(), loaders::has(name), "{name}");
                assert!(lines.iter().all(|line| line.value.is_finite() && line.value >= 0.0));
                for row in rows::ALL.iter().filter(|row| row.scenario == scenario.name) {
                    let has = lines.iter().any(|line| line.figure == row.figure);
                    assert!(has || lines.is_empty(), "{}: {} of {name}", scenario.name, row.figure);
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_said() {
        let error = lane("nothing", COALESCER, Size::Tiny).expect_err("there is no such scenario");
        assert!(error.to_string().contains("--list"));
    }
}

//! `lab compare`: coalescer, other crates and lower bounds, side by side.
//!
//! A **scenario** is a question with figures for an answer. A **lane** is one scenario with one
//! contender. In each **round** every lane of a scenario runs once. The **floor** is a lane without a
//! contender: the least that any of them must do. The medians of the rounds make the table and the
//! picture.

mod hit;
mod lead;
mod memory;
mod picture;
pub mod rows;
mod table;
mod tail;
mod zipf;

pub(crate) use self::table::number;
#[cfg(feature = "cluster")]
pub(crate) use self::zipf::draws;

#[allow(dead_code, reason = "the curves use the rest")]
#[path = "../../../../benches/support/floor.rs"]
pub(crate) mod floor;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use self::hit::Hit;
use self::lead::Lead;
use self::memory::Memory;
use self::tail::Tail;
use self::zipf::Zipf;
use crate::contender::{self, Contender, FLOOR, GO, LONG, Measure, NAMES, WINDOW};
use crate::go::Go;
use crate::herd;
use crate::options::Size;
use crate::run::{self, Kind, Lane, Plan};

/// The figures of a lane, by their names.
pub type Figures = Vec<(&'static str, f64)>;

#[derive(Args, Debug)]
#[group(id = "compare")]
pub struct Options {
    #[command(flatten)]
    shared: crate::options::Options,

    /// Measures only contenders whose names begin so, and the floor; can be given several times
    #[arg(long, value_name = "NAME")]
    contender: Vec<String>,

    /// Runs so many rounds of each scenario, instead of its own number
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        let named = |only: &String| name.to_lowercase().starts_with(&only.to_lowercase());
        self.contender.is_empty() || self.contender.iter().any(named)
    }

    fn rounds(&self, own: usize) -> usize {
        self.rounds.unwrap_or(self.shared.size().pick(own, 3, 1))
    }
}

/// Measures, or reads what was measured, and shows it.
///
/// # Errors
///
/// If a lane fails or hangs, since a table without it would not say so.
pub fn main(options: &Options) -> Result<()> {
    let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
    if options.shared.list {
        println!("scenarios: {}\ncontenders: {}", names.join(", "), NAMES.join(", "));
        return Ok(());
    }
    let go = if options.shared.from.is_empty() { Go::find() } else { Err(String::new()) };
    let facts = [("go", go.as_ref().map_or_else(|why| format!("left out: {why}"), Go::version))];
    let size = options.shared.size();
    let command = |scenario: &str, lane: &str| match (&go, lane) {
        (Ok(go), GO) => Ok(find(scenario)?.for_go(size).map(|arguments| go.command(&arguments))),
        _ => Lane::command(Kind::Compare, scenario, lane, size).map(Some),
    };
    let lanes = [FLOOR].into_iter().chain(NAMES).chain(go.is_ok().then_some(GO));
    let lanes: Vec<_> = lanes.filter(|lane| *lane == FLOOR || options.wants(lane)).collect();
    let plan = |scenario: &Scenario| Plan {
        scenario: scenario.name,
        lanes: lanes.clone(),
        rounds: options.rounds(scenario.rounds),
    };
    let plans = ALL.iter().map(plan).collect();
    let raw = run::raw(Kind::Compare, &options.shared, plans, &facts, command)?;
    let parts = table::parts(&raw);
    parts.iter().for_each(|(_, part)| println!("{part}"));
    let picture = ("compare.svg".to_owned(), picture::draw(&raw)?);
    run::show(Kind::Compare, &options.shared, &raw, &names, &parts, &[picture])
}

/// Runs the lane of this contender in this process; no figures if there is no such lane.
///
/// # Errors
///
/// If there is no such scenario.
pub fn lane(scenario: &str, contender: &str, size: Size) -> Result<Figures> {
    Ok(find(scenario)?.run(contender, size).unwrap_or_default())
}

fn find(name: &str) -> Result<&'static Scenario> {
    ALL.iter().find(|one| one.name == name).with_context(|| format!("no scenario {name}"))
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name in raw lines and on the command line.
    pub name: &'static str,
    /// How many rounds its medians are made of.
    rounds: usize,
    question: Question,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Lead(Lead),
    Hit(Hit),
    /// With so many followers.
    Herd(usize),
    Memory,
    Tail,
    Zipf(Zipf),
}

const fn lead(name: &'static str, threads: usize, window: Duration) -> Scenario {
    let rounds = if window.is_zero() { 15 } else { 9 };
    Scenario { name, rounds, question: Question::Lead(Lead { threads, window }) }
}

const fn hit(name: &'static str, threads: usize, keys: u64, window: Duration) -> Scenario {
    let rounds = if window.as_secs() > 0 { 15 } else { 7 };
    Scenario { name, rounds, question: Question::Hit(Hit { threads, keys, window }) }
}

const fn herd(name: &'static str, followers: usize) -> Scenario {
    Scenario { name, rounds: 7, question: Question::Herd(followers) }
}

const fn zipf(name: &'static str, threads: usize, window: Duration) -> Scenario {
    let rounds = if window.is_zero() { 7 } else { 3 };
    Scenario { name, rounds, question: Question::Zipf(Zipf { threads, window }) }
}

/// All scenarios, in the order in which they run.
pub const ALL: [Scenario; 18] = [
    lead("lead-1t", 1, Duration::ZERO),
    lead("lead-2t", 2, Duration::ZERO),
    lead("lead-window-1t", 1, WINDOW),
    lead("lead-window-2t", 2, WINDOW),
    hit("hit-1t-1key", 1, 1, LONG),
    hit("hit-1t-1024keys", 1, 1024, LONG),
    hit("hit-2t-1key", 2, 1, LONG),
    hit("hit-2t-1024keys", 2, 1024, LONG),
    hit("hit-window-1t-1024keys", 1, 1024, WINDOW),
    herd("herd-64", 64),
    herd("herd-256", 256),
    herd("herd-1024", 1024),
    Scenario { name: "memory", rounds: 1, question: Question::Memory },
    Scenario { name: "tail", rounds: 5, question: Question::Tail },
    zipf("zipf-window-2t", 2, WINDOW),
    zipf("zipf-window-64t", 64, WINDOW),
    zipf("zipf-2t", 2, Duration::ZERO),
    zipf("zipf-64t", 64, Duration::ZERO),
];

impl Scenario {
    fn run(&self, contender: &str, size: Size) -> Option<Figures> {
        if contender == FLOOR {
            return self.floor(size);
        }
        contender::with(contender, &Asked { question: self.question, size }).flatten()
    }

    fn floor(&self, size: Size) -> Option<Figures> {
        match self.question {
            Question::Lead(lead) => lead.floor(size),
            Question::Hit(hit) => hit.floor(size),
            Question::Herd(followers) => {
                let (followers, herds) = herds(followers, size);
                Some(figures_of(&herd::of_a_futex(followers, herds), followers))
            }
            Question::Memory => None,
            Question::Tail => Some(Tail.floor(size)),
            Question::Zipf(zipf) => Some(zipf.floor(size)),
        }
    }

    /// The arguments of the Go program for this scenario; `None` if Go's package has no such lane.
    pub fn for_go(&self, size: Size) -> Option<Vec<String>> {
        let (verb, numbers) = match self.question {
            Question::Lead(lead) => ("lead", lead.for_go(size)?),
            // The package has no window. Popular keys without one cost the time of the function.
            Question::Hit(_) | Question::Tail | Question::Zipf(_) => return None,
            Question::Herd(followers) => {
                let (followers, herds) = herds(followers, size);
                ("herd", vec![followers as u64, herds + 1])
            }
            Question::Memory => ("memory", vec![memory::keys(size)]),
        };
        Some([verb.to_owned()].into_iter().chain(numbers.iter().map(u64::to_string)).collect())
    }
}

struct Asked {
    question: Question,
    size: Size,
}

impl Measure for Asked {
    type Output = Option<Figures>;

    fn with<C: Contender>(&self) -> Option<Figures> {
        match self.question {
            Question::Lead(lead) => lead.measure::<C>(self.size),
            Question::Hit(hit) => hit.measure::<C>(self.size),
            Question::Herd(followers) => {
                let (followers, herds) = herds(followers, self.size);
                Some(figures_of(&herd::of::<C>(followers, herds)?.0, followers))
            }
            Question::Memory => Some(Memory.measure::<C>(self.size)),
            Question::Tail => Tail.measure::<C>(self.size),
            Question::Zipf(zipf) => zipf.measure::<C>(self.size),
        }
    }
}

/// How many followers a herd has, and how many herds a lane sends.
fn herds(followers: usize, size: Size) -> (usize, u64) {
    let full = (2048 / followers as u64).clamp(4, 20);
    (size.pick(followers, followers, followers.min(8)), size.pick(full, full / 2, 2))
}

fn figures_of(herds: &[herd::Seen], followers: usize) -> Figures {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let mut figures: Figures = Vec::new();
    for seen in herds {
        figures.push(("last_us", micros(seen.last)));
        figures.push(("leader_us", micros(seen.leader)));
        figures.push(("cpu_us", micros(seen.processor)));
        figures.push(("switches", seen.switches as f64 / followers as f64));
    }
    let executions = herds.iter().map(|seen| f64::from(seen.executions));
    figures.push(("executions", executions.sum::<f64>() / herds.len() as f64));
    figures
}

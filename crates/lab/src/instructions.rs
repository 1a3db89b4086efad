//! `lab instructions`: how many instructions a call of a hot path takes, counted by callgrind.
//!
//! Each path runs twice, with few calls and with many. The difference contains the calls alone: the
//! start of the program, the tables and the first allocations cancel out. Counts hardly vary between
//! runs, so a change of one per cent is visible on any machine.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hint::black_box;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use coalescer::ManualClock;

use crate::contender::LONG;
use crate::contenders::coalescer::{Numbers, numbers, settings};
use crate::page::markdown;

#[derive(Args, Debug)]
#[group(id = "instructions")]
pub struct Options {
    /// Prints JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Compares with a file that --json printed
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Fails if a path takes more instructions than this share above the baseline
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = percent)]
    max_increase: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').parse::<f64>();
    number.map_err(|error| format!("use a number of per cent, as 1%: {error}"))
}

/// Instructions of a call, by the names of the paths.
type Counts = BTreeMap<String, f64>;

/// Counts, prints and compares.
///
/// # Errors
///
/// If valgrind is missing or fails, or a path takes too many instructions.
pub fn main(options: &Options) -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "instructions are counted in a release build: cargo run --release"
    );
    let before = options.baseline.as_deref().map(read).transpose()?;
    let paths = [Hot::Hit, Hot::Lead, Hot::LeadInWindow];
    let counts = paths.map(|path| Ok((path.title().to_owned(), count(path)?)));
    let counts = counts.into_iter().collect::<Result<Counts>>()?;
    if options.json {
        println!("{}", serde_json::to_string(&counts)?);
    } else {
        print!("{}", table(&counts, before.as_ref()));
    }
    let worse = before.map_or(Vec::new(), |before| worse(&counts, &before, options.max_increase));
    ensure!(worse.is_empty(), "more instructions than the baseline: {}", worse.join("; "));
    Ok(())
}

fn read(path: &Path) -> Result<Counts> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no baseline", path.display()))
}

fn table(counts: &Counts, before: Option<&Counts>) -> String {
    let number = |count: f64| format!("{count:.0}");
    let mut head = vec!["instructions of a call, `u64` keys", "now"];
    head.extend(before.map_or(&[][..], |_| &["baseline", "change"]));
    let rows = counts.iter().map(|(path, count)| {
        let mut cells = vec![path.clone(), number(*count)];
        if let Some(before) = before {
            let before = before.get(path);
            cells.push(before.map_or("none".into(), |before| number(*before)));
            cells.push(
                before.map_or(String::new(), |before| format!("{:+.1} %", change(*count, *before))),
            );
        }
        cells
    });
    markdown(head.into_iter().map(str::to_owned).collect(), rows)
}

fn change(now: f64, before: f64) -> f64 {
    100.0 * (now / before - 1.0)
}

/// The paths that take more than so many per cent above the baseline, or have none.
fn worse(counts: &Counts, before: &Counts, most: f64) -> Vec<String> {
    let worse = counts.iter().filter_map(|(path, now)| match before.get(path) {
        None => Some(format!("{path}: not in the baseline")),
        Some(before) if change(*now, *before) > most => {
            Some(format!("{path}: {now:.0} instead of {before:.0}"))
        }
        Some(_) => None,
    });
    worse.collect()
}

/// A hot path.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Hot {
    Hit,
    Lead,
    LeadInWindow,
}

impl Hot {
    fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Lead => "lead",
            Self::LeadInWindow => "lead-in-window",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Lead => "lead, zero window",
            Self::LeadInWindow => "lead in a window",
        }
    }
}

/// The calls of a process that is counted.
#[derive(Args, Debug)]
pub struct Calls {
    #[arg(value_enum)]
    path: Hot,
    calls: u64,
}

const KEYS: u64 = 1024;

/// A window that keeps this many leads. Each lead moves the clock by a nanosecond, so each one lets one
/// result expire.
const WINDOW: Duration = Duration::from_nanos(KEYS);

/// Makes the calls. Each path has its own loop, so that the loop contains no branch on the path.
pub fn call(Calls { path, calls }: &Calls) -> Result<()> {
    let clock = ManualClock::new();
    match path {
        Hot::Hit => {
            let coalescer = numbers(settings().window(LONG));
            repeat(*calls, |n| one(&coalescer, n % KEYS));
        }
        Hot::Lead => {
            let coalescer = numbers(settings().window(Duration::ZERO));
            repeat(*calls, |n| one(&coalescer, n));
        }
        Hot::LeadInWindow => {
            let coalescer = numbers(settings().window(WINDOW).clock(clock.clone()));
            repeat(*calls, |n| {
                clock.advance(Duration::from_nanos(1));
                one(&coalescer, n);
            });
        }
    }
    Ok(())
}

/// One call. It is a function of its own, so that its count does not depend on what the compiler has put around it.
#[inline(never)]
fn one(coalescer: &Numbers, key: u64) {
    drop(black_box(coalescer.execute(&key)));
}

/// Calls with ever new numbers. The counted calls come after enough others for the tables to reach
/// their size and for the window to be full.
fn repeat(calls: u64, mut one: impl FnMut(u64)) {
    (0..8 * KEYS + calls).for_each(|n| one(black_box(n)));
}

const FEW: u64 = 10_000;
const MANY: u64 = 60_000;

/// Instructions of one call.
fn count(path: Hot) -> Result<f64> {
    let (few, many) = (instructions(path, FEW)?, instructions(path, MANY)?);
    Ok((many - few) / (MANY - FEW) as f64)
}

/// Instructions of a process that makes so many calls.
fn instructions(path: Hot, calls: u64) -> Result<f64> {
    let own = env::current_exe().context("this program has no path")?;
    let file = own.with_file_name(format!("callgrind.{}.out", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]);
    valgrind.arg(format!("--callgrind-out-file={}", file.display())).arg(&own);
    valgrind.args(["path", path.name(), &calls.to_string()]).stdout(Stdio::null());
    let status = match valgrind.status() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("no `valgrind` was found. Install it, on Debian by: apt-get install valgrind")
        }
        status => status?,
    };
    ensure!(status.success(), "valgrind ended with {status}");
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.context("callgrind has written no totals")?.trim();
    total.parse().with_context(|| format!("no number: {total}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(hit: f64, lead: f64) -> Counts {
        [("hit", hit), ("lead", lead)].map(|(path, count)| (path.to_owned(), count)).into()
    }

    #[test]
    fn an_increase_beyond_the_bound_is_named_and_a_decrease_is_not() {
        let before = counts(200.0, 800.0);
        assert!(worse(&counts(201.0, 700.0), &before, 1.0).is_empty());
        assert_eq!(worse(&counts(203.0, 800.0), &before, 1.0), ["hit: 203 instead of 200"]);
        assert_eq!(worse(&counts(200.0, 800.0), &Counts::new(), 1.0).len(), 2);
        assert_eq!(percent("1.5%"), Ok(1.5));
        assert!(percent("much").is_err());
        let table = table(&counts(203.0, 800.0), Some(&before));
        assert!(table.contains("| hit | 203 | 200 | +1.5 % |"), "{table}");
    }

    #[test]
    fn every_path_ends() {
        for path in [Hot::Hit, Hot::Lead, Hot::LeadInWindow] {
            call(&Calls { path, calls: 10 }).expect("it makes its calls");
        }
    }
}

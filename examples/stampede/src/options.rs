//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, value_parser};
use humantime::Duration;

use crate::mode_options::{Mode, ModeOptions};
use crate::process_options::ProcessOptions;

/// Each request is held in memory; this many take 160 MB.
const MOST_REQUESTS: f64 = 10_000_000.0;

/// Where the chart goes if nothing else is said.
pub(crate) const DEFAULT_CHART: &str = "target/stampede.svg";

/// Sends a database more requests than it can answer, in three phases: without coalescing, with it,
/// and without it again. Shows rates and latencies while it runs, and draws a chart of them. With
/// --processes, shows coalescing over several processes, with faults. With --refresh, shows values that
/// are replaced before they are too old. With --many, shows one query for many keys.
///
/// Requests arrive at their times even if earlier ones have not been answered, and latency starts at
/// the arrival, so it includes the time in the queue. All phases get the same requests. Every answer
/// is compared with the correct one.
#[derive(Debug, Parser)]
#[command(name = "stampede", max_term_width = 100)]
pub(crate) struct Options {
    /// Threads that answer requests [default: 64, or 8 in each of several processes]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,

    /// Connections in the pool
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "processes", value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) connections: u32,

    /// Requests per second [default: 3 times the measured capacity of the database, or 20 times
    /// with --hot-key; 4000 with --refresh]
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "processes", value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// Keys that are asked for: customers of a shop, some much more popular than others [default: 10];
    /// with --processes, all as often [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=10_000))]
    pub(crate) keys: Option<u64>,

    /// All requests ask for one key
    #[arg(long, conflicts_with = "processes")]
    pub(crate) hot_key: bool,

    /// How old a shared answer may be, such as 100ms or 2s; 0 shares only queries that are running
    /// [default: 1s, or 100ms with --processes]
    #[arg(long, value_name = "TIME")]
    pub(crate) window: Option<Duration>,

    /// Length of each phase [default: 8s, 3s with --processes, or 5.5s with --refresh]
    #[arg(long, value_name = "TIME", value_parser = phase)]
    pub(crate) phase: Option<Duration>,

    /// A PostgreSQL server to use instead of SQLite, such as postgres://user@127.0.0.1/database;
    /// creates a table "coalescer_stampede" there, and drops it at the end. With --processes, the
    /// processes meet in it, in a schema "coalescer_stampede" that stays there; and the URL may be left
    /// out: the demo then starts a server of its own, if PostgreSQL is installed (feature "postgres")
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    pub(crate) postgres: Option<Option<String>>,

    /// Where to write the chart, an SVG file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CHART, conflicts_with = "processes")]
    pub(crate) chart: PathBuf,

    /// Print the result as JSON on stdout, and the display on stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// Makes one row of the table wrong, to test that the run notices it
    #[arg(long, hide = true)]
    pub(crate) spoil: bool,

    #[command(flatten)]
    pub(crate) mode: ModeOptions,

    #[command(flatten)]
    pub(crate) several: ProcessOptions,
}

impl Options {
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or(64)
    }

    pub(crate) fn keys(&self) -> u64 {
        let default = if self.is_refresh() { 1 } else { 10 };
        self.keys.unwrap_or(default)
    }

    pub(crate) fn window(&self) -> std::time::Duration {
        self.window.map_or(std::time::Duration::from_secs(1), |window| *window)
    }

    pub(crate) fn phase(&self) -> std::time::Duration {
        // With a window of 1 s, none ends at the end of the phase.
        let default = if self.is_refresh() { 5500 } else { 8000 };
        self.phase.map_or(std::time::Duration::from_millis(default), |phase| *phase)
    }

    fn is_refresh(&self) -> bool {
        self.mode.chosen() == Some(Mode::Refresh)
    }

    /// The name of the database.
    pub(crate) fn database(&self) -> &'static str {
        if self.postgres.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// The server that has the table in place of SQLite.
    pub(crate) fn server(&self) -> Result<Option<&str>> {
        let Some(url) = &self.postgres else { return Ok(None) };
        let url = url.as_deref().context(
            "--postgres needs a URL such as postgres://user:password@127.0.0.1:5432/database, unless there \
             are --processes",
        );
        url.map(Some)
    }

    /// Refuses a rate that does not fit the length of a phase.
    pub(crate) fn check_rate(&self, rate: f64) -> Result<()> {
        let seconds = self.phase().as_secs_f64();
        let requests = rate * seconds;
        ensure!(
            requests <= MOST_REQUESTS,
            "{rate:.0} requests per second for {seconds} s are {requests:.0} requests, but at most \
             {MOST_REQUESTS} fit into memory; use --rate {:.0} or less, or a shorter --phase",
            MOST_REQUESTS / seconds
        );
        ensure!(
            requests >= 1.0,
            "{rate} requests per second for {seconds} s are less than one request; use a higher \
             --rate or a longer --phase"
        );
        Ok(())
    }

    /// The load in plain words.
    pub(crate) fn load_in_words(&self) -> String {
        match self.keys() {
            keys if keys > 1 && !self.hot_key => {
                format!("{keys} keys, some much more popular than others")
            }
            _ => "1 key, which all requests ask for".to_string(),
        }
    }
}

fn threads(text: &str) -> Result<usize, String> {
    number(text, 1.0, 4096.0, "threads")?;
    text.parse().map_err(|_| "use a whole number".to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.1, 1e8, "requests per second")
}

fn number(text: &str, least: f64, most: f64, what: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("use {least} to {most} {what}")),
    }
}

fn phase(text: &str) -> Result<Duration, String> {
    let phase: Duration =
        text.parse().map_err(|error: humantime::DurationError| error.to_string())?;
    match phase.as_millis() {
        100..=600_000 => Ok(phase),
        _ => Err("use 100ms to 10min".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;
    use std::time::Duration;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once(&"stampede").chain(arguments))
    }

    #[test]
    fn a_window_has_a_unit_unless_it_is_zero() {
        for (text, window) in [
            ("0", Duration::ZERO),
            ("100ms", Duration::from_millis(100)),
            ("1.5s", Duration::from_millis(1500)),
            ("500us", Duration::from_micros(500)),
        ] {
            let options = parse(&[&format!("--window={text}")]).expect("the window is right");
            assert_eq!(options.window(), window);
        }
        for wrong in ["", "5", "ms", "-1s", "1 eon", "1e99s", "NaNs"] {
            assert!(parse(&[&format!("--window={wrong}")]).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_a_hint() {
        for (argument, hint) in [
            ("--threads=0", "1 to 4096 threads"),
            ("--connections=0", "1..=1000"),
            ("--keys=0", "1..=10000"),
            ("--rate=0", "0.1 to 100000000 requests"),
            ("--rate=NaN", "0.1 to 100000000 requests"),
            ("--phase=0", "100ms to 10min"),
            ("--window=100", "100ms"),
        ] {
            let error = parse(&[argument]).expect_err("it cannot work");
            assert_eq!(error.kind(), ErrorKind::ValueValidation);
            assert!(error.to_string().contains(hint), "{error}");
        }
    }

    #[test]
    fn a_rate_that_does_not_fit_into_memory_is_refused() {
        let options = parse(&["--phase=10s"]).expect("they are right");
        assert!(options.check_rate(1e6).is_ok());
        let error = options.check_rate(1e7).expect_err("too many requests").to_string();
        assert!(error.contains("use --rate 1000000 or less"), "{error}");
    }

    #[test]
    fn the_load_is_told_in_plain_words() {
        let words = |arguments: &[&str]| parse(arguments).map(|options| options.load_in_words());
        let default = words(&[]).expect("the defaults are right");
        assert_eq!(default, "10 keys, some much more popular than others");
        let hot = words(&["--hot-key"]).expect("it is an option");
        assert_eq!(hot, "1 key, which all requests ask for");
    }
}

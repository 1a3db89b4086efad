//! The command line, and what is said of values that cannot work.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;

/// Each arrival is held in memory; this many take 160 MB.
const MOST_ARRIVALS: f64 = 10_000_000.0;

/// Drives a database with more requests than it can take, in three phases: without coalescing, with
/// it, and without it again. Shows the rates and latencies live, and draws a chart of them.
///
/// The load is open: requests arrive at their times whether or not earlier ones have been answered,
/// and latency counts from the arrival, so that time spent in a queue is in it. All three phases
/// get the same arrivals. Every answer is compared with the right one.
#[derive(Debug, Parser)]
#[command(name = "stampede", max_term_width = 100)]
pub(crate) struct Options {
    /// Threads that answer requests
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = threads)]
    pub(crate) threads: usize,

    /// Connections in the pool
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = connections)]
    pub(crate) connections: u32,

    /// Requests that arrive in a second [default: 3 times what the database can answer, or 20 times
    /// with --hot-key; it is measured first]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// Customers that are asked for
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = keys)]
    pub(crate) keys: u64,

    /// How uneven the customers are asked for: 0 is evenly, 1 is half as often for the second as
    /// for the first, and so on
    #[arg(long, value_name = "EXPONENT", default_value_t = 1.5, value_parser = zipf)]
    pub(crate) zipf: f64,

    /// All requests ask for one customer
    #[arg(long)]
    pub(crate) hot_key: bool,

    /// How old an answer may be that is shared, as 0, 100ms or 1.5s; 0 shares only what is running
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = window)]
    pub(crate) window: Duration,

    /// How long each of the three phases lasts
    #[arg(long, value_name = "SECONDS", default_value = "8", value_parser = phase_seconds)]
    pub(crate) phase_seconds: Duration,

    /// A PostgreSQL server to use in place of SQLite, as postgres://user@127.0.0.1/database; makes
    /// a table "coalescer_stampede" there, and drops it at the end
    #[arg(long, value_name = "URL")]
    pub(crate) postgres: Option<String>,

    /// Where the chart goes [default: a new file in the temporary directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) svg: Option<PathBuf>,

    /// Prints the result as JSON on stdout, and what happens meanwhile on stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// Chooses other arrivals
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Makes one row of the table wrong, to see that the run notices and fails
    #[arg(long, hide = true)]
    pub(crate) spoil: bool,
}

impl Options {
    /// What no single option can tell.
    pub(crate) fn check_rate(&self, rate: f64) -> Result<()> {
        let seconds = self.phase_seconds.as_secs_f64();
        let arrivals = rate * seconds;
        ensure!(
            arrivals <= MOST_ARRIVALS,
            "{rate:.0} requests a second for {seconds} s are {arrivals:.0} arrivals, more than the \
             {MOST_ARRIVALS} that are held in memory; use --rate {:.0} or less, or a shorter \
             --phase-seconds",
            MOST_ARRIVALS / seconds
        );
        ensure!(
            arrivals >= 1.0,
            "{rate} requests a second for {seconds} s are less than one arrival; use a higher \
             --rate or a longer --phase-seconds"
        );
        Ok(())
    }
}

fn threads(text: &str) -> Result<usize, String> {
    whole(text, 1, 4096, "threads").map(|n| n as usize)
}

fn connections(text: &str) -> Result<u32, String> {
    whole(text, 1, 1000, "connections").map(|n| n as u32)
}

fn keys(text: &str) -> Result<u64, String> {
    whole(text, 1, 10_000, "customers")
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.1, 1e8, "requests a second")
}

fn zipf(text: &str) -> Result<f64, String> {
    number(text, 0.0, 10.0, "as the exponent; 1 is usual")
}

fn phase_seconds(text: &str) -> Result<Duration, String> {
    number(text, 0.1, 600.0, "seconds").map(Duration::from_secs_f64)
}

fn whole(text: &str, least: u64, most: u64, what: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("use {least} to {most} {what}")),
    }
}

fn number(text: &str, least: f64, most: f64, what: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("use {least} to {most} {what}")),
    }
}

fn window(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_each = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        "" if number.parse() == Ok(0.0) => 0.0,
        _ => return Err("a number with its unit is needed: 0, 500us, 100ms or 1.5s".to_string()),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("{number:?} is no number"))?;
    Duration::try_from_secs_f64(number * seconds_each)
        .map_err(|_| "a time from 0 up is needed: 0, 500us, 100ms or 1.5s".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once(&"stampede").chain(arguments))
    }

    #[test]
    fn a_window_has_a_unit_unless_it_is_zero() {
        assert_eq!(window("0"), Ok(Duration::ZERO));
        assert_eq!(window("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(window("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(window("500 us"), Ok(Duration::from_micros(500)));
        for wrong in ["", "5", "ms", "-1s", "1 year", "1e99s", "NaNs"] {
            assert!(window(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_would() {
        for (arguments, hint) in [
            (["--threads", "0"], "1 to 4096 threads"),
            (["--connections", "0"], "1 to 1000 connections"),
            (["--keys", "0"], "1 to 10000 customers"),
            (["--rate", "0"], "0.1 to 100000000 requests"),
            (["--rate", "NaN"], "0.1 to 100000000 requests"),
            (["--zipf", "-1"], "0 to 10"),
            (["--phase-seconds", "0"], "0.1 to 600 seconds"),
            (["--window", "100"], "100ms"),
        ] {
            let joined = format!("{}={}", arguments[0], arguments[1]);
            let error = parse(&[&joined]).expect_err("it cannot work");
            assert_eq!(error.kind(), ErrorKind::ValueValidation);
            assert!(error.to_string().contains(hint), "{error}");
        }
    }

    #[test]
    fn a_rate_that_does_not_fit_into_memory_is_refused() {
        let options = parse(&["--phase-seconds", "10"]).expect("they are right");
        assert!(options.check_rate(1e6).is_ok());
        let error = options.check_rate(1e7).expect_err("too many arrivals").to_string();
        assert!(error.contains("use --rate 1000000 or less"), "{error}");
    }
}

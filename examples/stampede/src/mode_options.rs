//! The part of the command line that is for `--refresh` and `--many`.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, value_parser};

use crate::options::Options;

/// The waits of the slowest way together. A call waits for a connection a little longer, so none gives up.
const LONGEST_WAY: Duration = Duration::from_secs(100);

#[derive(Debug, Args)]
#[command(next_help_heading = "Refreshes, and many keys")]
pub(crate) struct ModeOptions {
    /// Asks for one key of a backend of 50 ms, and shows who waits when the value is replaced: all calls
    /// with a window alone, one call with `refresh_after`, nobody with `build_refreshing`; and the same
    /// load where the value never ends
    #[arg(long, group = "mode", conflicts_with_all = ["keys", "hot_key", "chart"])]
    pub(crate) refresh: bool,

    /// Reads pages of 100 orders: with a query for each order (N+1 queries), with one query for all,
    /// and by 100 threads that ask for one order each, alone and gathered
    #[arg(long, group = "mode", conflicts_with_all = ["threads", "rate", "keys", "hot_key", "window", "phase", "chart"])]
    pub(crate) many: bool,

    /// Time that each query takes beside its work, as over a network or from a slow server [default:
    /// 50ms with --refresh; 1ms with --many, or 0 with --postgres, which has a network of its own]
    #[arg(long, value_name = "TIME", requires = "mode", conflicts_with = "processes", value_parser = delay)]
    pub(crate) delay: Option<humantime::Duration>,

    /// Pages to read in each way [default: 20]
    #[arg(long, value_name = "N", requires = "many", conflicts_with_all = ["refresh", "processes"], value_parser = value_parser!(u64).range(1..=1000))]
    pub(crate) pages: Option<u64>,
}

/// A demo beside the stampede.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Refresh,
    Many,
}

impl ModeOptions {
    pub(crate) fn chosen(&self) -> Option<Mode> {
        match (self.refresh, self.many) {
            (true, _) => Some(Mode::Refresh),
            (_, true) => Some(Mode::Many),
            _ => None,
        }
    }

    pub(crate) fn pages(&self) -> u64 {
        self.pages.unwrap_or(20)
    }
}

impl Options {
    /// The time that each query takes beside its work.
    pub(crate) fn delay(&self) -> Duration {
        let default = match self.mode.chosen() {
            Some(Mode::Refresh) => 50,
            Some(Mode::Many) if self.postgres.is_none() => 1,
            _ => 0,
        };
        self.mode.delay.map_or(Duration::from_millis(default), |delay| *delay)
    }

    /// Refuses times of `--refresh` with which no value would be refreshed, or would end.
    pub(crate) fn check_refresh(&self) -> Result<()> {
        let (delay, window, phase) = (self.delay(), self.window(), self.phase());
        ensure!(
            delay >= Duration::from_millis(1),
            "with --refresh, use a --delay of 1ms or more: nobody waits for a backend that takes no time"
        );
        ensure!(
            window >= 4 * delay,
            "a --window of {window:?} is too short: a value is refreshed at half of it, and the backend takes \
             {delay:?}; use a --window of {:?} or more, or a shorter --delay",
            4 * delay
        );
        ensure!(
            window <= phase / 2,
            "a --phase of {phase:?} has less than 2 windows of {window:?}, so no value would end in it; use a \
             --window of {:?} or less, or a longer --phase",
            phase / 2
        );
        Ok(())
    }

    /// Refuses pages of so many orders that would take minutes one by one.
    pub(crate) fn check_many(&self, orders: u32) -> Result<()> {
        let (delay, pages) = (self.delay(), self.mode.pages());
        let all = delay * orders * pages as u32;
        ensure!(
            all <= LONGEST_WAY,
            "{pages} pages of {orders} orders, one by one with a --delay of {delay:?}, would take {all:?}, and \
             more than {LONGEST_WAY:?} shows nothing new; use fewer --pages, or a shorter --delay"
        );
        Ok(())
    }
}

fn delay(text: &str) -> Result<humantime::Duration, String> {
    let delay: humantime::Duration =
        text.parse().map_err(|error: humantime::DurationError| error.to_string())?;
    match delay.as_millis() {
        0..=10_000 => Ok(delay),
        _ => Err("use 0 to 10s".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn checked(arguments: &[&str]) -> Result<()> {
        let arguments = ["stampede", "--refresh"].iter().chain(arguments);
        Options::try_parse_from(arguments).expect("the options are known").check_refresh()
    }

    #[test]
    fn times_with_which_nothing_would_be_seen_are_refused_with_a_hint() {
        for (arguments, hint) in [
            (&["--delay=0"][..], "use a --delay of 1ms or more"),
            (&["--window=0"], "use a --window of 200ms or more"),
            (&["--delay=100ms", "--window=399ms"], "use a --window of 400ms or more"),
            (&["--phase=1s"], "use a --window of 500ms or less"),
            (&["--window=500000000000years"], "use a --window of 2.75s or less"),
        ] {
            let error = checked(arguments).expect_err("it shows nothing").to_string();
            assert!(error.contains(hint), "{error}");
        }
        for right in [&[][..], &["--window=200ms", "--phase=400ms"], &["--delay=250ms"]] {
            checked(right).expect("each window has time for a refresh");
        }
    }

    #[test]
    fn pages_that_would_take_minutes_are_refused_with_a_hint() {
        let checked = |arguments: &[&str]| {
            let arguments = ["stampede", "--many"].iter().chain(arguments);
            Options::try_parse_from(arguments).expect("the options are known").check_many(100)
        };
        for arguments in [&["--delay=51ms"][..], &["--pages=1000", "--delay=2ms"]] {
            let error = checked(arguments).expect_err("it takes minutes").to_string();
            assert!(error.contains("use fewer --pages, or a shorter --delay"), "{error}");
        }
        for right in [&[][..], &["--delay=50ms"], &["--pages=1000"], &["--pages=1", "--delay=1s"]] {
            checked(right).expect("it takes 100 seconds at most");
        }
    }

    #[test]
    fn a_query_of_a_server_takes_no_longer_than_it_does() {
        let delay = |arguments: &[&str]| {
            Options::parse_from(["stampede"].iter().chain(arguments)).delay().as_millis()
        };
        assert_eq!(delay(&[]), 0);
        assert_eq!(delay(&["--refresh"]), 50);
        assert_eq!(delay(&["--many"]), 1);
        assert_eq!(delay(&["--many", "--postgres=postgres://127.0.0.1/shop"]), 0);
        assert_eq!(delay(&["--many", "--delay=3ms"]), 3);
    }
}

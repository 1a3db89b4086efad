//! The part of the command line that is for several processes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, value_parser};

use crate::options::Options;

/// More callers than this are no longer a picture of anything.
const MOST_CALLERS: usize = 2048;

#[derive(Debug, Args)]
#[command(next_help_heading = "Several processes")]
pub(crate) struct ProcessOptions {
    /// Shows coalescing over this many processes, which this program starts: each query by itself,
    /// each process by itself, all together, then with leaders that are killed, then with an engine
    /// that goes away and comes back. Needs Linux, and nothing to install
    #[arg(long, value_name = "N", conflicts_with = "mode", value_parser = value_parser!(u16).range(1..=64))]
    pub(crate) processes: Option<u16>,

    /// The processes meet in Redis: in a server of the demo's own if `redis-server` is installed, or
    /// in the one at this URL, which is not stopped (feature "redis")
    #[arg(long, value_name = "URL", num_args = 0..=1, requires = "processes", conflicts_with_all = ["valkey", "postgres", "mode"])]
    pub(crate) redis: Option<Option<String>>,

    /// The same with Valkey and `valkey-server` (feature "redis")
    #[arg(long, value_name = "URL", num_args = 0..=1, requires = "processes", conflicts_with_all = ["postgres", "mode"])]
    pub(crate) valkey: Option<Option<String>>,

    /// Pause of a caller after each answer [default: 2ms]
    #[arg(long, value_name = "TIME", requires = "processes", conflicts_with = "mode")]
    pub(crate) pause: Option<humantime::Duration>,

    /// Where to write the picture, an SVG file
    #[arg(long, value_name = "FILE", requires = "processes", conflicts_with = "mode")]
    pub(crate) svg: Option<PathBuf>,
}

/// The engine that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Files,
    Redis(Option<String>),
    Valkey(Option<String>),
    Postgres(Option<String>),
}

/// The settings of a run.
pub(crate) struct Settings {
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    pub(crate) keys: u64,
    pub(crate) window: Duration,
    pub(crate) phase: Duration,
    pub(crate) pause: Duration,
    pub(crate) choice: Choice,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) spoil: bool,
}

impl Settings {
    /// The settings, if several processes were asked for.
    pub(crate) fn of(options: &Options) -> Result<Option<Self>> {
        let asked = &options.several;
        let Some(processes) = asked.processes.map(usize::from) else { return Ok(None) };
        let threads = options.threads.unwrap_or(8);
        ensure!(
            processes * threads <= MOST_CALLERS,
            "{processes} processes of {threads} threads are {} callers, but at most {MOST_CALLERS} fit; \
             use fewer --processes or --threads",
            processes * threads
        );
        let window = options.window.map_or(Duration::from_millis(100), |window| *window);
        ensure!(
            (Duration::from_millis(20)..=Duration::from_secs(10)).contains(&window),
            "with --processes, use a --window of 20ms to 10s: executions are counted for each window"
        );
        let phase = options.phase.map_or(Duration::from_secs(3), |phase| *phase);
        ensure!(
            phase >= 5 * window,
            "a --phase of {phase:?} has less than 5 windows of {window:?}; use a longer one"
        );
        let pause = asked.pause.map_or(Duration::from_millis(2), |pause| *pause);
        ensure!(pause <= phase, "a --pause of {pause:?} is longer than the phase");
        let choice = match (&asked.redis, &asked.valkey, &options.postgres) {
            (Some(url), _, _) => Choice::Redis(url.clone()),
            (_, Some(url), _) => Choice::Valkey(url.clone()),
            (_, _, Some(url)) => Choice::Postgres(url.clone()),
            _ => Choice::Files,
        };
        Ok(Some(Self {
            processes,
            threads,
            keys: options.keys.unwrap_or(1),
            window,
            phase,
            pause,
            choice,
            svg: asked.svg.clone(),
            json: options.json,
            spoil: options.spoil,
        }))
    }
}

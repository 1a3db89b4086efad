//! The three phases, from the empty database to the report.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::calibrate::{Calibration, calibrate};
use crate::chart;
use crate::db::table::Expected;
use crate::db::{Connections, Database, Table, Total, postgres, sqlite};
use crate::live::Live;
use crate::options::Options;
use crate::orders::Orders;
use crate::phase::{Ended, Load};
use crate::report::{Phase, Report, Settings, mode};
use crate::schedule::{self, Keys};

/// The offered load is this many times what the database can answer.
const OVERLOAD: f64 = 3.0;

/// The same where all ask for one key.
const OVERLOAD_OF_ONE_KEY: f64 = 20.0;

/// Sets up, runs and adds up.
pub(crate) fn run(options: &Options) -> Result<Report> {
    if let Some(rate) = options.rate {
        options.check_rate(rate)?;
    }
    // Before all else: a path that cannot be written should not cost half a minute.
    let named = options.svg.as_deref().map(chart_at).transpose()?;
    let mut live = Live::new(options.json);

    // In this order, so that the connections close before their table goes.
    let (connections, mut table) = open(options)?;
    let database = Arc::new(Database::new(connections));
    live.say(
        "filling a table until a query takes about 8 ms, and measuring what the database can do ..",
    );
    let threads = options.threads.min(options.connections as usize);
    let calibration = calibrate(&database, table.as_mut(), options.keys, threads)?;
    if options.spoil {
        table.spoil()?;
    }

    let settings = settings(options, &calibration)?;
    live.say(&introduction(&settings, &calibration));
    let phases = phases(options, &settings, &calibration, &database, &mut live)?;
    let (mut file, svg) = named.map_or_else(chart_anywhere, Ok)?;
    let report = Report {
        queries_saved: phases.iter().filter(|phase| phase.coalescing).map(Phase::saved).sum(),
        wrong: phases.iter().map(|phase| phase.wrong).sum(),
        settings,
        calibration,
        phases,
        svg,
    };
    file.write_all(chart::draw(&report).as_bytes()).context("cannot write the chart")?;
    Ok(report)
}

fn open(options: &Options) -> Result<(Connections, Box<dyn Table>)> {
    match &options.postgres {
        None => {
            let (connections, file) = sqlite::open(options.connections)?;
            Ok((connections, Box::new(file)))
        }
        Some(url) => {
            let (connections, server) = postgres::open(url, options.connections)?;
            Ok((connections, Box::new(server)))
        }
    }
}

fn chart_at(path: &Path) -> Result<(File, PathBuf)> {
    let file = File::create(path)
        .with_context(|| format!("cannot write the chart to {}", path.display()))?;
    Ok((file, path.to_path_buf()))
}

fn chart_anywhere() -> Result<(File, PathBuf)> {
    let file = tempfile::Builder::new().prefix("stampede-").suffix(".svg").tempfile();
    let file = file.context("cannot write the chart to the temporary directory; use --svg")?;
    Ok(file.keep()?)
}

fn settings(options: &Options, calibration: &Calibration) -> Result<Settings> {
    let overload = if options.hot_key { OVERLOAD_OF_ONE_KEY } else { OVERLOAD };
    let rate = options.rate.unwrap_or_else(|| (overload * calibration.capacity_per_s).ceil());
    options.check_rate(rate)?;
    Ok(Settings {
        database: if options.postgres.is_some() { "PostgreSQL" } else { "SQLite" },
        threads: options.threads,
        connections: options.connections,
        keys: options.keys,
        zipf: options.zipf,
        hot_key: options.hot_key,
        window_ms: options.window.as_secs_f64() * 1e3,
        phase_seconds: options.phase_seconds.as_secs_f64(),
        offered_per_s: rate,
        seed: options.seed,
    })
}

fn introduction(settings: &Settings, calibration: &Calibration) -> String {
    format!(
        "{}: {} rows, a query alone takes {:.1} ms, the database answers {:.0} a second\n\
         load: {:.0} requests arrive each second, {:.1} times that; {}\n\
         {} threads, {} connections, a window of {} ms; {} s each without coalescing, with it, without\n",
        settings.database,
        calibration.rows,
        calibration.query_ms,
        calibration.capacity_per_s,
        settings.offered_per_s,
        settings.offered_per_s / calibration.capacity_per_s,
        settings.asked_for(),
        settings.threads,
        settings.connections,
        settings.window_ms,
        settings.phase_seconds
    )
}

impl Settings {
    /// Which keys the requests ask for.
    pub(crate) fn asked_for(&self) -> String {
        if self.hot_key {
            return "all ask for one key".to_string();
        }
        format!("they ask for {} keys (zipf {})", self.keys, self.zipf)
    }
}

fn phases(
    options: &Options,
    settings: &Settings,
    calibration: &Calibration,
    database: &Arc<Database>,
    live: &mut Live,
) -> Result<Vec<Phase>> {
    let keys = match options.hot_key {
        true => Keys::Hot,
        false => Keys::Zipf { customers: options.keys, exponent: options.zipf },
    };
    let arrivals =
        schedule::draw(settings.offered_per_s, options.phase_seconds, keys, options.seed)?;
    let load = Load {
        database,
        expected: &Expected::new(calibration.rows, options.keys),
        arrivals: &arrivals,
        length: options.phase_seconds,
        threads: options.threads,
    };
    live.headings();
    let before = without(&load, live)?;
    let orders = Orders::new(Arc::clone(database), options.window);
    let during = with(&load, &orders, live)?;
    let after = without(&load, live)?;
    Ok(vec![
        Phase::new(&before, None),
        Phase::new(&during, Some(orders.stats())),
        Phase::new(&after, None),
    ])
}

/// Every request is a query.
fn without(load: &Load<'_>, live: &mut Live) -> Result<Ended> {
    phase(load, false, live, |customer| Ok(load.database.total(customer)?))
}

/// Requests for the same customer share one.
fn with(load: &Load<'_>, orders: &Orders, live: &mut Live) -> Result<Ended> {
    phase(load, true, live, |customer| Ok(*orders.total(customer)?))
}

fn phase(
    load: &Load<'_>,
    coalescing: bool,
    live: &mut Live,
    answer: impl Fn(u64) -> Result<Total> + Sync,
) -> Result<Ended> {
    let ended = load.run(&answer, |samples| live.show(mode(coalescing), samples));
    live.end_phase();
    ended
}

//! A stampede: many threads ask one slow database for the same few things, without coalescing, with
//! it, and without it again.
//!
//! `orders.rs` shows how to use the library. The other files create the load and measure it. There are three more
//! demos, each with a file that shows how to use the library: `processes/worker.rs`, the processes of a host ask
//! together; `refresh/ways.rs`, values are replaced before they are too old; `many/ways.rs`, one query for many keys.

mod calibrate;
mod chart;
mod db;
mod ink;
mod live;
mod many;
mod meter;
mod mode_options;
mod options;
mod orders;
mod phase;
mod process_options;
#[cfg(target_os = "linux")]
mod processes;
mod refresh;
mod report;
mod schedule;
mod units;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Parser;

use calibrate::calibrate;
use db::table::Expected;
use db::{Connections, Database, Table, postgres, sqlite};
use live::Live;
use mode_options::Mode;
use options::Options;
use orders::Orders;
use phase::{Load, Phase};
use process_options::Settings;
use report::Report;

/// The load is this many times the capacity of the database.
const OVERLOAD: f64 = 3.0;

/// The same, if all requests ask for one customer.
const OVERLOAD_OF_HOT_KEY: f64 = 20.0;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(done) = processes::worker() {
        return done;
    }
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            // A closed stderr must not turn the failure into a panic.
            let _ = writeln!(io::stderr(), "stampede: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    match Settings::of(options)? {
        None => demonstrate_one_process(options).map(|()| ExitCode::SUCCESS),
        #[cfg(target_os = "linux")]
        Some(settings) => processes::demonstrate(&settings),
        #[cfg(not(target_os = "linux"))]
        Some(_) => anyhow::bail!(
            "--processes needs Linux: its processes share locks and a clock of the kernel's"
        ),
    }
}

fn demonstrate_one_process(options: &Options) -> Result<()> {
    match options.mode.chosen() {
        None => demonstrate(options),
        Some(Mode::Refresh) => refresh::demonstrate(options),
        Some(Mode::Many) => many::demonstrate(options),
    }
}

fn demonstrate(options: &Options) -> Result<()> {
    if let Some(rate) = options.rate {
        options.check_rate(rate)?;
    }
    // Opened first: a path that cannot be written must not cost half a minute.
    let file = chart::create(&options.chart)?;
    let report = measure(options, &mut Live::new(options.json))?;
    chart::write(file, &report)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("\n{report}\nOpen the chart in a browser: {}", chart::url(&options.chart)?);
    }
    ensure!(report.wrong == 0, "{} of the answers were wrong", report.wrong);
    Ok(())
}

fn measure(options: &Options, live: &mut Live) -> Result<Report> {
    // In this order, because the connections must close before their table is dropped.
    let (connections, mut table) = open(options)?;
    let database = Arc::new(Database::new(connections));
    live.say("Filling a table until a query takes about 8 ms, and measuring the database ...");
    let clients = options.threads().min(options.connections as usize);
    let calibration = calibrate(&database, table.as_mut(), options.keys(), clients)?;
    let overload = if options.hot_key { OVERLOAD_OF_HOT_KEY } else { OVERLOAD };
    let rate = options.rate.unwrap_or((overload * calibration.capacity_per_s).ceil());
    options.check_rate(rate)?;
    if options.spoil {
        table.spoil()?;
    }

    let mut report = Report::new(options, calibration, rate);
    live.say(&report.introduction());
    let load = Load {
        database: &database,
        expected: &Expected::new(report.calibration.rows, options.keys()),
        arrivals: &schedule::draw(options, rate)?,
        length: options.phase(),
        threads: options.threads(),
    };
    report.add_phases(phases(&load, &database, options, live)?);
    report.calibration.capacity_after_per_s = calibrate::capacity(&database, clients)?;
    Ok(report)
}

fn open(options: &Options) -> Result<(Connections, Box<dyn Table>)> {
    Ok(match options.server()? {
        None => {
            let (connections, file) = sqlite::open(options.connections)?;
            (connections, Box::new(file))
        }
        Some(url) => {
            let (connections, server) = postgres::open(url, options.connections)?;
            (connections, Box::new(server))
        }
    })
}

fn phases(
    load: &Load<'_>,
    database: &Arc<Database>,
    options: &Options,
    live: &mut Live,
) -> Result<Vec<Phase>> {
    live.headings("coalescing");
    let before = load.run("off", None, live)?;
    let orders = Orders::new(Arc::clone(database), options.window());
    let during = load.run("on", Some(&orders), live)?;
    let after = load.run("off", None, live)?;
    Ok(vec![before, during, after])
}

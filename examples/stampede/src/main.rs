//! The stampede: what a database goes through when everybody asks for the same, and what is left of
//! it when the calls are coalesced.
//!
//! `orders.rs` is the use of the library. The rest makes the load and measures it.

mod calibrate;
mod chart;
mod db;
mod live;
mod meter;
mod options;
mod orders;
mod phase;
mod report;
mod run;
mod schedule;
mod units;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;

use options::Options;
use report::Report;

fn main() -> ExitCode {
    match demonstrate(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stampede: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(options: &Options) -> Result<()> {
    let report = run::run(options)?;
    print(&report, options)?;
    ensure!(report.wrong == 0, "{} of the answers were wrong", report.wrong);
    Ok(())
}

fn print(report: &Report, options: &Options) -> Result<()> {
    let mut out = io::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        writeln!(out, "\n{report}chart: {}", report.svg.display())?;
    }
    Ok(())
}

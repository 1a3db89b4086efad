//! How cost grows: with live keys, threads, followers, sizes, windows and expiries.
//!
//! ```text
//! measure/*  ── points ──▶ raw (one file a curve) ──▶ report: tables, steps, chart ──▶ docs
//! simulate/* ────────────────────────── tables ───────────────────────────────────────▶ docs
//! ```
//!
//! Each curve is measured in a process of its own, so that none inherits another's heap. What is
//! measured goes into files, line by line; everything that is said of it comes from those files.

mod curve;
mod extent;
mod load;
mod machine;
mod measure;
mod memory;
mod options;
mod raw;
mod report;
mod run;
mod simulate;
mod stats;
mod units;

use std::process::ExitCode;

use clap::Parser;

use options::Options;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> ExitCode {
    match run::run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("curves: {error:#}");
            ExitCode::FAILURE
        }
    }
}

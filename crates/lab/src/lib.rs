//! Measurements of coalescer, each a command of the program `lab`.
//!
//! ```text
//! lab compare        coalescer and other crates side by side: a table and docs/compare.svg
//! lab curves         how cost grows: tables and docs/curves/*.svg
//! lab cluster        coalescing over several processes: a table and docs/cluster.svg
//! lab many           many keys in one call, gathered calls, refreshes: tables
//! lab http           500 clients of a page, through nginx and through the layer: tables
//! lab peers          how coalescer and other crates behave where they differ: a table
//! lab instructions   instructions of the hot paths, counted by valgrind
//! ```
//!
//! `compare`, `curves`, `cluster`, `many` and `http` take the same way. `run` runs each lane of each scenario in a process of
//! its own and keeps the figures that it prints as [`raw`] lines; tables and pictures are made from
//! raw lines alone, so they can be made again from a file.

#![cfg(target_os = "linux")]
#![allow(
    clippy::duplicate_mod,
    reason = "the servers of the tests, which are included by path, say alike that a program is missing"
)]

mod chart;
#[cfg_attr(not(feature = "cluster"), path = "no_cluster.rs")]
pub mod cluster;
pub mod compare;
pub mod contender;
pub mod contenders;
mod curves;
pub mod go;
mod herd;
mod http;
mod instructions;
mod machine;
mod many;
mod memory;
mod options;
mod page;
pub mod peers;
pub mod raw;
mod run;
mod stats;
mod threads;
mod units;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use crate::options::Size;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Measures coalescer. Use a release build: `cargo run --release -p lab -- COMMAND`.
#[derive(Debug, Parser)]
#[command(name = "lab", max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures coalescer and other crates side by side (six minutes)
    Compare(compare::Options),
    /// Measures how cost grows with keys, threads, sizes and windows (four minutes)
    Curves(options::Options),
    /// Measures coalescing over several processes (nine minutes; feature "cluster")
    Cluster(options::Options),
    /// Measures many keys in one call, gathered calls and refreshes (six minutes)
    Many(options::Options),
    /// Measures a web page of 500 clients, through nginx and through the layer (seven minutes)
    Http(options::Options),
    /// Shows how coalescer and other crates behave where they differ
    Peers,
    /// Counts the instructions of the hot paths with valgrind
    Instructions(instructions::Options),
    /// Runs one lane in this process and prints its figures
    #[command(hide = true)]
    Lane(run::Lane),
    /// Makes so many calls of one path, to be counted from outside
    #[command(hide = true)]
    Path(instructions::Calls),
}

/// Does the work of a worker, if another process of this program has started this one as such.
pub fn worker() -> Option<ExitCode> {
    cluster::worker()
}

/// Does what the command line asks for.
///
/// # Errors
///
/// If a lane fails, or a file cannot be read or written.
pub fn main() -> anyhow::Result<()> {
    match Program::parse().command {
        Command::Compare(options) => compare::main(&options),
        Command::Curves(options) => curves::main(&options),
        Command::Cluster(options) => cluster::main(&options),
        Command::Many(options) => many::main(&options),
        Command::Http(options) => http::main(&options),
        Command::Peers => peers::main(),
        Command::Instructions(options) => instructions::main(&options),
        Command::Lane(lane) => lane.print(),
        Command::Path(calls) => instructions::call(&calls),
    }
}

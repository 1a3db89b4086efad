//! coalescer, its peers and the floors, measured side by side.
//!
//! A **scenario** is a question with a figure for an answer. A **lane** is one scenario with one
//! contender; it runs in a process of its own, so that nobody inherits another's heap or threads. In
//! each **round** every lane of a scenario runs once, in an order that rotates. The medians of the
//! rounds make the table and the picture.

#![cfg(target_os = "linux")]

pub mod contender;
pub mod contenders;
pub mod go;
pub mod machine;
pub mod options;
pub mod picture;
pub mod raw;
mod readme;
pub mod rows;
pub mod run;
pub mod scenarios;
pub mod stats;
mod style;
pub mod table;
pub mod threads;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Parser;

use crate::contender::NAMES;
use crate::options::Options;
use crate::raw::Raw;

/// Does what the command line asks for.
///
/// # Errors
///
/// If a lane fails, or a file cannot be read or written.
pub fn main() -> Result<()> {
    let options = Options::parse();
    if let Some([scenario, contender]) = options.lane.as_deref() {
        return run::lane(scenario, contender, &options);
    }
    if options.list {
        scenarios::ALL.iter().for_each(|scenario| println!("{}", scenario.name));
        NAMES.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let raws = options.from.iter().map(|path| Raw::read(path)).collect::<Result<Vec<_>>>()?;
    match &raws[..] {
        [] => show(&measure(&options)?, &options),
        [raw] => show(raw, &options),
        [first, second, ..] => {
            print!("{}", table::both(first, second));
            Ok(())
        }
    }
}

fn measure(options: &Options) -> Result<Raw> {
    let kept = options.append && options.raw.exists();
    let mut raw = if kept { Raw::read(&options.raw)? } else { Raw::default() };
    raw.append(run::run(options)?);
    raw.write(&options.raw)?;
    eprintln!("raw lines: {}", options.raw.display());
    Ok(raw)
}

/// Prints the table, and draws the picture beside the raw lines or where the README shows it.
fn show(raw: &Raw, options: &Options) -> Result<()> {
    let table = table::table(raw);
    print!("{table}");
    let picture = if options.write {
        readme::put(&table)?;
        readme::root().join("docs/compare.svg")
    } else {
        options.raw.with_extension("svg")
    };
    write(&picture, &picture::draw(raw))?;
    eprintln!("picture: {}", picture.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

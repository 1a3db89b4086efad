//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::scenarios::Size;

/// Measures coalescer, its peers and the floors side by side, and prints the table.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Only scenarios whose names begin so; can be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,

    /// Only these contenders, by the begin of their names; the floor is always there
    #[arg(long, value_name = "NAME")]
    pub contender: Vec<String>,

    /// Rounds of each scenario, instead of its own number
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,

    /// Smaller lanes and three rounds, for trying
    #[arg(long)]
    pub quick: bool,

    /// The smallest lanes, for tests
    #[arg(long, hide = true)]
    pub tiny: bool,

    /// Where the raw lines go
    #[arg(long, value_name = "FILE", default_value = "target/compare/raw.tsv")]
    pub raw: PathBuf,

    /// Keep the raw lines that are there and put the new ones behind them
    #[arg(long)]
    pub append: bool,

    /// Measure nothing, take these raw lines; given twice, show both runs beside each other
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,

    /// Put the table into README.md and the picture at docs/compare.svg
    #[arg(long)]
    pub write: bool,

    /// List scenarios and contenders
    #[arg(long)]
    pub list: bool,

    /// Run one lane in this process and print its figures
    #[arg(long, num_args = 2, value_names = ["SCENARIO", "CONTENDER"], hide = true)]
    pub lane: Option<Vec<String>>,
}

impl Options {
    /// How much a lane does.
    pub fn size(&self) -> Size {
        match (self.tiny, self.quick) {
            (true, _) => Size::Tiny,
            (_, true) => Size::Quick,
            _ => Size::Full,
        }
    }

    /// How many rounds a scenario has that wants so many.
    pub fn rounds(&self, own: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { own })
    }

    /// Whether this scenario was asked for.
    pub fn wants_scenario(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only))
    }

    /// Whether this contender was asked for.
    pub fn wants_contender(&self, name: &str) -> bool {
        let named = |only: &String| name.to_lowercase().starts_with(&only.to_lowercase());
        self.contender.is_empty() || self.contender.iter().any(named)
    }
}

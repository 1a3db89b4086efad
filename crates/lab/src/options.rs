//! The options that `compare` and `curves` have in common.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Measures only scenarios whose names begin so; can be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,

    /// Measures less of everything: shows that it works, and gives rough figures
    #[arg(long, conflicts_with = "size")]
    pub quick: bool,

    #[arg(long, value_enum, hide = true, default_value_t)]
    pub size: Size,

    /// Writes the raw lines to this file [default: target/lab/COMMAND.jsonl]. Pictures go to its
    /// folder
    #[arg(long, value_name = "FILE")]
    pub raw: Option<PathBuf>,

    /// Keeps the lines that are in the raw file, and adds the new ones
    #[arg(long)]
    pub append: bool,

    /// Measures nothing, and shows these raw files
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,

    /// Puts tables and pictures into README.md and docs
    #[arg(long)]
    pub write: bool,

    /// Lists the scenarios
    #[arg(long)]
    pub list: bool,
}

impl Options {
    pub fn size(&self) -> Size {
        if self.quick { Size::Quick } else { self.size }
    }

    /// True if the options select this scenario.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only))
    }
}

/// How much a lane does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// Enough work for stable figures.
    #[default]
    Full,
    /// A quick try with rough figures.
    Quick,
    /// A test run, whose figures mean nothing.
    Tiny,
}

impl Size {
    pub fn name(self) -> &'static str {
        self.pick("full", "quick", "tiny")
    }

    pub fn pick<T>(self, full: T, quick: T, tiny: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Tiny => tiny,
        }
    }
}

//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::curve;

/// Measures how the cost of coalescer grows, and shows it as tables and curves.
///
/// Writes what it measures to target/curves, one file of raw lines for each curve, and a chart
/// beside them; prints the tables. Nothing else should run meanwhile: figures are medians of
/// interleaved rounds, but no median helps against a machine that is busy all the time.
#[derive(Debug, Parser)]
#[command(name = "curves", max_term_width = 100)]
pub(crate) struct Options {
    /// Measures this curve and no other; may be given more than once
    #[arg(long, value_name = "NAME", value_parser = curve::by_name)]
    pub(crate) only: Vec<&'static curve::Curve>,

    /// Measures less of everything: to see that it works, not for figures
    #[arg(long)]
    pub(crate) quick: bool,

    /// Shows what is in these raw files, or in all files of a directory. Measures only what --only
    /// names
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Vec<PathBuf>,

    /// Puts tables and chart into docs/scale.md and docs/curves.svg
    #[arg(long)]
    pub(crate) write: bool,

    /// Prints only what is simulated
    #[arg(long)]
    pub(crate) simulate: bool,

    /// Where the raw files go [default: target/curves]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) to: Option<PathBuf>,

    /// Measures next to nothing, for the test of this program
    #[arg(long, hide = true)]
    pub(crate) tiny: bool,

    /// What a process does that measures one curve: prints its points
    #[arg(long, hide = true, value_name = "NAME", value_parser = curve::by_name)]
    pub(crate) measure: Option<&'static curve::Curve>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_curve_is_refused_with_the_names_of_those_that_there_are() {
        let error = Options::try_parse_from(["curves", "--only", "circles"]).expect_err("no curve");
        assert!(error.to_string().contains("keys"), "{error}");
        let options = Options::try_parse_from(["curves", "--only", "keys"]).expect("a curve");
        assert_eq!(options.only[0].name, "keys");
    }
}

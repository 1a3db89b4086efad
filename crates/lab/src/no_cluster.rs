//! The place of `cluster` in a build without that feature.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::options::{Options, Size};
use crate::raw::Line;

pub fn main(_: &Options) -> Result<()> {
    bail!("add --features cluster: cargo run --release -p lab --features cluster -- cluster")
}

pub(crate) fn lane(_: &str, _: &str, _: Size) -> Result<Vec<Line>> {
    bail!("this program was built without the feature cluster")
}

pub(crate) fn worker() -> Option<ExitCode> {
    None
}

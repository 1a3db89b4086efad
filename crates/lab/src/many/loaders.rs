//! The loaders of other crates: a program of its own in `loaders`, which is built when it is needed.

use std::path::PathBuf;
use std::process::Command;

use super::page::Page;
use super::{ASYNC_GRAPHQL, ULTRA_BATCH};
use crate::options::Size;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/loaders/Cargo.toml");

/// The program, built.
pub(super) struct Loaders(PathBuf);

impl Loaders {
    /// Builds the program; the error says why that cannot be done.
    pub(super) fn build() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let target = own.parent().map(|folder| folder.join("lab-loaders")).unwrap_or_default();
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--release", "--locked", "--manifest-path", MANIFEST]);
        build.arg("--target-dir").arg(&target);
        let built = build.output().map_err(|error| format!("`cargo` cannot be run: {error}"))?;
        if !built.status.success() {
            let why = String::from_utf8_lossy(&built.stderr);
            return Err(format!("they do not build: {}", why.lines().next().unwrap_or_default()));
        }
        Ok(Self(target.join("release/lab-loaders")))
    }

    /// The process for a lane.
    pub(super) fn command(&self, scenario: &str, lane: &str, size: Size) -> Command {
        let mut command = Command::new(&self.0);
        command.args([scenario, lane, &Page::calls(size).to_string()]);
        command
    }
}

/// True if this lane is one of that program.
pub(super) fn has(lane: &str) -> bool {
    [ASYNC_GRAPHQL, ULTRA_BATCH].contains(&lane)
}

//! A folder of the demo's own, removed at the end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Address;
use crate::processes::guard::Guard;

/// In memory, where it is there.
const BEST_PLACE: &str = "/dev/shm";

pub(crate) struct Folder {
    path: PathBuf,
    /// Its path while it is away.
    away: PathBuf,
}

impl Folder {
    pub(super) fn make(guard: &Guard) -> Result<Self> {
        let outer = temporary(guard)?;
        let [path, away] = ["meet", "away"].map(|name| outer.join(name));
        Ok(Self { path, away })
    }

    pub(super) fn address(&self) -> Address {
        Address::Files(self.path.clone())
    }

    pub(super) fn take_away(&self) -> Result<()> {
        fs::rename(&self.path, &self.away).context("the folder cannot be taken away")
    }

    pub(super) fn bring_back(&self) -> Result<()> {
        fs::rename(&self.away, &self.path).context("the folder cannot be brought back")
    }
}

/// Makes a folder that nobody else can read, and that is removed at the end.
pub(super) fn temporary(guard: &Guard) -> Result<PathBuf> {
    let mut builder = tempfile::Builder::new();
    let prefix = builder.prefix("stampede-");
    let made = prefix.tempdir_in(Path::new(BEST_PLACE)).or_else(|_| prefix.tempdir());
    let path = made.context("cannot create a temporary directory; set TMPDIR")?.keep();
    let removed = path.clone();
    guard.at_end(move || {
        // Files that are left there are in nobody's way.
        let _ = fs::remove_dir_all(removed);
    });
    Ok(path)
}

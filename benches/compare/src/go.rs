//! Builds and asks `go/main.go`, where there is a Go toolchain and the source of golang.org/x/sync.

use std::path::{Path, PathBuf};
use std::process::Command;

use peers::go::Toolchain;

use crate::scenarios::{ALL, Size};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go/main.go");

/// The program, built.
#[derive(Clone, Debug)]
pub struct Go {
    program: PathBuf,
    version: String,
}

impl Go {
    /// Builds the program; the error says what is missing for that.
    ///
    /// # Errors
    ///
    /// If there is no Go toolchain here, or no source of golang.org/x/sync, or it does not build.
    pub fn find() -> Result<Self, String> {
        let toolchain = Toolchain::find()?;
        // Beside this program, where Cargo has its own leavings.
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = own.parent().unwrap_or(Path::new(".")).join("compare-go");
        let built = toolchain.go("build").arg("-o").arg(&program).arg(PROGRAM).output();
        let built = built.map_err(|error| format!("`go` cannot be run: {error}"))?;
        if !built.status.success() {
            return Err(format!("it does not build: {}", String::from_utf8_lossy(&built.stderr)));
        }
        let release = toolchain.go("version").output().map_err(|error| error.to_string())?;
        let release = String::from_utf8_lossy(&release.stdout).into_owned();
        let release = release.split(' ').nth(2).unwrap_or("unknown");
        Ok(Self { program, version: format!("{release}, x/sync {}", toolchain.package_version()) })
    }

    /// The versions of the toolchain and the package.
    pub fn version(&self) -> String {
        self.version.clone()
    }

    /// The program, asked for one lane; `None` if it has no such lane.
    pub fn lane(&self, scenario: &str, size: Size) -> Option<Command> {
        let arguments = ALL.iter().find(|one| one.name == scenario)?.for_go(size)?;
        let mut command = Command::new(&self.program);
        command.args(arguments);
        Some(command)
    }
}

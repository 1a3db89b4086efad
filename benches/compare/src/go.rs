//! Builds and asks `go/main.go`, where there is a Go toolchain and the source of golang.org/x/sync.
//!
//! The program is built without modules, so that nothing is downloaded: the source is looked for in
//! the GOPATH, and where Debian's package golang-golang-x-sync-dev puts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scenarios::{ALL, Size};

/// Where Debian's packages put Go sources, as a GOPATH.
const DEBIAN: &str = "/usr/share/gocode";

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
        let path = output(Command::new("go").args(["env", "GOPATH"])).ok_or("no `go` was found")?;
        let gopath = find_source(&path).ok_or("no source of golang.org/x/sync was found")?;
        let program = folder()?.join("compare-go");
        let mut build = Command::new("go");
        build.arg("build").arg("-o").arg(&program).arg(PROGRAM);
        build.envs([("GO111MODULE", "off"), ("GOFLAGS", "")]).env("GOPATH", &gopath);
        let built = build.output().map_err(|error| format!("`go` cannot be run: {error}"))?;
        if !built.status.success() {
            return Err(format!("it does not build: {}", String::from_utf8_lossy(&built.stderr)));
        }
        let toolchain = output(Command::new("go").arg("version")).unwrap_or_default();
        let toolchain = toolchain.split(' ').nth(2).unwrap_or("unknown").to_owned();
        Ok(Self { program, version: format!("{toolchain}, x/sync {}", version(&gopath)) })
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

/// Beside this program, where Cargo has its own leavings.
fn folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().unwrap_or(Path::new(".")).to_owned();
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// The GOPATH that holds the package's source.
fn find_source(gopath: &str) -> Option<PathBuf> {
    let candidates = std::env::split_paths(gopath).chain([PathBuf::from(DEBIAN)]);
    let package = "src/golang.org/x/sync/singleflight/singleflight.go";
    candidates.into_iter().find(|path| path.join(package).exists())
}

/// The package's version; sources in a GOPATH carry none, but Debian knows its own.
fn version(gopath: &Path) -> String {
    let mut ask = Command::new("dpkg-query");
    ask.args(["-W", "-f", "${Version}", "golang-golang-x-sync-dev"]);
    let debian = (gopath == Path::new(DEBIAN)).then(|| output(&mut ask)).flatten();
    debian.unwrap_or_else(|| "from GOPATH".into())
}

/// What a command that succeeds prints.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

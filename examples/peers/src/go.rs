//! Runs `go/main.go`, where there is a Go toolchain and the source of golang.org/x/sync.
//!
//! The program is run without modules, so that nothing is downloaded: the source is looked for in
//! the GOPATH, and where Debian's package golang-golang-x-sync-dev puts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's packages put Go sources, as a GOPATH.
const DEBIAN: &str = "/usr/share/gocode";

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go/main.go");

/// A toolchain together with the package's source.
#[derive(Clone, Debug)]
pub struct Toolchain {
    gopath: PathBuf,
}

impl Toolchain {
    /// Looks for both; the error says what is missing.
    ///
    /// # Errors
    ///
    /// If there is no Go toolchain here, or no source of golang.org/x/sync.
    pub fn find() -> Result<Self, String> {
        let path = output(Command::new("go").args(["env", "GOPATH"])).ok_or("no `go` was found")?;
        let gopath = find_source(&path).ok_or("no source of golang.org/x/sync was found")?;
        Ok(Self { gopath })
    }

    /// `go` with this verb, without modules.
    pub fn go(&self, verb: &str) -> Command {
        let mut go = Command::new("go");
        go.arg(verb).envs([("GO111MODULE", "off"), ("GOFLAGS", "")]).env("GOPATH", &self.gopath);
        go
    }

    /// The package's version; sources in a GOPATH carry none, but Debian knows its own.
    pub fn package_version(&self) -> String {
        let mut ask = Command::new("dpkg-query");
        ask.args(["-W", "-f", "${Version}", "golang-golang-x-sync-dev"]);
        let debian = (self.gopath == Path::new(DEBIAN)).then(|| output(&mut ask)).flatten();
        debian.unwrap_or_else(|| "from GOPATH".into())
    }
}

/// What the Go program saw, by the keys of the scenarios.
#[derive(Clone, Debug)]
pub struct Report {
    cells: BTreeMap<String, String>,
    source: String,
}

/// Runs the program; the error says what is missing for that.
///
/// # Errors
///
/// If there is no Go toolchain here, or no source of golang.org/x/sync.
///
/// # Panics
///
/// If the program can be run, but fails: that is no reason to pass it by.
pub fn run() -> Result<Report, String> {
    let toolchain = Toolchain::find()?;
    let run = toolchain.go("run").arg(PROGRAM).output();
    let run = run.map_err(|error| format!("`go` cannot be run: {error}"))?;
    let (lines, errors) =
        (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "the Go program failed:\n{lines}{errors}");
    Ok(Report { cells: parse(&lines), source: toolchain.package_version() })
}

impl Report {
    /// What was seen in this scenario.
    pub fn cell(&self, key: &str) -> &str {
        self.cells.get(key).map_or("not reported", String::as_str)
    }

    /// What was run: the package's version, and the toolchain's.
    pub fn version(&self) -> String {
        format!("{} ({})", self.source, self.cell("go"))
    }
}

fn parse(lines: &str) -> BTreeMap<String, String> {
    let pairs = lines.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(key, cell)| (key.to_owned(), cell.to_owned())).collect()
}

/// The GOPATH that holds the package's source.
fn find_source(gopath: &str) -> Option<PathBuf> {
    let candidates = std::env::split_paths(gopath).chain([PathBuf::from(DEBIAN)]);
    let package = "src/golang.org/x/sync/singleflight/singleflight.go";
    candidates.into_iter().find(|path| path.join(package).exists())
}

/// What a command that succeeds prints.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

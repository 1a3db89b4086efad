//! Builds and runs the program in `go`, where there is a Go toolchain and the source of
//! golang.org/x/sync.
//!
//! It is built without modules, so that nothing is downloaded: the source is looked for in the GOPATH,
//! and in the folder of Debian's package golang-golang-x-sync-dev.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folder of Debian's Go sources, as a GOPATH.
const DEBIAN: &str = "/usr/share/gocode";

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go");

/// The program, built.
#[derive(Debug)]
pub struct Go {
    program: PathBuf,
    version: String,
}

impl Go {
    /// Builds the program; the error says why that cannot be done.
    ///
    /// # Errors
    ///
    /// If there is no Go toolchain here, or no source of golang.org/x/sync, or it does not build.
    pub fn find() -> Result<Self, String> {
        let path = output(Command::new("go").args(["env", "GOPATH"])).ok_or("no `go` was found")?;
        let gopath = find_source(&path).ok_or("no source of golang.org/x/sync was found")?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        // Each process builds its own, so that none replaces a program that another one runs.
        let name = format!("lab-go-{}", std::process::id());
        let program = own.parent().unwrap_or(Path::new(".")).join(name);
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(SOURCE);
        build.envs([("GO111MODULE", "off"), ("GOFLAGS", "")]).env("GOPATH", &gopath);
        let built = build.output().map_err(|error| format!("`go` cannot be run: {error}"))?;
        if !built.status.success() {
            return Err(format!("it does not build: {}", String::from_utf8_lossy(&built.stderr)));
        }
        let release = output(Command::new("go").arg("version")).unwrap_or_default();
        let release = release.split(' ').nth(2).unwrap_or("unknown");
        Ok(Self { program, version: format!("{release}, x/sync {}", package_version(&gopath)) })
    }

    /// The same for a test. Without Go it says so on the terminal: a test harness keeps the output
    /// of `println!` for itself, but not that of the real standard error.
    pub fn or_skip(test: &str) -> Option<Self> {
        let skip = |why: String| {
            let line =
                format!("SKIPPED {test}: {why}. Debian: golang-go, golang-golang-x-sync-dev\n");
            // There is no place left to report an error.
            let _ = std::io::stderr().write_all(line.as_bytes());
        };
        Self::find().map_err(skip).ok()
    }

    /// The versions of the toolchain and the package.
    pub fn version(&self) -> String {
        self.version.clone()
    }

    /// The program with these arguments.
    pub fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command
    }

    /// The program's words for each situation, by its key.
    ///
    /// # Errors
    ///
    /// If it fails: then it has an error of its own.
    pub fn cells(&self) -> Result<BTreeMap<String, String>> {
        let run = self.command(&["peers".into()]).output().context("the Go program")?;
        let lines = String::from_utf8_lossy(&run.stdout);
        ensure!(run.status.success(), "{lines}{}", String::from_utf8_lossy(&run.stderr));
        let pairs = lines.lines().filter_map(|line| line.split_once(": "));
        Ok(pairs.map(|(key, cell)| (key.to_owned(), cell.to_owned())).collect())
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        // It lies in the target folder, where a leftover does no harm.
        let _ = std::fs::remove_file(&self.program);
    }
}

/// The package's version; sources in a GOPATH have none, but Debian knows its own.
fn package_version(gopath: &Path) -> String {
    let mut ask = Command::new("dpkg-query");
    ask.args(["-W", "-f", "${Version}", "golang-golang-x-sync-dev"]);
    let debian = (gopath == Path::new(DEBIAN)).then(|| output(&mut ask)).flatten();
    debian.unwrap_or_else(|| "from GOPATH".into())
}

/// The GOPATH that holds the package's source.
fn find_source(gopath: &str) -> Option<PathBuf> {
    let candidates = std::env::split_paths(gopath).chain([PathBuf::from(DEBIAN)]);
    let package = "src/golang.org/x/sync/singleflight/singleflight.go";
    candidates.into_iter().find(|path| path.join(package).exists())
}

/// The output of a command that succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

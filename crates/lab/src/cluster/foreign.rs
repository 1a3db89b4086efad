//! Peers of other languages, for their wait alone: dogpile.cache (Python) and rueidisaside (Go).
//!
//! Each process of theirs is a program that prints what it saw, as JSON. Their packages are brought by `pip` and `go`
//! into a folder that goes with the run. Without one of them the lane is left out, and the page says why.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::engine::Address;
use super::seen::back_figures;
use crate::options::Size;
use crate::raw::Line;

/// Where the parent has put a peer's packages or program, for the processes of its lanes.
const PYTHON: &str = "LAB_DOGPILE";
const GO: &str = "LAB_RUEIDISASIDE";

const DOGPILE: &str = "dogpile.cache==1.5.0";
const RUEIDISASIDE: &str = "github.com/redis/rueidis/rueidisaside";

const WAIT_PY: &str = include_str!("../../python/wait.py");
const MAIN_GO: &str = include_str!("../../rueidis/main.go");

/// Between two turns: as long as the last of those who wait may need.
const PERIOD: Duration = Duration::from_millis(400);

/// The processes of a peer have started by then.
const HEAD_START: Duration = Duration::from_secs(3);

/// The peers that could be had, for the time of a run.
pub(super) struct Foreign {
    folder: TempDir,
    /// The version of each, or why it is left out.
    pub(super) dogpile: Result<String, String>,
    pub(super) rueidisaside: Result<String, String>,
}

impl Foreign {
    pub(super) fn find() -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the packages of other languages")?;
        let dogpile = dogpile(folder.path()).map_err(|error| format!("{error:#}"));
        let rueidisaside = rueidisaside(folder.path()).map_err(|error| format!("{error:#}"));
        Ok(Self { folder, dogpile, rueidisaside })
    }

    /// Tells a lane's process where they are.
    pub(super) fn tell(&self, command: &mut Command) {
        if self.dogpile.is_ok() {
            command.env(PYTHON, packages(self.folder.path()));
        }
        if self.rueidisaside.is_ok() {
            command.env(GO, program(self.folder.path()));
        }
    }
}

fn packages(folder: &Path) -> std::path::PathBuf {
    folder.join("python")
}

fn program(folder: &Path) -> std::path::PathBuf {
    folder.join("go/rueidis")
}

fn dogpile(folder: &Path) -> Result<String> {
    let mut install = bounded("python3");
    install.args(["-m", "pip", "install", "--quiet", "--target"]).arg(packages(folder));
    said(install.args([DOGPILE, "redis"]))?;
    let version = said(bounded("python3").arg("--version"))?;
    Ok(format!("{}, {version}", DOGPILE.replace("==", " ")))
}

fn rueidisaside(folder: &Path) -> Result<String> {
    let folder = folder.join("go");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("main.go"), MAIN_GO)?;
    let go = |arguments: &[&str]| said(bounded("go").args(arguments).current_dir(&folder));
    go(&["mod", "init", "rueidis"])?;
    go(&["get", RUEIDISASIDE])?;
    go(&["build", "-o", "rueidis", "."])?;
    let version = go(&["list", "-m", "-f", "{{.Version}}", RUEIDISASIDE])?;
    Ok(format!("rueidisaside {version}, {}", go(&["env", "GOVERSION"])?))
}

/// A program that is ended if it waits for a network that is not there.
fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["90", program]);
    command
}

/// The output of a command; the error is the last line of what it complained.
fn said(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty());
    ensure!(output.status.success(), "{}", last.unwrap_or("it did not end in time").trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The observations of one process of a peer.
#[derive(Debug, Default, Deserialize)]
struct Waits {
    executions: u64,
    /// Nanoseconds from the end of a function of another process until the caller was back.
    waited: Vec<u64>,
    failures: Vec<String>,
}

/// The lane of dogpile.cache; no figures if it is not there.
pub(super) fn measure_dogpile(
    address: &Address,
    (processes, threads): (usize, usize),
    size: Size,
) -> Result<Vec<Line>> {
    let Some(packages) = env::var_os(PYTHON) else { return Ok(Vec::new()) };
    let command = || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &packages).args(["-c", WAIT_PY]).arg(address.url()?);
        Ok(command)
    };
    measure(command, (processes, threads), size)
}

/// The lane of rueidisaside; no figures if it is not there.
pub(super) fn measure_rueidisaside(
    address: &Address,
    (processes, threads): (usize, usize),
    size: Size,
) -> Result<Vec<Line>> {
    let Some(program) = env::var_os(GO) else { return Ok(Vec::new()) };
    let place = address.url()?.trim_start_matches("redis://").trim_end_matches('/');
    measure(|| Ok(of_go(&program, place)), (processes, threads), size)
}

fn of_go(program: &OsStr, place: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(place);
    command
}

/// The processes of a run. All are ended when it goes.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It has ended already, or it ends now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn measure(
    command: impl Fn() -> Result<Command>,
    (processes, threads): (usize, usize),
    size: Size,
) -> Result<Vec<Line>> {
    let turns: u64 = size.pick(12, 6, 2);
    let first = SystemTime::now().duration_since(UNIX_EPOCH)? + HEAD_START;
    let numbers = [
        threads as u128,
        u128::from(turns),
        PERIOD.as_millis(),
        super::FUNCTION.as_millis(),
        first.as_nanos(),
    ];
    let start = || -> Result<Child> {
        let mut command = command()?;
        command.args(numbers.map(|number| number.to_string()));
        Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
    };
    let mut running = Running(Vec::new());
    for _ in 0..processes {
        running.0.push(start().context("a process of a peer")?);
    }
    let mut all = Waits::default();
    for child in &mut running.0 {
        let out = child.stdout.take().context("its output is a pipe")?;
        let one: Waits = serde_json::from_reader(out).context("what a peer saw")?;
        all.executions += one.executions;
        all.waited.extend(one.waited);
        all.failures.extend(one.failures);
    }
    if let Some(failure) = all.failures.first() {
        eprintln!("a call of a peer failed: {failure}");
    }
    let mut lines = vec![
        Line::figure("executions", all.executions as f64 / turns as f64),
        Line::figure("failed", all.failures.len() as f64),
    ];
    lines.extend(back_figures(all.waited.into_iter().map(|time| time as f64)));
    Ok(lines)
}

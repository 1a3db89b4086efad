//! Runs the lanes: each in a process of its own, in rounds, in an order that rotates.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::contender::{FLOOR, GO, MACHINE, NAMES};
use crate::go::Go;
use crate::machine;
use crate::options::Options;
use crate::raw::{Line, Raw};
use crate::scenarios::{ALL, Scenario};
use crate::threads::line_ns;

/// A lane that takes longer is said to hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs what the options ask for.
///
/// # Errors
///
/// If a lane fails or hangs, since a table without it would not say so.
pub fn run(options: &Options) -> Result<Raw> {
    let mut raw = Raw::default();
    machine::note(&mut raw);
    if !ALL.iter().any(|scenario| options.wants_scenario(scenario.name)) {
        bail!("no scenario begins with {:?}; --list names them all", options.only);
    }
    if ALL.iter().any(|one| one.counts_memory() && options.wants_scenario(one.name)) {
        build_counting()?;
    }
    let go = Go::find();
    raw.note("go", &go.as_ref().map_or_else(|why| format!("left out: {why}"), Go::version));
    for scenario in ALL.iter().filter(|scenario| options.wants_scenario(scenario.name)) {
        let begin = Instant::now();
        run_scenario(&mut raw, scenario, options, go.as_ref().ok())?;
        eprintln!("{}: {:.1} s", scenario.name, begin.elapsed().as_secs_f64());
    }
    Ok(raw)
}

fn run_scenario(
    raw: &mut Raw,
    scenario: &Scenario,
    options: &Options,
    go: Option<&Go>,
) -> Result<()> {
    let mut lanes: Vec<_> = [FLOOR].into_iter().chain(NAMES).chain(go.map(|_| GO)).collect();
    lanes.retain(|lane| *lane == FLOOR || options.wants_contender(lane));
    for round in 0..options.rounds(scenario.rounds) {
        raw.lines.push(Line::new(scenario.name, MACHINE, round, "line_ns", line_ns()));
        // One that has no such lane says so in the first round, and is asked no more.
        let mut absent = Vec::new();
        for turn in 0..lanes.len() {
            let lane = lanes[(round + turn) % lanes.len()];
            let lines = match (lane, go) {
                (GO, Some(go)) => {
                    go.lane(scenario.name, options.size()).map(in_time).transpose()?
                }
                _ => Some(in_time(own_lane(scenario, lane, options)?)?),
            };
            let lines = lines.unwrap_or_default();
            if lines.is_empty() {
                absent.push(lane);
            }
            add(raw, scenario.name, lane, round, &lines)?;
        }
        lanes.retain(|lane| !absent.contains(lane));
    }
    Ok(())
}

/// This program, or the one beside it that counts allocations, asked for one lane.
fn own_lane(scenario: &Scenario, contender: &str, options: &Options) -> Result<Command> {
    let own = env::current_exe().context("this program has no path")?;
    if scenario.counts_memory() {
        let mut command = Command::new(own.with_file_name(COUNTING));
        command.arg(contender);
        return Ok(command);
    }
    let mut command = Command::new(own);
    command.args(["--lane", scenario.name, contender]);
    command.args(options.quick.then_some("--quick"));
    Ok(command)
}

/// The program that counts allocations.
const COUNTING: &str = "compare-memory";

/// Builds the program that counts allocations: `cargo run` builds only the one that it runs.
fn build_counting() -> Result<()> {
    let Some(cargo) = env::var_os("CARGO") else {
        // Not run by Cargo: whoever runs it has built it.
        return Ok(());
    };
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "compare", "--bin", COUNTING]);
    build.args((!cfg!(debug_assertions)).then_some("--release"));
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if !status.success() {
        bail!("{COUNTING} does not build");
    }
    Ok(())
}

/// What a lane's process prints.
///
/// # Errors
///
/// If it fails, or is not done after a minute; then it is killed.
pub fn in_time(mut command: Command) -> Result<String> {
    let name = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| name.clone())?;
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("{name} was not done after {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{name} failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn add(raw: &mut Raw, scenario: &str, contender: &str, round: usize, lines: &str) -> Result<()> {
    for line in lines.lines() {
        let (figure, value) =
            line.split_once('\t').with_context(|| format!("no figure: {line}"))?;
        let value = value.parse().with_context(|| format!("no value: {line}"))?;
        raw.lines.push(Line::new(scenario, contender, round, figure, value));
    }
    Ok(())
}

/// Runs one lane in this process and prints its figures; nothing if there is no such lane.
///
/// # Errors
///
/// If there is no such scenario, or nobody listens.
pub fn lane(scenario: &str, contender: &str, options: &Options) -> Result<()> {
    let scenario = ALL.iter().find(|one| one.name == scenario).context("no such scenario")?;
    let mut out = std::io::stdout();
    for (figure, value) in scenario.run(contender, options.size()).unwrap_or_default() {
        writeln!(out, "{figure}\t{value}")?;
    }
    Ok(())
}

//! Runs lanes: each in a process of its own, in rounds, in an order that rotates.
//!
//! So no lane inherits another's heap or threads, and a disturbance of a few seconds affects all lanes
//! alike.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::contender::MACHINE;
use crate::machine::{self, Used};
use crate::options::{Options, Size};
use crate::page::{self, Part};
use crate::raw::{Line, Raw};
use crate::threads::line_ns;
use crate::{cluster, compare, curves, http, many};

/// The time after which a lane counts as hung.
const PATIENCE: Duration = Duration::from_secs(300);

/// The command that a lane belongs to.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    Compare,
    Curves,
    Cluster,
    Many,
    Http,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Curves => "curves",
            Self::Cluster => "cluster",
            Self::Many => "many",
            Self::Http => "http",
        }
    }
}

/// Lanes that are compared with each other.
pub struct Plan {
    pub scenario: &'static str,
    pub lanes: Vec<&'static str>,
    pub rounds: usize,
}

/// One lane, as the command line of its process has it.
#[derive(Args, Debug)]
pub struct Lane {
    kind: Kind,
    scenario: String,
    lane: String,
    #[arg(value_enum)]
    size: Size,
}

impl Lane {
    /// Runs the lane in this process and prints its lines; none if there is no such lane.
    pub fn print(&self) -> Result<()> {
        let print = |line: Line| -> Result<()> {
            println!("{}", serde_json::to_string(&line)?);
            Ok(())
        };
        match self.kind {
            Kind::Compare => {
                let figures = compare::lane(&self.scenario, &self.lane, self.size)?;
                figures.into_iter().try_for_each(|(name, value)| print(Line::figure(name, value)))
            }
            Kind::Curves => {
                let mut done = Ok(());
                curves::measure(&self.scenario, self.size, &mut |line| {
                    if done.is_ok() {
                        done = print(line);
                    }
                })?;
                done
            }
            Kind::Cluster => {
                let lines = cluster::lane(&self.scenario, &self.lane, self.size)?;
                lines.into_iter().try_for_each(print)
            }
            Kind::Many => {
                let lines = many::lane(&self.scenario, &self.lane, self.size)?;
                lines.into_iter().try_for_each(print)
            }
            Kind::Http => {
                let lines = http::lane(&self.scenario, &self.lane, self.size)?;
                lines.into_iter().try_for_each(print)
            }
        }
    }

    /// The process for a lane of this program's own.
    pub fn command(kind: Kind, scenario: &str, lane: &str, size: Size) -> Result<Command> {
        let mut command = Command::new(env::current_exe().context("this program has no path")?);
        command.args(["lane", kind.name(), scenario, lane, size.name()]);
        Ok(command)
    }
}

/// The raw lines that the options select: from files, or measured now and written to one.
///
/// `command` gives the process for a lane, `None` if there is no such lane.
pub fn raw(
    kind: Kind,
    options: &Options,
    plans: Vec<Plan>,
    facts: &[(&str, String)],
    command: impl Fn(&str, &str) -> Result<Option<Command>>,
) -> Result<Raw> {
    let mut raw = Raw::default();
    if !options.from.is_empty() {
        for path in &options.from {
            raw.append(Raw::read(path)?);
        }
        return Ok(raw);
    }
    let wanted = || plans.iter().filter(|plan| options.wants(plan.scenario));
    ensure!(wanted().count() > 0, "no scenario begins with {:?}; see --list", options.only);
    let file = file(kind, options);
    if options.append && file.exists() {
        raw = Raw::read(&file)?;
    }
    machine::note(&mut raw);
    raw.note("size", options.size().name());
    facts.iter().for_each(|(name, value)| raw.note(name, value));
    for plan in wanted() {
        let (begin, before) = (Instant::now(), Used::now());
        run(&mut raw, plan, &command)?;
        if let Some((before, after)) = before.zip(Used::now()) {
            let others = after.by_others_since(before);
            raw.lines.push(Line::new(plan.scenario, MACHINE, "others_percent", others));
        }
        eprintln!("{}: {:.1} s", plan.scenario, begin.elapsed().as_secs_f64());
    }
    raw.write(&file)?;
    eprintln!("raw lines: {}", file.display());
    Ok(raw)
}

fn run(
    raw: &mut Raw,
    plan: &Plan,
    command: &impl Fn(&str, &str) -> Result<Option<Command>>,
) -> Result<()> {
    let mut lanes = plan.lanes.clone();
    for round in 0..plan.rounds {
        raw.lines.push(Line::new(plan.scenario, MACHINE, "line_ns", line_ns(40)));
        // A lane without figures says so in the first round, and is not run again.
        let mut absent = Vec::new();
        for turn in 0..lanes.len() {
            let lane = lanes[(round + turn) % lanes.len()];
            let lines = command(plan.scenario, lane)?.map(in_time).transpose()?;
            let mut lines = lines.unwrap_or_default();
            for line in &mut lines {
                plan.scenario.clone_into(&mut line.scenario);
                if line.lane.is_empty() {
                    lane.clone_into(&mut line.lane);
                }
            }
            if lines.is_empty() {
                absent.push(lane);
            }
            raw.lines.extend(lines);
        }
        lanes.retain(|lane| !absent.contains(lane));
    }
    Ok(())
}

/// The lines that a lane's process prints.
///
/// # Errors
///
/// If it fails, or is not done in time; then it is killed.
pub fn in_time(mut command: Command) -> Result<Vec<Line>> {
    let name = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| name.clone())?;
    let mut out = child.stdout.take().context("its output is a pipe")?;
    // Read as it comes: a pipe that is full would stop the lane.
    let reader = thread::spawn(move || std::io::read_to_string(&mut out));
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("{name} was not done after {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
    let status = child.wait()?;
    ensure!(status.success(), "{name} failed: {status}");
    let text = reader.join().map_err(|_| anyhow::anyhow!("{name} cannot be read"))??;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

fn file(kind: Kind, options: &Options) -> PathBuf {
    let own = || page::root().join("target/lab").join(kind.name()).with_extension("jsonl");
    options.raw.clone().unwrap_or_else(own)
}

/// Writes the pictures to the folder of the raw file, or with the tables into the repository.
///
/// # Errors
///
/// If the repository is to have less than the whole: a page would mix two runs.
pub fn show(
    kind: Kind,
    options: &Options,
    raw: &Raw,
    scenarios: &[&str],
    parts: &[Part],
    pictures: &[Part],
) -> Result<()> {
    let mut folder = file(kind, options).parent().unwrap_or(Path::new(".")).to_owned();
    if options.write {
        let missing: Vec<_> = scenarios.iter().copied().filter(|name| !raw.has(name)).collect();
        ensure!(
            missing.is_empty(),
            "--write needs everything; not measured: {}",
            missing.join(", ")
        );
        ensure!(raw.fact("size") == Size::Full.name(), "--write needs a full run");
        page::put(kind.name(), parts)?;
        folder = page::root().join("docs");
    }
    for (name, picture) in pictures {
        page::write(&folder.join(name), picture)?;
    }
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    eprintln!("pictures: {} in {}", pictures.len(), folder.display());
    Ok(())
}

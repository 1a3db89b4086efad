//! Several processes: this program starts itself as often as asked, and measures from outside.
//!
//! `worker.rs` shows how to use the library. The other files start processes, make faults and judge what
//! happened.

mod clock;
mod course;
mod engine;
mod fleet;
mod guard;
mod judge;
mod live;
mod meter;
mod picture;
mod pipe;
mod record;
mod report;
mod svg;
mod talk;
mod worker;

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::course::{Course, PLANS};
use self::engine::Engine;
use self::fleet::Fleet;
use self::guard::{AtEnd, Guard};
use self::live::Live;
use self::report::Report;
use self::talk::Job;
use crate::calibrate;
use crate::db::{Database, Table, sqlite};
use crate::process_options::Settings;
use crate::units::in_ms;

/// Connections that fill and measure the table.
const CONNECTIONS: u32 = 2;

/// A run takes as long as its phases, and this long for the start, the servers and the last answers.
const BESIDE: Duration = Duration::from_secs(240);

/// Does the work of a worker, if this process is one.
pub(super) fn worker() -> Option<ExitCode> {
    let job = env::var(talk::VARIABLE).ok()?;
    let done = serde_json::from_str::<Job>(&job)
        .with_context(|| format!("{} is not for you to set", talk::VARIABLE))
        .and_then(|job| worker::work(&job));
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            worker::fail(&error);
            ExitCode::FAILURE
        }
    })
}

/// Runs all phases. Ends all processes whatever happens.
pub(super) fn demonstrate(settings: &Settings) -> Result<ExitCode> {
    let guard = Guard::new()?;
    let phases = u32::try_from(PLANS.len())?;
    guard.watch(settings.phase * phases + BESIDE, "the run did not end");
    let done = {
        let _at_end = AtEnd(&guard);
        measure(settings, &guard).and_then(|report| tell(&report, settings))
    };
    if guard.is_interrupted() {
        guard::complain("interrupted: all processes are ended");
        return Ok(ExitCode::from(130));
    }
    done.map(|()| ExitCode::SUCCESS)
}

fn measure(settings: &Settings, guard: &Guard) -> Result<Report> {
    clock::check()?;
    // First: a path that cannot be written must not cost half a minute.
    if let Some(path) = &settings.svg {
        File::create(path)
            .with_context(|| format!("cannot write the picture to {}", path.display()))?;
    }
    let mut live = Live::new(settings.json);
    let engine = Engine::start(&settings.choice, guard)?;

    live.say("Filling a table until a query takes about 8 ms ...");
    let (connections, mut file) = sqlite::open(CONNECTIONS)?;
    let folder = file.folder().to_owned();
    guard.at_end(move || {
        // The file removes it, unless the process ends without that.
        let _ = fs::remove_dir_all(folder);
    });
    let (rows, query) = calibrate::fill(&Database::new(connections), &mut file, settings.keys)?;
    if settings.spoil {
        file.spoil()?;
    }

    let job = Job {
        threads: settings.threads,
        keys: settings.keys,
        window: settings.window,
        pause: settings.pause,
        table: file.path().to_owned(),
        rows,
        address: engine.address(),
    };
    let fleet = Fleet::start(settings.processes, &job, |end| guard.at_end(end))?;
    let mut report = Report::new(settings, engine.name(), rows, in_ms(query));
    live.say(&report.introduction());
    if engine.fault().is_none() {
        live.say("The server was running already, so it is not stopped in the last phase.\n");
    }
    let mut course = Course { fleet, engine, settings, guard, live: &mut live };
    course.get_ready()?;
    course.live.headings();
    for plan in PLANS {
        let record = course.run(plan)?;
        report.add(record.result(plan, settings));
    }
    Ok(report)
}

fn tell(report: &Report, settings: &Settings) -> Result<()> {
    if let Some(path) = &settings.svg {
        let svg = svg::draw(report).context("cannot draw the picture")?;
        fs::write(path, svg)
            .with_context(|| format!("cannot write the picture to {}", path.display()))?;
    }
    let mut out = io::stdout().lock();
    let printed = match settings.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(report)?),
        false => writeln!(out, "\n{report}"),
    };
    printed.context("cannot print the result")?;
    ensure!(report.wrong == 0, "{} of the answers were wrong", report.wrong);
    ensure!(report.over_age == 0, "{} of the answers were over age", report.over_age);
    ensure!(report.failed == 0, "{} of the calls failed", report.failed);
    Ok(())
}

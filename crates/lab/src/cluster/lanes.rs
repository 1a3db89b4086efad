//! The scenarios, and the work of their lanes.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::crowd::Crowd;
use super::engine::{Engine, Kind};
use super::talk::{Job, Way};
use super::{FUNCTION, PAUSE, WINDOW, foreign, single, steps};
use crate::options::Size;
use crate::raw::Line;

/// The lanes of the library over an engine.
pub const REDIS: &str = "Redis";
pub const POSTGRES: &str = "PostgreSQL";
pub const FILES: &str = "files";

/// The commands of the client that do the least for the same.
pub const CLIENT: &str = "GET, SET";

/// The lanes that are compared with them.
pub const OFF: &str = "no sharing";
pub const LOCAL: &str = "local only";
pub const ASIDE: &str = "cache-aside";
pub const LOCK_100: &str = "lock, 100 ms";
pub const LOCK_5: &str = "lock, 5 ms";
pub const RSLOCK: &str = "rslock";
pub const DOGPILE: &str = "dogpile.cache";
pub const RUEIDISASIDE: &str = "rueidisaside";

/// The function of a leader that is to be killed in it.
const LONG_FUNCTION: Duration = Duration::from_millis(50);

/// The window in which the processes hold what is forgotten.
const LONG_WINDOW: Duration = Duration::from_secs(60);

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name in raw lines and on the command line.
    pub name: &'static str,
    pub lanes: &'static [&'static str],
    rounds: usize,
    question: Question,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Question {
    /// All callers of all processes, with so many keys.
    Crowd {
        keys: u64,
    },
    /// A lead with an empty function.
    Lead,
    /// A result of another process.
    Served,
    Forget,
    /// The leader is killed.
    Kill,
    /// The engine is killed, or stopped.
    Outage {
        is_frozen: bool,
    },
    /// The time of the steps in the server.
    Steps,
}

const HOT: &[&str] =
    &[OFF, LOCAL, ASIDE, LOCK_100, LOCK_5, RSLOCK, DOGPILE, RUEIDISASIDE, REDIS, POSTGRES, FILES];
const ZIPF: &[&str] = &[LOCAL, ASIDE, LOCK_5, REDIS, POSTGRES, FILES];
const SINGLE: &[&str] = &[CLIENT, REDIS, POSTGRES, FILES];
const ENGINES: &[&str] = &[REDIS, POSTGRES, FILES];
const KILLED: &[&str] = &[LOCAL, ASIDE, REDIS, POSTGRES, FILES];
const FROZEN: &[&str] = &[LOCAL, ASIDE, REDIS, POSTGRES];

/// All scenarios, in the order in which they run.
pub const ALL: [Scenario; 9] = [
    scenario("hot", HOT, 3, Question::Crowd { keys: 1 }),
    scenario("zipf", ZIPF, 3, Question::Crowd { keys: 200 }),
    scenario("lead", SINGLE, 5, Question::Lead),
    scenario("served", SINGLE, 5, Question::Served),
    scenario("forget", ENGINES, 3, Question::Forget),
    scenario("kill", ENGINES, 4, Question::Kill),
    scenario("killed", KILLED, 3, Question::Outage { is_frozen: false }),
    scenario("frozen", FROZEN, 3, Question::Outage { is_frozen: true }),
    scenario("steps", &[REDIS], 1, Question::Steps),
];

const fn scenario(
    name: &'static str,
    lanes: &'static [&'static str],
    rounds: usize,
    question: Question,
) -> Scenario {
    Scenario { name, lanes, rounds, question }
}

/// Runs a lane in this process, with workers where it needs them; no lines if it cannot be had here.
///
/// # Errors
///
/// If there is no such scenario, or the lane fails.
pub(crate) fn lane(scenario: &str, lane: &str, size: Size) -> Result<Vec<Line>> {
    let found = ALL.iter().find(|one| one.name == scenario);
    let scenario = found.with_context(|| format!("no scenario {scenario}"))?;
    let Some(mut engine) = Engine::start(engine_of(lane)?)? else { return Ok(Vec::new()) };
    match scenario.question {
        Question::Crowd { keys } => crowd(lane, &engine, keys, size),
        Question::Lead if lane == CLIENT => single::get_and_set(&engine.address(), size),
        Question::Lead => single::lead(&engine.address(), size),
        Question::Served if lane == CLIENT => single::get(&engine.address(), size),
        Question::Served => single::served(&engine.address(), size),
        Question::Forget => forget(lane, &engine, size),
        Question::Kill => kill(lane, &engine, size),
        Question::Outage { is_frozen } => outage(lane, &mut engine, is_frozen, size),
        Question::Steps => match &engine {
            Engine::Redis { server, url } => steps::measure(server, url, size),
            _ => bail!("only a Redis server counts the time of its commands"),
        },
    }
}

impl Scenario {
    /// True if peers of other languages take part.
    pub(super) fn has_peers(&self) -> bool {
        self.lanes.contains(&DOGPILE)
    }

    pub(super) fn rounds(&self, size: Size) -> usize {
        size.pick(self.rounds, 1, 1)
    }
}

fn engine_of(lane: &str) -> Result<Kind> {
    Ok(match lane {
        OFF | LOCAL => Kind::Nothing,
        POSTGRES => Kind::Postgres,
        FILES => Kind::Files,
        REDIS | CLIENT | ASIDE | LOCK_100 | LOCK_5 | RSLOCK | DOGPILE | RUEIDISASIDE => Kind::Redis,
        _ => bail!("no lane {lane}"),
    })
}

fn way_of(lane: &str) -> Result<Way> {
    Ok(match lane {
        OFF => Way::Off,
        LOCAL => Way::Local,
        ASIDE => Way::Aside,
        LOCK_100 => Way::Lock { poll: Duration::from_millis(100) },
        LOCK_5 => Way::Lock { poll: Duration::from_millis(5) },
        RSLOCK => Way::Rslock,
        REDIS | POSTGRES | FILES => Way::Shared,
        _ => bail!("the lane {lane} has no workers"),
    })
}

/// How many processes, and threads of each.
fn many(size: Size) -> (usize, usize) {
    size.pick((8, 8), (8, 8), (2, 2))
}

fn length(size: Size) -> Duration {
    Duration::from_millis(size.pick(2500, 1200, 400))
}

fn job(lane: &str, engine: &Engine, size: Size) -> Result<Job> {
    Ok(Job {
        way: way_of(lane)?,
        address: engine.address(),
        threads: many(size).1,
        keys: 1,
        window: WINDOW,
        pause: PAUSE,
        function: FUNCTION,
        tells: false,
    })
}

fn crowd(lane: &str, engine: &Engine, keys: u64, size: Size) -> Result<Vec<Line>> {
    match lane {
        DOGPILE => return foreign::measure_dogpile(&engine.address(), many(size), size),
        RUEIDISASIDE => return foreign::measure_rueidisaside(&engine.address(), many(size), size),
        _ => {}
    }
    let crowd = Crowd::start(many(size).0, &Job { keys, ..job(lane, engine, size)? })?;
    let seen = crowd.run(length(size), None)?;
    say_failure(lane, seen.failure.as_deref());
    Ok(seen.figures(WINDOW))
}

/// All processes hold a result, and one forgets it, in turn.
fn forget(lane: &str, engine: &Engine, size: Size) -> Result<Vec<Line>> {
    let (processes, _) = many(size);
    let times = size.pick(200, 50, 3);
    let (window, function) = (LONG_WINDOW, Duration::ZERO);
    let job = Job { threads: 1, window, function, ..job(lane, engine, size)? };
    let crowd = Crowd::start(processes, &job)?;
    let (mut lines, mut stale, mut unreached) = (Vec::new(), 0, 0);
    crowd.hold()?;
    for turn in 0..times {
        let (entered, took, everywhere) = crowd.forget(turn % processes)?;
        lines.push(Line::figure("forget_ms", super::clock::ms(took)));
        unreached += u32::from(!everywhere);
        // Nobody has what was there when the call began, and all hold the next one.
        stale += crowd.hold()?.iter().filter(|answer| answer.began < entered).count();
    }
    lines.push(Line::figure("wrong", stale as f64));
    lines.push(Line::figure("unreached", f64::from(unreached)));
    Ok(lines)
}

fn kill(lane: &str, engine: &Engine, size: Size) -> Result<Vec<Line>> {
    let job = Job { function: LONG_FUNCTION, tells: true, ..job(lane, engine, size)? };
    let crowd = Crowd::start(many(size).0, &job)?;
    let takeovers = crowd.kill_leaders(size.pick(25, 5, 2))?;
    let line = |took| Line::figure("takeover_ms", super::clock::ms(took));
    Ok(takeovers.into_iter().map(line).collect())
}

/// The engine goes after a third of the time, and does not come back.
fn outage(lane: &str, engine: &mut Engine, is_frozen: bool, size: Size) -> Result<Vec<Line>> {
    let after = length(size) / 3;
    // Everybody has noticed the fault half a second after it.
    let length = length(size) + Duration::from_millis(500);
    let crowd = Crowd::start(many(size).0, &job(lane, engine, size)?)?;
    let mut act = || if is_frozen { engine.freeze() } else { engine.kill() };
    let seen = crowd.run(length, Some((after, &mut act)))?;
    say_failure(lane, seen.failure.as_deref());
    Ok(seen.outage(WINDOW, FUNCTION, seen.fault.context("the fault was not made")?))
}

/// A call that failed is counted. Its error is for whoever looks for the reason.
fn say_failure(lane: &str, failure: Option<&str>) {
    if let Some(failure) = failure {
        eprintln!("{lane}: a call failed: {failure}");
    }
}

//! `lab cluster`: coalescing over several processes, beside what others do for the same.
//!
//! A lane has a server of its own, and workers, which are processes of this program. All times are of the one clock
//! that the processes of a host share. The lane judges what the workers saw: `judge`, `fleet`, `clock` and `pipe` are
//! those of the demo.

mod crowd;
mod engine;
mod foreign;
mod lanes;
mod locks;
mod picture;
pub mod rows;
mod seen;
mod single;
mod steps;
mod table;
mod talk;
mod way;
mod worker;

#[allow(dead_code, reason = "the demo uses the rest")]
#[path = "../../../../examples/stampede/src/processes/clock.rs"]
mod clock;
#[allow(dead_code, reason = "the demo uses the rest")]
#[path = "../../../../examples/stampede/src/processes/fleet.rs"]
mod fleet;
#[path = "../../../../examples/stampede/src/processes/judge.rs"]
mod judge;
#[path = "../../../../examples/stampede/src/processes/pipe.rs"]
mod pipe;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../../../tests/support/postgres_server.rs"]
mod postgres_server;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../../../tests/support/servers.rs"]
mod servers;

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use self::foreign::Foreign;
use crate::machine::version;
use crate::options::Options;
use crate::run::{self, Kind, Lane, Plan};

pub use self::lanes::ALL;
pub(crate) use self::lanes::lane;
pub(crate) use self::worker::worker;

/// The window of all lanes with several processes.
const WINDOW: Duration = Duration::from_millis(100);

/// How long the function takes there.
const FUNCTION: Duration = Duration::from_millis(10);

/// The pause of a caller after each answer.
const PAUSE: Duration = Duration::from_millis(2);

/// Measures, or reads what was measured, and shows it.
///
/// # Errors
///
/// If a lane fails or hangs, since a table without it would not say so.
pub fn main(options: &Options) -> Result<()> {
    let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
    if options.list {
        println!("scenarios: {}\nlanes: {}", names.join(", "), rows::COLUMNS.join(", "));
        return Ok(());
    }
    let measures = options.from.is_empty();
    let wants_peers = measures && ALL.iter().any(|it| it.has_peers() && options.wants(it.name));
    let foreign = wants_peers.then(Foreign::find).transpose()?;
    let size = options.size();
    let command = |scenario: &str, lane: &str| {
        let mut command = Lane::command(Kind::Cluster, scenario, lane, size)?;
        if let Some(foreign) = &foreign {
            foreign.tell(&mut command);
        }
        Ok(Some(command))
    };
    let plans = ALL.iter().map(|scenario| Plan {
        scenario: scenario.name,
        lanes: scenario.lanes.to_vec(),
        rounds: scenario.rounds(size),
    });
    let facts = if measures { facts(foreign.as_ref()) } else { Vec::new() };
    let raw = run::raw(Kind::Cluster, options, plans.collect(), &facts, command)?;
    let parts = table::parts(&raw);
    parts.iter().for_each(|(_, part)| println!("{part}"));
    let picture = ("cluster.svg".to_owned(), picture::draw(&raw)?);
    run::show(Kind::Cluster, options, &raw, &names, &parts, &[picture])
}

/// The versions of servers and clients, and the peers that are left out.
fn facts(foreign: Option<&Foreign>) -> Vec<(&'static str, String)> {
    let clients = ["redis", "tokio-postgres", "rslock"];
    let clients = clients.map(|name| format!("{name} {}", version(name))).join(", ");
    let servers = ["redis-server", "postgres"].map(said_by).join("; ");
    let mut facts = vec![("clients", clients), ("servers", servers)];
    if let Some(foreign) = foreign {
        let said = |name, found: &Result<String, String>| match found {
            Ok(what) => what.clone(),
            Err(why) => format!("{name} is left out ({why})"),
        };
        facts.push(("dogpile", said(lanes::DOGPILE, &foreign.dogpile)));
        facts.push(("rueidisaside", said(lanes::RUEIDISASIDE, &foreign.rueidisaside)));
    }
    facts
}

/// The first line of what a server says of its version.
fn said_by(server: &str) -> String {
    let output = Command::new(server).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text.ok().and_then(|text| text.lines().next().map(str::to_owned));
    line.map_or_else(|| format!("{server} of an unknown version"), |line| shorten(&line))
}

/// The words up to the version: the rest is how it was built.
fn shorten(line: &str) -> String {
    let has_digit = |word: &&str| word.contains(|letter: char| letter.is_ascii_digit());
    let words = line.split_whitespace();
    let count = words.clone().position(|word| has_digit(&word)).map_or(1, |at| at + 1);
    words.take(count).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn the_version_of_a_server_is_told_without_its_build() {
        assert_eq!(shorten("Redis server v=7.0.15 sha=0:0 malloc=j"), "Redis server v=7.0.15");
        assert_eq!(shorten("postgres (PostgreSQL) 15.18 (Debian)"), "postgres (PostgreSQL) 15.18");
        assert_eq!(shorten("odd"), "odd");
    }
}

//! `lab http`: 500 clients of one page that takes 50 ms, through nginx, through the layer, and without coalescing.
//!
//! A **scenario** is a load, and each of its lanes is one way to serve it, in a process of its own, as in `compare`. Each
//! client has a connection that is kept. All of a lane is on this machine: clients, nginx and server share its processors.

mod backend;
mod clients;
mod rows;
mod servers;
mod table;

use anyhow::Result;

use self::backend::Backend;
use self::clients::{Crowd, Load};
use self::servers::Running;
use crate::options::{Options, Size};
use crate::raw::Line;
use crate::run::{self, Kind, Lane, Plan};

/// The figures of a lane, by their names.
type Figures = Vec<(&'static str, f64)>;

/// One client, without coalescing: the least time of a request.
const FLOOR: &str = "one client";
/// The server without a layer.
const PLAIN: &str = "no coalescing";
/// nginx with `proxy_cache_lock`, in front of that server.
const NGINX: &str = "nginx";
/// The same server with the layer.
const LAYER: &str = "coalescer-http";

/// nginx, with a page that may be served stale while one request makes it anew.
const NGINX_STALE: &str = "nginx, stale";
/// The layer, with such a page.
const LAYER_STALE: &str = "coalescer-http, stale";

const ONCE: &[&str] = &[FLOOR, PLAIN, NGINX, LAYER];
const AGAIN: &[&str] = &[FLOOR, PLAIN, NGINX, LAYER, NGINX_STALE, LAYER_STALE];

/// A load.
struct Scenario {
    name: &'static str,
    lanes: &'static [&'static str],
    /// So many runs of the page's handler go on at a time; the others wait for a connection.
    connections: Option<usize>,
    load: Load,
}

const ALL: [Scenario; 3] = [
    Scenario { name: "burst", lanes: ONCE, connections: None, load: Load::Burst },
    Scenario { name: "burst-20", lanes: ONCE, connections: Some(20), load: Load::Burst },
    Scenario { name: "busy", lanes: AGAIN, connections: None, load: Load::Busy },
];

/// Measures, or reads what was measured, and shows it.
///
/// # Errors
///
/// If a lane fails or hangs, or something cannot be written.
pub fn main(options: &Options) -> Result<()> {
    if options.list {
        ALL.iter()
            .for_each(|scenario| println!("{}: {}", scenario.name, scenario.lanes.join(", ")));
        return Ok(());
    }
    let size = options.size();
    let facts = [("nginx", servers::version())];
    let plan = |scenario: &Scenario| Plan {
        scenario: scenario.name,
        lanes: scenario.lanes.to_vec(),
        rounds: size.pick(5, 3, 1),
    };
    let plans = ALL.iter().map(plan).collect();
    let command = |name: &str, lane: &str| Lane::command(Kind::Http, name, lane, size).map(Some);
    let raw = run::raw(Kind::Http, options, plans, &facts, command)?;
    let parts = table::parts(&raw);
    parts.iter().for_each(|(_, part)| println!("{part}"));
    let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
    run::show(Kind::Http, options, &raw, &names, &parts, &[])
}

/// Runs a lane in this process; no figures if its server is not installed.
///
/// # Errors
///
/// If there is no such scenario, or a server cannot be started.
pub fn lane(scenario: &str, lane: &str, size: Size) -> Result<Vec<Line>> {
    let found = ALL.iter().find(|one| one.name == scenario);
    let found = found.ok_or_else(|| anyhow::anyhow!("no scenario {scenario}; see --list"))?;
    let is_stale = [NGINX_STALE, LAYER_STALE].contains(&lane);
    let backend = Backend::new(found.connections, is_stale);
    let Some(server) = Running::start(lane, &backend)? else { return Ok(Vec::new()) };
    let clients = if lane == FLOOR { 1 } else { size.pick(500, 500, 20) };
    let mut crowd = Crowd::connect(server.address(), clients)?;
    let figures = crowd.measure(found.load, &backend, size);
    Ok(figures.into_iter().map(|(name, value)| Line::figure(name, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::servers::nginx_server::Program;

    #[test]
    fn every_lane_has_the_figures_of_its_rows_and_a_burst_is_one_run_where_it_is_coalesced() {
        let has_nginx = Program::find().is_some();
        for scenario in &ALL {
            let is_nginx = |lane: &str| [NGINX, NGINX_STALE].contains(&lane);
            for name in scenario.lanes.iter().filter(|lane| has_nginx || !is_nginx(lane)) {
                let lines = lane(scenario.name, name, Size::Tiny).expect("there is this scenario");
                let figure = |name: &str| {
                    lines.iter().find(|line| line.figure == name).map(|line| line.value)
                };
                for row in rows::ALL.iter().filter(|row| row.scenario == scenario.name) {
                    let value = figure(row.figure).expect("each row has a figure of each lane");
                    assert!(value.is_finite() && value >= 0.0, "{}: {value}", row.figure);
                }
                let expected = match (*name, scenario.load) {
                    (PLAIN, Load::Burst) => 20.0,
                    (_, Load::Burst) => 1.0,
                    (_, Load::Busy) => continue,
                };
                assert_eq!(figure("runs"), Some(expected), "{} {name}", scenario.name);
            }
        }
    }

    #[test]
    fn what_is_not_there_is_said() {
        let error = lane("nothing", LAYER, Size::Tiny).expect_err("there is no such scenario");
        assert!(error.to_string().contains("--list"));
    }
}

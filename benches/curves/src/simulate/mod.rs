//! Simulations: what the shapes of the design make of more cores and threads than there are here.
//!
//! They are models with stated costs, not measurements, and the page that shows them says so. Each
//! leaves out what it does not name: caches, the scheduler's moods, other work.

mod line;
mod wake;

use crate::report::markdown;
use crate::units::Unit;

use line::{Station, calls_a_second};
use wake::{Costs, Waked, Waking};

/// What the page takes, by name.
pub(crate) fn parts() -> Vec<(String, String)> {
    let parts = [
        ("simulated herd", herds()),
        ("simulated wake costs", wake_costs()),
        ("simulated hot key", hot_key()),
        ("simulated shards", shards()),
    ];
    parts.map(|(name, table)| (name.to_string(), table)).to_vec()
}

/// All of it, for a terminal.
pub(crate) fn all() -> String {
    parts().into_iter().map(|(name, table)| format!("## {name}\n\n{table}\n")).collect()
}

fn row<const N: usize>(cells: [String; N]) -> Vec<String> {
    cells.to_vec()
}

fn time(value: f64) -> String {
    Unit::Time.write(value)
}

fn count(value: usize) -> String {
    Unit::Count.write(value as f64)
}

/// Herds on machines of several sizes, woken in three ways.
fn herds() -> String {
    let header = [
        "followers",
        "cores",
        "broadcast: last back",
        "leader back",
        "together: last back",
        "leader back",
        "cascade of two: last back",
        "leader back",
        "depth",
    ];
    let sizes = [1000, 10_000, 100_000].into_iter();
    let sizes = sizes.flat_map(|followers| [2, 16, 64].map(|cores| (followers, cores)));
    let rows = sizes.map(|(followers, cores)| {
        let wake = |by| wake::simulate(followers, cores, by, &Costs::USUAL);
        let [broadcast, together, cascade] =
            [Waking::Broadcast, Waking::Together, Waking::Cascade(2)].map(wake);
        row([
            count(followers),
            cores.to_string(),
            time(broadcast.last),
            time(broadcast.leader),
            time(together.last),
            time(together.leader),
            time(cascade.last),
            time(cascade.leader),
            cascade.depth.to_string(),
        ])
    });
    markdown(row(header.map(str::to_string)), rows)
}

/// One herd on one machine, with other costs of waking.
fn wake_costs() -> String {
    let header = ["a notification", "under the lock", "together", "cascade of two", "of eight"];
    let costs = [(500.0, 100.0), (1e3, 100.0), (2e3, 100.0), (2e3, 1000.0), (8e3, 100.0)];
    let rows = costs.map(|(notify, locked)| {
        let costs = Costs { notify, locked, ..Costs::USUAL };
        let wake = |by| wake::simulate(10_000, 64, by, &costs);
        let last = |by| -> String { time(Waked::last(wake(by))) };
        row([
            time(notify),
            time(locked),
            last(Waking::Together),
            last(Waking::Cascade(2)),
            last(Waking::Cascade(8)),
        ])
    });
    markdown(row(header.map(str::to_string)), rows)
}

/// What a late hit does besides waiting for lines, in nanoseconds.
const HIT: f64 = 20.0;

/// How long a cache line takes from one core to another: as two cores come out here with a bare
/// `Arc`, where each writes several times before the line goes; for cores that are near to each other;
/// and between the parts of a processor (median latencies, github.com/nviennot/core-to-core-latency).
const TRANSFERS: [f64; 3] = [7.0, 25.0, 110.0];

/// A table of many keys, whose lines are seldom twice in the same core.
const FAR: f64 = 50.0;

/// The lines that a hit of a hot key takes from the core that had them before: the one with the lock
/// and the counters, and under the lock the `Arc`'s. That is taken once more when it is dropped.
const UNDER_THE_LOCK: f64 = 2.0;

const CORES: [usize; 6] = [1, 2, 8, 16, 64, 128];

/// Late hits of one key on machines of several sizes.
fn hot_key() -> String {
    let cost = |name: &str| TRANSFERS.map(|transfer| format!("{name}, {}", time(transfer)));
    let headers = [cost("lock and `Arc`"), cost("bare `Arc`")].concat();
    let header = ["cores".to_string()].into_iter().chain(headers).chain(["own handle".into()]);
    let rows = CORES.map(|cores| {
        // A line comes from another core unless this one was the last to have it.
        let moved = |lines: f64, transfer: f64| lines * transfer * (1.0 - 1.0 / cores as f64);
        let lock = |transfer| {
            let lock = Station::single(HIT / 2.0 + moved(UNDER_THE_LOCK, transfer));
            let arc = Station::single(HIT / 4.0 + moved(1.0, transfer));
            calls_a_second(cores, HIT / 4.0, &[lock, arc])
        };
        let arc = |transfer| {
            let twice = Station::single(2.0 * (HIT / 4.0 + moved(1.0, transfer)));
            calls_a_second(cores, 0.0, &[twice])
        };
        let own = calls_a_second(cores, HIT, &[]);
        let rates = TRANSFERS.map(lock).into_iter().chain(TRANSFERS.map(arc)).chain([own]);
        let rates = rates.map(|rate| Unit::PerSecond.write(rate));
        [cores.to_string()].into_iter().chain(rates).collect()
    });
    markdown(header.collect(), rows)
}

/// Leads and hits of many keys: how much the shards' locks leave of what the cores could do.
fn shards() -> String {
    const SHARDS: [usize; 4] = [16, 64, 256, 1024];
    // Half of a call under the lock, and two lines that another core had before.
    const CALL: f64 = 100.0;
    let locked = CALL / 2.0 + 2.0 * FAR;
    let header = SHARDS.map(|shards| format!("{shards} shards"));
    let header = ["cores".to_string()].into_iter().chain(header);
    let rows = CORES.map(|cores| {
        let alone = calls_a_second(1, CALL / 2.0 + locked, &[]) * cores as f64;
        let share = |shards| {
            let stations = [Station { service: locked, copies: shards }];
            calls_a_second(cores, CALL / 2.0, &stations) / alone
        };
        let shares = SHARDS.map(|shards| format!("{:.0} %", 100.0 * share(shards)));
        [cores.to_string()].into_iter().chain(shares).collect()
    });
    markdown(header.collect(), rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_a_table_with_a_row_for_each_size() {
        let parts = parts();
        let rows = |name: &str| {
            let part = parts.iter().find(|part| part.0 == name).expect("it is a part");
            part.1.lines().count() - 2
        };
        assert_eq!(rows("simulated herd"), 9);
        assert_eq!(rows("simulated hot key"), CORES.len());
        assert_eq!(rows("simulated shards"), CORES.len());
    }
}

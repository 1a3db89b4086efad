//! The conditions of a run: machine, versions, date, commit, and the load of other programs.

use std::fs;
use std::process::Command;
use std::thread;

use crate::memory;
use crate::raw::Raw;
use crate::units::Unit;

pub fn note(raw: &mut Raw) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    raw.note("machine", &machine());
    raw.note("system", &format!("Linux {}", release.trim().split('-').next().unwrap_or_default()));
    raw.note("compiler", &said_by("rustc", &["--version"]));
    raw.note("date", &said_by("date", &["-u", "+%Y-%m-%d"]));
    raw.note("commit", &commit());
    raw.note("peers", &versions());
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(": ")).map_or("unknown", |(_, name)| name);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let memory = memory::of_the_machine().map_or("unknown".into(), |it| Unit::Bytes.write(it));
    format!("{cores} x {model}, {memory}")
}

/// The commit, with a note if the library differs from it.
fn commit() -> String {
    let commit = said_by("git", &["rev-parse", "--short=10", "HEAD"]);
    let changes = ["status", "--porcelain", "--untracked-files=no", "--", "src", "Cargo.lock"];
    let is_changed = !["", "unknown"].contains(&said_by("git", &changes).as_str());
    if is_changed { format!("{commit} with changes") } else { commit }
}

/// The versions of the other crates.
fn versions() -> String {
    let names = ["moka", "quick_cache", "dashmap", "singleflight", "cached"];
    names.map(|name| format!("{name} {}", version(name))).join(", ")
}

/// The version of a crate, as Cargo's lock file has it.
pub fn version(name: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let rest = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or("?")
}

/// The output of a command that is run in the repository.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(crate::page::root()).output();
    let output = output.ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}

/// The processor time that had been used by some instant, in the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// By any program, and in all, idle or not.
    busy: f64,
    all: f64,
    /// By this process and the children that it has waited for.
    own: f64,
}

impl Used {
    pub fn now() -> Option<Self> {
        let machine = fs::read_to_string("/proc/stat").ok()?;
        Self::read(&machine, &fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn read(machine: &str, own: &str) -> Option<Self> {
        let sum = |text: &str, skip, take| -> Option<Vec<f64>> {
            text.split_whitespace().skip(skip).take(take).map(|field| field.parse().ok()).collect()
        };
        // User, nice, system, idle, waiting for input, interrupts, soft interrupts, stolen.
        let ticks = sum(machine.lines().next()?.strip_prefix("cpu ")?, 0, 8)?;
        let all: f64 = ticks.iter().sum();
        // The name stands in parentheses and may contain any; the state and 10 others follow.
        let own = sum(own.rsplit_once(") ")?.1, 11, 4)?.iter().sum();
        Some(Self { busy: all - ticks.get(3)? - ticks.get(4)?, all, own })
    }

    /// The share of the machine that other programs have used since then, in per cent.
    pub fn by_others_since(self, before: Self) -> f64 {
        let others = (self.busy - before.busy) - (self.own - before.own);
        100.0 * (others / (self.all - before.all).max(1.0)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        assert!(!versions().contains('?'), "{}", versions());
    }

    #[test]
    fn others_used_what_was_neither_idle_nor_ours() {
        let own = |ticks| format!("7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 20 0 1 0");
        let machine = |busy, idle| format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1\n");
        let before = Used::read(&machine(100, 900), &own("1 2 3 4")).expect("it is well formed");
        let after = Used::read(&machine(150, 950), &own("11 12 13 4")).expect("it is well formed");
        assert_eq!((before.own, after.own), (10.0, 40.0));
        assert!((after.by_others_since(before) - 20.0).abs() < 1e-9);
        assert!(Used::now().is_some_and(|now| now.busy >= now.own && now.all >= now.busy));
    }
}

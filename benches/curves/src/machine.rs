//! What the figures hang on: the machine, the compiler, the commit and the day.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::memory;
use crate::units::Unit;

/// Everything that a reader must know of a run, by name.
pub(crate) fn facts() -> Vec<(String, String)> {
    let facts = [
        ("machine", machine()),
        ("system", system()),
        ("compiler", said_by("rustc", &["--version"])),
        ("commit", commit()),
        ("date", today()),
    ];
    facts.map(|(name, value)| (name.to_string(), value)).to_vec()
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = text.lines().filter_map(|line| line.strip_prefix("model name"));
    let name = names.filter_map(|rest| rest.split_once(": ")).map(|(_, name)| name).next();
    let memory = memory::of_the_machine().map(|bytes| format!(", {}", Unit::Bytes.write(bytes)));
    format!("{cores} x {}{}", name.unwrap_or("unknown"), memory.unwrap_or_default())
}

fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().split('-').next().unwrap_or_default();
    let name = std::env::consts::OS;
    format!("{name} {release}").trim().to_string()
}

/// The commit that is checked out, and whether something differs from it.
fn commit() -> String {
    let hash = said_by("git", &["rev-parse", "--short=9", "HEAD"]);
    let changed = Command::new("git")
        .args(["status", "--porcelain", "--untracked-files=no", "--", "src", "Cargo.lock"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output();
    let is_changed = changed.is_ok_and(|output| !output.stdout.is_empty());
    if is_changed { format!("{hash} with changes") } else { hash }
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let said = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|output| output.status.success());
    said.map_or("unknown".to_string(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    })
}

fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(since.as_secs() / 86_400)
}

/// The day that is so many days after the first of 1970.
fn date(days: u64) -> String {
    let (mut year, mut left) = (1970, days);
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= months[month] {
        left -= months[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, left + 1)
}

fn length(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if is_leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, text) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_819, "2027-01-01"),
            (20_818, "2026-12-31"),
        ] {
            assert_eq!(date(days), text);
        }
    }
}

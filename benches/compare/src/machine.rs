//! Under what conditions a run was made.

use std::fs;
use std::process::Command;
use std::thread;

use crate::raw::Raw;

/// Notes machine, versions, date and commit.
pub fn note(raw: &mut Raw) {
    raw.note("cpu", &cpu());
    raw.note("kernel", &or_unknown(fs::read_to_string("/proc/sys/kernel/osrelease").ok()));
    raw.note("rustc", &or_unknown(output("rustc", &["--version"])));
    raw.note("date", &or_unknown(output("date", &["-u", "+%Y-%m-%d"])));
    raw.note("commit", &commit());
    raw.note("peers", &versions());
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(": ")).map(|(_, model)| model.to_owned());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", or_unknown(model))
}

/// The commit, and whether the tree differs from it.
fn commit() -> String {
    let commit = or_unknown(output("git", &["rev-parse", "--short=10", "HEAD"]));
    let changes = output("git", &["status", "--porcelain", "--untracked-files=no", "src"]);
    let is_changed = changes.is_some_and(|changes| !changes.is_empty());
    if is_changed { format!("{commit} with changes") } else { commit }
}

/// The versions of the peers, as Cargo's lock file has them.
fn versions() -> String {
    let peers = ["moka", "quick_cache", "dashmap", "singleflight", "cached"];
    let lock = include_str!("../../../Cargo.lock");
    let version = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        rest.split('"').next().map(|version| format!("{name} {version}"))
    };
    peers.into_iter().filter_map(version).collect::<Vec<_>>().join(", ")
}

fn or_unknown(text: Option<String>) -> String {
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// What a command prints, run in the repository.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        assert_eq!(versions().split(", ").count(), 5);
    }
}

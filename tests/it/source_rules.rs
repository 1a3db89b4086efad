//! Rules about the sources that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

/// Names that belong to `src/sync.rs` alone, so that the models check the code that ships.
const ONLY_IN_SYNC: [&str; 8] = [
    "parking_lot",
    "loom",
    "shuttle",
    "std::thread",
    "thread_local!",
    "Instant::now",
    "SystemTime",
    ".elapsed()",
];

/// Names of waiting without being woken. Followers are woken by a push (S46).
const NOWHERE: [&str; 4] = ["sleep", "yield_now", "spin_loop", "park_timeout"];

#[test]
fn only_sync_rs_names_locks_atomics_threads_and_clocks() {
    let mut found = Vec::new();
    for path in sources() {
        let source = fs::read_to_string(&path).unwrap();
        let is_sync = path.ends_with("sync.rs");
        for (number, line) in shipped_lines(&source) {
            if let Some(what) = violation(line, is_sync) {
                found.push(format!("{}:{number} names {what}: {line}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_rule_finds_what_it_forbids_and_lets_the_rest_be() {
    let forbidden = [
        "use std::sync::Mutex;",
        "use std::sync::{Arc, Condvar};",
        "use std::sync::atomic::AtomicU64;",
        "static N: std::sync::OnceLock<u8> = f();",
        "use std::{sync::Mutex, fmt};",
        "let now = Instant::now();",
        "std::thread::current()",
        "thread_local! {",
        "use parking_lot::Mutex;",
        "#[cfg(loom)]",
        "sleep(d)",
    ];
    for line in forbidden {
        assert!(violation(line, false).is_some(), "{line}");
    }
    let allowed = ["use std::sync::Arc;", "use std::sync::Arc as StdArc;", "let bloom = 1;"];
    for line in allowed {
        assert!(violation(line, false).is_none(), "{line}");
    }
    let source = "a\n/// loom\nb // loom\n#[cfg(test)]\nmod tests {\n{ loom }\n}\nc\n";
    let lines: Vec<_> = shipped_lines(source).into_iter().map(|(_, line)| line.trim()).collect();
    assert_eq!(lines, ["a", "", "b", "c"]);
}

fn sources() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None if path.is_dir() => folders.push(path),
                Some(extension) if extension == "rs" => sources.push(path),
                _ => {}
            }
        }
    }
    assert!(sources.len() > 10, "the sources have moved");
    sources
}

/// The lines with their numbers, without comments and without what only tests are built with.
fn shipped_lines(source: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut source = (1..).zip(source.lines());
    while let Some((number, line)) = source.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut source);
            continue;
        }
        let code = line.split("//").next().unwrap_or_default();
        lines.push((number, code));
    }
    lines
}

/// Skips one item: up to the brace that closes it, or to a semicolon before any brace.
fn skip_item<'s>(lines: &mut impl Iterator<Item = (usize, &'s str)>) {
    let mut depth = 0;
    for (_, line) in lines {
        depth += line.matches('{').count();
        depth -= line.matches('}').count();
        if depth == 0 && (line.contains('}') || line.contains(';')) {
            return;
        }
    }
}

fn violation(line: &str, is_sync: bool) -> Option<&'static str> {
    if let Some(name) = NOWHERE.into_iter().find(|name| has_word(line, name)) {
        return Some(name);
    }
    if is_sync {
        return None;
    }
    let named = ONLY_IN_SYNC.into_iter().find(|name| has_word(line, name));
    named.or_else(|| names_std_sync(line).then_some("std::sync"))
}

/// Whether the line names anything of `std::sync` except `Arc` and its `Weak`.
fn names_std_sync(line: &str) -> bool {
    let own = line.replace("crate::sync::", "").replace("use crate::sync;", "");
    let mut uses = own.match_indices("sync::").map(|(at, name)| &own[at + name.len()..]);
    uses.any(|used| {
        let name: String = used.chars().take_while(|c| c.is_alphanumeric()).collect();
        name != "Arc" && name != "Weak"
    })
}

/// Whether `name` stands in the line, and not as a part of a longer word.
fn has_word(line: &str, name: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        let starts = name.starts_with(in_word) && before.is_some_and(in_word);
        let ends = name.ends_with(in_word) && after.is_some_and(in_word);
        !starts && !ends
    })
}

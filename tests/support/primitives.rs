//! A rule about the sources of an engine's crate that no compiler checks: only its module `sync` names locks,
//! atomics, threads and clocks. (The library's own rules are stricter, and stand in its `house_rules`.)

use std::fs;
use std::path::Path;

const ONLY_IN_SYNC: [&str; 11] = [
    "parking_lot",
    "use nix",
    "redis::r2d2",
    "tokio::",
    "std::thread",
    "std::sync::",
    "Instant::now",
    ".elapsed(",
    "SystemTime",
    "thread_local",
    "sleep(",
];

/// Looks through the sources of the crate whose test this is, which are more than so many files.
pub(crate) fn only_sync_names_them(files_at_least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = 0;
    let mut offences = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let is_sync = name.starts_with("sync/") || name == "sync.rs";
            if path.is_dir() {
                folders.push(path);
            } else if !is_sync && !name.ends_with("tests.rs") {
                files += 1;
                offences.extend(found(&name, &fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(files >= files_at_least, "the sources have moved: {files} files");
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

fn found(name: &str, text: &str) -> Vec<String> {
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let named = code.flat_map(|(number, line)| {
        // They neither wait nor order anything.
        let line = line.replace("std::sync::Arc", "").replace("std::sync::{Arc, Weak}", "");
        let words = ONLY_IN_SYNC.into_iter().filter(move |word| line.contains(word));
        words.map(move |word| format!("src/{name}:{}: {word}", number + 1))
    });
    named.collect()
}

#[test]
fn a_primitive_is_found_and_a_comment_is_let_be() {
    let text = "//! std::thread\nuse std::sync::Arc;\n    let now = Instant::now();\n";
    assert_eq!(found("a.rs", text), ["src/a.rs:3: Instant::now"]);
    assert_eq!(found("a.rs", "use std::sync::{Arc, Condvar};"), ["src/a.rs:1: std::sync::"]);
}

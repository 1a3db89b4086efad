//! The rule that only `sync/` names locks, atomics, threads and the sources of time, so that the
//! models check the code that ships.

use super::demand;
use super::paths::Path;
use super::source::{Token, stand_at};
use super::tree::Tree;

/// Crates and modules of primitives.
const ONLY_IN_SYNC: [&[&str]; 8] = [
    &["parking_lot"],
    &["crossbeam_utils"],
    &["loom"],
    &["shuttle"],
    &["std", "thread"],
    &["std", "sync"],
    &["core", "sync"],
    &["nix"],
];

/// Those of `std::sync` that neither wait nor order anything that a model should see.
const ANYWHERE: [&str; 2] = ["Arc", "Weak"];

/// Words in code: reading the time, thread-locals, and the names of the builds for models.
const WORDS_ONLY_IN_SYNC: [&[&str]; 6] = [
    &["Instant", "::", "now"],
    &[".", "elapsed", "("],
    &["SystemTime"],
    &["thread_local"],
    &["loom"],
    &["shuttle"],
];

/// Names of waiting without being woken. Followers are woken by a push (S46).
const NOWHERE: [&str; 4] = ["sleep", "yield_now", "spin_loop", "park_timeout"];

#[test]
fn only_sync_names_locks_atomics_threads_and_clocks() {
    demand(offences(&Tree::of_the_library()));
}

fn offences(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for (index, file) in tree.files.iter().enumerate() {
        let is_sync = file.folder() == "sync";
        let paths = tree.paths(index).iter().filter(|path| !is_sync && is_primitive(path));
        let paths = paths.map(|path| (path.line, path.segments.join("::")));
        let words = words(&file.tokens, is_sync);
        let mut found: Vec<_> = paths.chain(words).collect();
        found.sort();
        found.dedup_by_key(|(line, _)| *line);
        offences
            .extend(found.iter().map(|(line, name)| format!("src/{}:{line}: {name}", file.path)));
    }
    offences
}

fn is_primitive(path: &Path) -> bool {
    let is_named = ONLY_IN_SYNC.iter().any(|module| {
        path.segments.len() >= module.len()
            && path.segments.iter().zip(*module).all(|(segment, name)| segment == name)
    });
    let is_of_std_sync = path.segments.get(1).is_some_and(|module| module == "sync");
    let is_let_be = path.segments.get(2).is_some_and(|name| ANYWHERE.contains(&name.as_str()));
    is_named && !(is_of_std_sync && is_let_be)
}

fn words(tokens: &[Token], is_sync: bool) -> Vec<(usize, String)> {
    let mut words: Vec<_> = NOWHERE.iter().map(|word| vec![*word]).collect();
    if !is_sync {
        words.extend(WORDS_ONLY_IN_SYNC.map(<[_]>::to_vec));
    }
    let at = |at: usize| words.iter().find(move |word| stand_at(tokens, at, word));
    (0..tokens.len()).filter_map(|place| Some((tokens[place].line, at(place)?.concat()))).collect()
}

#[test]
fn primitives_are_found_and_the_rest_is_let_be() {
    let forbidden = [
        "use std::sync::Mutex;",
        "use std::sync::{Arc, Condvar};",
        "use std::sync::atomic::AtomicU64;",
        "use std::sync;",
        "use std::sync::{self, Arc};",
        "static N: ::std::sync::OnceLock<u8> = f();",
        "use std::{fmt,\nsync::Mutex};",
        "use core::sync::atomic::AtomicU8;",
        "let now = Instant::now();",
        "let passed = start.elapsed();",
        "std::thread::current()",
        "thread_local! { static A: u8 = 1; }",
        "use parking_lot::Mutex;",
        "#[cfg(loom)] fn f() {}",
        "sleep(d)",
        "fn f() -> crossbeam_utils::Parker { g() }",
    ];
    for text in forbidden {
        let found = offences(&Tree::made_up(&[("group.rs", text)]));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
    let allowed = [
        "use std::sync::Arc;",
        "use std::sync::{Arc as Shared, Weak};",
        "use std::time::{Duration, Instant};",
        "use crate::sync::{Mutex, now};",
        "let bloom = sleepy;",
        "/// std::sync::Mutex and Instant::now()\nfn f() { \"std::thread\"; }",
        "#[cfg(test)] mod tests { use std::thread; }",
    ];
    for text in allowed {
        let found = offences(&Tree::made_up(&[("group.rs", text)]));
        assert!(found.is_empty(), "{found:?}");
    }
    assert!(offences(&Tree::made_up(&[("sync/mod.rs", forbidden[0])])).is_empty());
    assert_eq!(offences(&Tree::made_up(&[("sync/mod.rs", "sleep(d)")])).len(), 1);
}

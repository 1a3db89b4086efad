//! Rules about the sources that no compiler checks.
//!
//! | rule | file |
//! |---|---|
//! | only `sync/` names locks, atomics, threads and the sources of time; nothing spins or sleeps | [`primitives`] |
//! | a layer names the layers below it only | [`layers`] |
//! | neither layers nor files name each other in a circle | [`circles`] |
//! | an inherent `impl` stands in the folder of its type | [`impls`] |
//! | no file has more than 400 lines, in any package and any test | here |
//! | a comment's line begins with the thing or the act, and not with a word that stands for one | [`prose`] |
//!
//! [`source`] reads a file as tokens, [`paths`] finds the paths in them, and [`tree`] finds the files
//! that those paths lead to.

use std::fs;
use std::path::{Path, PathBuf};

mod circles;
mod impls;
mod layers;
mod paths;
mod primitives;
mod prose;
mod source;
mod tree;

const LONGEST: usize = 400;

/// No reader looks through the sources of these folders: they are built, or fetched.
const NOT_SOURCES: [&str; 2] = ["target", ".git"];

#[test]
fn no_file_has_more_than_400_lines() {
    let files = files(Path::new(env!("CARGO_MANIFEST_DIR")), &["rs"]);
    assert!(files.iter().any(|(path, _)| path.ends_with("tests/it/main.rs")), "{}", files.len());
    demand(too_long(
        files.iter().map(|(path, text)| (path.clone(), text.lines().count())).collect(),
    ));
}

/// The files below a folder with one of these extensions, of the library, its tests and its other packages
/// alike, with their texts.
fn files(folder: &Path, extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap();
            if NOT_SOURCES.iter().all(|folder| name != *folder) {
                found.extend(files(&path, extensions));
            }
        } else if path.extension().is_some_and(|found| extensions.iter().any(|one| found == *one)) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn too_long(lengths: Vec<(PathBuf, usize)>) -> Vec<String> {
    let long = lengths.into_iter().filter(|(_, lines)| *lines > LONGEST);
    long.map(|(path, lines)| format!("{}: {lines} lines, of {LONGEST} at most", path.display()))
        .collect()
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let lengths = [("short.rs", LONGEST), ("engine/long.rs", LONGEST + 1)];
    let found = too_long(lengths.map(|(path, lines)| (path.into(), lines)).into());
    assert_eq!(found, ["engine/long.rs: 401 lines, of 400 at most"]);
}

/// Fails with all offences, one on each line.
#[track_caller]
fn demand(offences: Vec<String>) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

//! Rules about the sources that no compiler checks.
//!
//! | rule | file |
//! |---|---|
//! | only `sync/` names locks, atomics, threads and the sources of time; nothing spins or sleeps | [`primitives`] |
//! | a layer names the layers below it only | [`layers`] |
//! | neither layers nor files name each other in a circle | [`circles`] |
//! | an inherent `impl` stands in the folder of its type | [`impls`] |
//! | no file has more than 400 lines | here |
//!
//! [`source`] reads a file as tokens, [`paths`] finds the paths in them, and [`tree`] finds the files
//! that those paths lead to.

mod circles;
mod impls;
mod layers;
mod paths;
mod primitives;
mod source;
mod tree;

use source::Source;
use tree::Tree;

const LONGEST: usize = 400;

#[test]
fn no_file_has_more_than_400_lines() {
    demand(too_long(&Tree::of_the_library()));
}

fn too_long(tree: &Tree) -> Vec<String> {
    let long = tree.files.iter().filter(|file| file.lines > LONGEST);
    long.map(|file| format!("src/{}: {} lines, of {LONGEST} at most", file.path, file.lines))
        .collect()
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let short = Source::new("short.rs", &"\n".repeat(LONGEST));
    let long = Source::new("engine/long.rs", &"\n".repeat(LONGEST + 1));
    let found = too_long(&Tree::new(vec![short, long]));
    assert_eq!(found, ["src/engine/long.rs: 401 lines, of 400 at most"]);
}

/// Fails with all offences, one on each line.
#[track_caller]
fn demand(offences: Vec<String>) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

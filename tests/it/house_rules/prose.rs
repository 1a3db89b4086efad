//! A comment's line names the thing or the act first. Words that stand for one leave a reader to look for it.

use std::path::Path;

use super::{demand, files};

const MARKS: [&str; 5] = ["//!", "///", "//", "#", "--"];

/// Words that stand for a thing or a person, at the begin of a line.
const STANDINS: [&str; 4] = ["What", "Whoever", "Whether", "Such"];

#[test]
fn a_comment_names_the_thing_or_the_act_first() {
    let files = files(Path::new(env!("CARGO_MANIFEST_DIR")), &["rs", "toml", "lua", "sql"]);
    let offences = files.iter().flat_map(|(path, text)| {
        found(text).map(move |(number, line)| format!("{}:{number}: {line}", path.display()))
    });
    demand(offences.collect());
}

fn found(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim_start();
        let comment = MARKS.iter().find_map(|mark| line.strip_prefix(mark))?.trim_start();
        let first = comment.split(|letter: char| !letter.is_alphabetic()).next()?;
        STANDINS.contains(&first).then_some((index + 1, line))
    })
}

#[test]
fn a_word_that_stands_for_something_is_found() {
    let text =
        "/// What it is.\n    // The pool. What waits is\n# Such a table\n--  Whoever runs this";
    let numbers: Vec<_> = found(text).map(|(number, _)| number).collect();
    assert_eq!(numbers, [1, 3, 4]);
    assert_eq!(found("let what = 1; // What\n// Whatever\n").count(), 0);
}

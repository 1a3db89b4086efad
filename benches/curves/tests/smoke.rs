//! The program as a user runs it, on next to nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn curves(to: &Path, arguments: &[&str]) -> Output {
    let to = to.to_str().expect("a directory of the test's own");
    let mut command = Command::new(env!("CARGO_BIN_EXE_curves"));
    command.args(["--tiny", "--to", to]).args(arguments);
    command.output().expect("it was built with this test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_curve_is_measured_shown_and_shown_again_from_its_raw_lines() {
    let to = tempfile::tempdir().expect("the system has room");
    let first = curves(to.path(), &["--only", "keys", "--only", "windows"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let shown = text(&first.stdout);
    assert!(shown.contains("| live keys |") && shown.contains("| endless |"), "{shown}");

    let chart = to.path().join("curves.svg");
    let drawn = fs::read_to_string(&chart).expect("the chart is there");
    assert!(drawn.contains("late hit, random key") && drawn.ends_with("</svg>\n"));

    fs::remove_file(&chart).expect("it is there");
    let from = to.path().to_str().expect("as above");
    let again = curves(to.path(), &["--from", from]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), shown);
    assert_eq!(fs::read_to_string(&chart).expect("it is drawn again"), drawn);
}

#[test]
fn what_is_not_whole_is_not_put_into_the_docs() {
    let to = tempfile::tempdir().expect("the system has room");
    let refused = curves(to.path(), &["--only", "windows", "--write"]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("not measured: keys"), "{}", text(&refused.stderr));
}

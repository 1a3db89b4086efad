//! Short runs of the program, and what must hold on a machine of any speed.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn stampede(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede"))
        .args(arguments)
        .output()
        .expect("the program was built with its tests")
}

/// A load that is short enough for a test, and higher than the capacity of the database.
fn short_run(more: &[&str]) -> (Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("there is room for a chart");
    let chart = directory.path().join("chart.svg");
    let chart = chart.to_str().expect("the temporary directory has a plain name");
    let few = ["--threads=8", "--connections=2", "--keys=4", "--rate=1500", "--phase=600ms"];
    let arguments: Vec<&str> = few.iter().chain(more).copied().chain(["--chart", chart]).collect();
    (stampede(&arguments), directory)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("stdout holds the result and nothing else")
}

fn count(phase: &Value, what: &str) -> u64 {
    phase[what].as_u64().unwrap_or_else(|| panic!("{what} is not a count in {phase}"))
}

#[test]
fn every_arrival_is_answered_or_still_queued_and_coalescing_saves_queries() {
    let (output, directory) = short_run(&["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result = result(&output);

    let phases = result["phases"].as_array().expect("there are phases");
    let coalescing: Vec<_> = phases.iter().map(|phase| &phase["coalescing"]).collect();
    assert_eq!(coalescing, [false, true, false]);
    for phase in phases {
        let answered = count(phase, "answered");
        assert_eq!(count(phase, "arrivals"), answered + count(phase, "still_queued"));
        assert_eq!(count(phase, "arrivals"), count(&phases[0], "arrivals"));
        assert_eq!(count(phase, "wrong"), 0);
        assert!(answered > 0);
    }

    for off in [&phases[0], &phases[2]] {
        assert_eq!(count(off, "queries"), count(off, "answered"));
    }
    let (on, stats) = (&phases[1], &phases[1]["coalescer"]);
    assert!(count(on, "queries") < count(on, "answered"));
    assert_eq!(count(on, "queries"), count(stats, "executed_requests"));
    assert_eq!(count(on, "answered"), count(stats, "total_requests"));
    assert_eq!(count(&result, "queries_saved"), count(stats, "coalesced_requests"));

    assert_chart(&directory.path().join("chart.svg"));
}

fn assert_chart(path: &Path) {
    let chart = std::fs::read_to_string(path).expect("the chart was written");
    assert!(chart.starts_with("<svg ") && chart.trim_end().ends_with("</svg>"));
    assert!(chart.contains("coalescing on") && chart.contains("without coalescing, "));
    assert!(chart.contains("prefers-color-scheme: dark"));
    assert!(!chart.contains("NaN") && !chart.contains("inf"));
}

#[test]
fn a_wrong_answer_fails_the_run() {
    let (output, _directory) = short_run(&["--hot-key", "--spoil", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("of the answers were wrong"));

    // The row of the hot key is wrong, so every answer is, shared or not.
    let result = result(&output);
    let phases = result["phases"].as_array().expect("there are phases");
    assert!(phases.iter().all(|phase| count(phase, "wrong") == count(phase, "answered")));
}

#[test]
fn without_a_terminal_there_is_a_table_and_no_control_character() {
    let (output, directory) = short_run(&["--window=0"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("Queries saved: "), "{printed}");
    assert!(printed.contains("answers are correct."), "{printed}");
    let chart = directory.path().join("chart.svg");
    assert!(printed.contains(&format!("file://{}", chart.display())), "{printed}");
    assert!(!printed.contains('\x1b') && !printed.contains('\r'));
}

#[test]
fn a_missing_server_is_named_as_the_reason() {
    // No server listens on port 1.
    let output = stampede(&["--postgres", "postgres://nobody@127.0.0.1:1/none"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("cannot connect to the PostgreSQL server; check that it runs"), "{said}");
}

#[test]
fn a_wrong_option_is_refused_with_a_hint() {
    let output = stampede(&["--threads=0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("use 1 to 4096 threads"));

    let output = stampede(&["--rate=100000000"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("use --rate 1250000 or less"));

    let output = stampede(&["--chart=/no/such/directory/chart.svg"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write the chart to /no/such/directory"));
}

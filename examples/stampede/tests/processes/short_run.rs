//! A short run on the files of this host.

use serde_json::Value;

use super::{result, run, text};

const WINDOWS: f64 = 10.0;

/// Two executions begin at least a window apart, so a phase of ten windows has room for eleven.
const MOST: f64 = (WINDOWS + 1.0) / WINDOWS;

const ARGUMENTS: [&str; 5] =
    ["--processes=3", "--threads=2", "--window=100ms", "--phase=1s", "--pause=5ms"];

fn number(of: &Value, what: &str) -> f64 {
    of[what].as_f64().unwrap_or_else(|| panic!("{what} is no number in {of}"))
}

fn phase<'a>(result: &'a Value, name: &str) -> &'a Value {
    let phases = result["phases"].as_array().expect("there are phases");
    phases
        .iter()
        .find(|phase| phase["phase"] == name)
        .unwrap_or_else(|| panic!("{name} is missing"))
}

/// A run whose shared phases have seen no step of the engine fail, and no kill after the query that it was for. Its
/// promises of efficiency are for such times: on a machine that stood still for longer than a step may take, each process
/// goes on by itself, and a leader that is killed between its query and its publication makes an execution more.
fn fault_free_run(arguments: &[&str]) -> Value {
    for _ in 0..5 {
        let output = run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let result = result(&output);
        let errors =
            ["shared", "kill -9"].map(|name| number(phase(&result, name), "engine_errors"));
        let killed = phase(&result, "kill -9");
        let marks = killed["marks"].as_array().expect("it has marks").len();
        if errors == [0.0, 0.0] && number(killed, "kills") == marks as f64 {
            return result;
        }
    }
    panic!(
        "in five runs the files of this host did not answer in time, or queries ended before their kill"
    );
}

#[test]
fn all_processes_together_run_one_execution_a_window_and_faults_make_no_answer_wrong() {
    let directory = tempfile::tempdir().expect("there is room for a picture");
    let svg = directory.path().join("picture.svg");
    let svg = svg.to_str().expect("the temporary directory has a plain name");
    let arguments: Vec<_> = ARGUMENTS.iter().copied().chain(["--json", "--svg", svg]).collect();
    let result = fault_free_run(&arguments);

    let names = ["off", "alone", "shared", "kill -9", "outage"];
    for name in names {
        let phase = phase(&result, name);
        for what in ["wrong", "over_age", "failed"] {
            assert_eq!(number(phase, what), 0.0, "{what} of {name}");
        }
        for what in ["executions_per_window", "round_trips_per_call", "p50_ms", "p99_ms"] {
            assert!(number(phase, what) >= 0.0);
        }
        assert!(number(phase, "calls") > 0.0);
        assert_eq!(phase["series"].as_array().expect("it has a series").len() as f64, WINDOWS);
    }

    // Each process runs one a window. So the measure sees more than there may be together, and that they overlap.
    let alone = phase(&result, "alone");
    assert!(number(alone, "executions_per_window") > MOST, "{alone}");
    assert!(number(alone, "overlaps") > 0.0);
    assert_eq!(number(alone, "round_trips"), 0.0);

    let shared = phase(&result, "shared");
    assert!(number(shared, "executions_per_window") <= MOST, "{shared}");
    assert!(number(shared, "executions_per_window") > 0.0, "{shared}");
    assert_eq!(number(shared, "overlaps"), 0.0);
    assert!(number(shared, "round_trips") > 0.0);
    assert_eq!(number(shared, "queries"), number(shared, "executions"));

    let killed = phase(&result, "kill -9");
    assert_eq!(number(killed, "overlaps"), 0.0);
    let kills = number(killed, "kills");
    assert!(number(killed, "executions_per_window") <= MOST + kills / WINDOWS, "{killed}");
    if kills > 0.0 {
        assert!(number(killed, "takeover_ms") < 1000.0, "{killed}");
    }

    let outage = phase(&result, "outage");
    assert!(number(outage, "engine_gone_ms") > 0.0);
    assert!(number(outage, "engine_errors") > 0.0);
    assert_picture(svg, &names);
}

fn assert_picture(path: &str, phases: &[&str]) {
    let picture = std::fs::read_to_string(path).expect("the picture was written");
    assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
    assert!(picture.contains("folder gone") && picture.contains("prefers-color-scheme: dark"));
    assert_eq!(picture.matches(" a window\n").count(), phases.len(), "{picture}");
    assert!(!picture.contains("NaN") && !picture.contains("inf"));
}

#[test]
fn a_wrong_answer_fails_the_run() {
    let output = run(&["--processes=2", "--threads=1", "--phase=500ms", "--spoil", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("of the answers were wrong"));
    let result = result(&output);
    assert!(number(&result, "wrong") > 0.0);
    let shared = phase(&result, "shared");
    assert_eq!(number(shared, "wrong"), number(shared, "calls"));
}

#[test]
fn without_a_terminal_there_is_a_table_and_a_picture_of_plain_characters() {
    let output = run(&["--processes=2", "--threads=1", "--phase=500ms", "--keys=3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("none is over age"), "{printed}");
    assert!(printed.contains("   1 ##"), "{printed}");
    assert!(printed.is_ascii() && !printed.contains('\x1b') && !printed.contains('\r'));
    // The headings of the live lines are not bound to 80 columns, the table is.
    let table = printed.lines().skip_while(|line| !line.ends_with("age"));
    assert!(table.take_while(|line| !line.is_empty()).all(|line| line.len() <= 80), "{printed}");
}

//! Short runs of `--refresh` and `--many`: counts that must hold on a machine of any speed.

use std::process::{Command, Output};

use serde_json::Value;

fn stampede(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede"))
        .args(arguments)
        .output()
        .expect("the program was built with its tests")
}

const REFRESH: [&str; 5] =
    ["--refresh", "--threads=8", "--rate=1000", "--window=200ms", "--phase=600ms"];

const PAGES: u64 = 3;
const MANY: [&str; 2] = ["--many", "--pages=3"];

/// The answers to the orders of all pages.
const ORDERS: u64 = 100 * PAGES;

fn run(mode: &[&str], more: &[&str]) -> Output {
    stampede(&[mode, more].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("stdout is not the result alone: {error}\n{}", text(&output.stderr))
    })
}

fn count(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name} is not a count in {of}"))
}

/// The result of a way, found by its name.
fn way<'a>(ways: &'a Value, name: &str) -> &'a Value {
    let ways = ways.as_array().expect("there are ways");
    ways.iter().find(|way| way["way"] == name).unwrap_or_else(|| panic!("{name} is missing"))
}

#[test]
fn a_page_of_100_orders_is_one_round_trip_with_execute_many_and_100_one_by_one() {
    let output = run(&MANY, &["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result = result(&output);
    assert_eq!(count(&result, "orders_per_page"), 100);
    for (name, queries) in
        [("one by one", ORDERS), ("execute_many", PAGES), ("100 threads", ORDERS)]
    {
        assert_eq!(count(way(&result["ways"], name), "queries"), queries, "{name}");
    }
    // The first call of a page runs at once. The number of calls that come during its query is up to the machine.
    let gathered = count(way(&result["ways"], "gather_while_busy"), "queries");
    assert!((PAGES..=ORDERS).contains(&gathered), "{gathered}");

    for way in result["ways"].as_array().expect("there are ways") {
        assert_eq!((count(way, "answers"), count(way, "wrong")), (ORDERS, 0), "{way}");
        assert_eq!(count(&way["batcher"], "batches"), count(way, "queries"), "{way}");
        assert_eq!(count(&way["batcher"], "executed_requests"), ORDERS, "{way}");
    }
}

#[test]
fn refreshed_values_are_waited_for_by_those_who_run_or_join_alone() {
    let output = run(&REFRESH, &["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result = result(&output);
    for phase in result["phases"].as_array().expect("there are phases") {
        let (answered, stats) = (count(phase, "answered"), &phase["coalescer"]);
        assert_eq!(count(phase, "arrivals"), answered + count(phase, "still_queued"));
        assert!(answered > 0, "{phase}");
        assert_eq!(count(phase, "wrong"), 0);
        // The value that was there at the begin of the phase is a run, too. A job can outlast its phase.
        if phase["way"] != "build_refreshing" {
            assert_eq!(count(stats, "executed_requests"), count(phase, "queries") + 1, "{phase}");
        }
        assert_eq!(count(phase, "waited") + count(stats, "late"), answered, "{phase}");
    }

    let phase = |name| way(&result["phases"], name);
    let refreshes = |name| count(&phase(name)["coalescer"], "refreshes");
    // Each run of a window alone, and of `refresh_after`, is waited for by the call that makes it.
    for name in ["window alone", "refresh_after"] {
        assert!(count(phase(name), "waited") >= count(phase(name), "queries"), "{name}");
    }
    assert_eq!((refreshes("window alone"), refreshes("endless window")), (0, 0));
    for what in ["queries", "waited"] {
        assert_eq!(count(phase("endless window"), what), 0, "{what}");
    }
}

#[test]
fn a_wrong_answer_fails_the_run() {
    for mode in [&REFRESH[..], &MANY] {
        let output = run(mode, &["--spoil", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("of the answers were wrong"), "{mode:?}");
        assert!(count(&result(&output), "wrong") > 0);
    }
}

#[test]
fn without_a_terminal_there_is_a_table_of_80_columns() {
    for (mode, finding) in [
        (&REFRESH[..], "with build_refreshing; "),
        (&MANY, "100 one by one, 1 with execute_many, "),
    ] {
        let output = run(mode, &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let printed = text(&output.stdout);
        assert!(printed.contains(finding), "{printed}");
        assert!(printed.contains("answers are correct."), "{printed}");
        assert!(printed.is_ascii() && !printed.contains('\x1b') && !printed.contains('\r'));
        let table = printed.lines().skip_while(|line| !line.ends_with("max"));
        assert!(table.take_while(|line| !line.is_empty()).all(|line| line.len() <= 80));
    }
}

#[test]
fn a_wrong_option_is_refused_with_a_hint() {
    for (arguments, hint) in [
        (&["--refresh", "--many"][..], "cannot be used with"),
        (&["--refresh", "--processes=2"], "cannot be used with"),
        (&["--refresh", "--keys=2"], "cannot be used with"),
        (&["--many", "--threads=2"], "cannot be used with"),
        (&["--delay=5ms"], "--refresh"),
        (&["--refresh", "--pages=5"], "cannot be used with"),
        (&["--pages=5"], "--many"),
        (&["--many", "--pages=0"], "1..=1000"),
        (&["--many", "--delay=11s"], "use 0 to 10s"),
        (&["--refresh", "--window=0"], "use a --window of 200ms or more"),
        (&["--refresh", "--phase=1s"], "use a --phase of 2s or more"),
        (&["--refresh", "--rate=10000000"], "use --rate 1818182 or less"),
        (&["--many", "--postgres"], "--postgres needs a URL"),
    ] {
        let output = stampede(arguments);
        assert!(!output.status.success(), "{arguments:?} was accepted");
        assert!(text(&output.stderr).contains(hint), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_tells_of_both() {
    let help = text(&stampede(&["--help"]).stdout);
    for word in ["--refresh", "--many", "--delay", "--pages", "build_refreshing"] {
        assert!(help.contains(word), "{word} is missing: {help}");
    }
}

//! Short runs of `--refresh` and `--many`: counts that must hold on a machine of any speed.

#[cfg(target_os = "linux")]
#[path = "../../../tests/support/postgres_server.rs"]
#[expect(dead_code, reason = "the tests of the engine use the rest of it")]
mod postgres_server;

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
    let result = assert_round_trips(&[]);
    assert_eq!(result["database"], "SQLite");
}

#[cfg(target_os = "linux")]
#[test]
fn so_it_is_with_a_server_of_postgresql() {
    let Some(server) = postgres_server::Server::start_for_a_test() else { return };
    let socket = server.directory().display();
    let server = format!("--postgres=host={socket} user=postgres dbname=postgres");
    let result = assert_round_trips(&[&server, "--connections=8"]);
    assert_eq!((&result["database"], &result["delay_ms"]), (&"PostgreSQL".into(), &0.0.into()));

    let output = run(&REFRESH, &[&server, "--connections=8", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Reads pages, and returns the result.
fn assert_round_trips(more: &[&str]) -> Value {
    let output = run(&MANY, &[more, &["--json"]].concat());
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
    result
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
        // A job is no call of the load, and can outlast its phase.
        if phase["way"] != "build_refreshing" {
            let queries = count(phase, "queries");
            // The value that was there at the begin of the phase is a run, too.
            assert_eq!(count(stats, "executed_requests"), queries + 1, "{phase}");
            assert_eq!(count(phase, "waited"), queries + count(stats, "followers"), "{phase}");
        }
    }

    let phase = |name| way(&result["phases"], name);
    let refreshes = |name| count(&phase(name)["coalescer"], "refreshes");
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
    for (mode, finding) in
        [(&REFRESH[..], " with refresh_after, "), (&MANY, "100 one by one, 1 with execute_many, ")]
    {
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
        (&["--refresh", "--phase=1s"], "use a --window of 500ms or less"),
        (&["--refresh", "--rate=10000000"], "use --rate 1818182 or less"),
        (&["--many", "--delay=51ms"], "use fewer --pages, or a shorter --delay"),
        (&["--many", "--postgres"], "--postgres needs a URL"),
        (&["--refresh", "--redis"], "cannot be used with"),
        (&["--refresh", "--postgres=postgres://127.0.0.1/shop", "--valkey"], "cannot be used with"),
        (&["--many", "--pause=5ms"], "cannot be used with"),
        (&["--many", "--svg=file.svg"], "cannot be used with"),
        (&["--processes=2", "--delay=5ms"], "cannot be used with"),
        (&["--processes=2", "--pages=5"], "cannot be used with"),
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

//! Bad input is refused, and what is missing is named.

use super::{run, text};

#[test]
fn a_wrong_option_is_refused_with_a_hint() {
    for (arguments, hint) in [
        (&["--processes=0"][..], "1..=64"),
        (&["--processes=2", "--rate=5"], "cannot be used with"),
        (&["--processes=2", "--redis", "--postgres"], "cannot be used with"),
        (&["--redis"], "--processes"),
        (&["--svg=file.svg"], "--processes"),
        (&["--processes=64", "--threads=64"], "use fewer --processes or --threads"),
        (&["--processes=2", "--window=0"], "use a --window of 20ms to 10s"),
        (&["--processes=2", "--phase=200ms"], "use a longer one"),
        (&["--processes=2", "--pause=9s"], "longer than the phase"),
        (&["--processes=2", "--svg=/no/such/folder/a.svg"], "cannot write the picture to /no/such"),
        (&["--postgres"], "--postgres needs a URL"),
    ] {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?} was accepted");
        assert!(text(&output.stderr).contains(hint), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[cfg(not(feature = "redis"))]
#[test]
fn an_engine_that_this_program_was_built_without_is_named() {
    let output = run(&["--processes=2", "--redis"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("add --features redis"), "{}", text(&output.stderr));
}

#[test]
fn help_tells_of_all_engines() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for word in ["--processes", "--redis", "--valkey", "--postgres", "--svg", "--pause", "--json"] {
        assert!(help.contains(word), "{word} is missing: {help}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn redis_is_started_or_named_as_missing_and_a_url_must_lead_to_one() {
    // No server listens on port 1.
    assert_engine("--redis", "Redis", "redis://127.0.0.1:1/", "Redis does not answer");
}

#[cfg(feature = "postgres")]
#[test]
fn postgresql_is_started_or_named_as_missing_and_a_url_must_lead_to_one() {
    // No server listens on port 1.
    let url = "postgres://nobody@127.0.0.1:1/none";
    assert_engine("--postgres", "PostgreSQL", url, "PostgreSQL cannot be prepared");
}

/// Without the server's program, the run says what is missing. With `CI` set that is a failure.
#[cfg(any(feature = "redis", feature = "postgres"))]
fn assert_engine(option: &str, name: &str, url_of_nobody: &str, why: &str) {
    let few = ["--processes=2", "--threads=2", "--phase=1s", "--json", option];
    let output = run(&few);
    let said = text(&output.stderr);
    if output.status.success() {
        let result = super::result(&output);
        assert_eq!((&result["wrong"], &result["over_age"]), (&0.into(), &0.into()));
        assert!(said.contains("*** server killed") && said.contains("*** back"), "{said}");
    } else {
        let is_missing = said.contains(&format!("{name} is not installed"));
        assert!(is_missing && std::env::var_os("CI").is_none(), "{said}");
    }
    for (url, why) in [(url_of_nobody, why), ("nonsense", "cannot be")] {
        let output = run(&[&few[..], &[url]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

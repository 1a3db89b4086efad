//! What must not compile, and what the compiler says of it.
//!
//! After a change of the words: `TRYBUILD=overwrite cargo test -p coalescer-macros --test ui`, and
//! read what has changed.

use std::env;
use std::process::Command;

/// The compiler whose own words the files in `rustc` are.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn what_cannot_be_coalesced_is_refused_with_a_way_out() {
    // S51 S52
    let cases = trybuild::TestCases::new();
    // That something passes makes trybuild build what it looks at: a manager refuses a function when
    // the program is built, and a mere check would not see it.
    cases.pass("tests/ui/pass.rs");
    // What the attribute says by itself is the same with any compiler.
    cases.compile_fail("tests/ui/own/*.rs");
    if compiler().starts_with(COMPILER) {
        cases.compile_fail("tests/ui/rustc/*.rs");
    } else {
        eprintln!("tests/ui/rustc is not compared: it is what {COMPILER}x says");
    }
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("cargo has found it");
    String::from_utf8_lossy(&version.stdout).into_owned()
}

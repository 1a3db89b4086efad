//! Programs that must not compile, and the compiler's messages for them.
//!
//! After a change of a message: run `TRYBUILD=overwrite cargo test -p coalescer-macros --test ui`,
//! and read the diff.

use std::env;
use std::process::Command;

/// The compiler version whose messages the files in `rustc` contain.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn what_cannot_be_coalesced_is_refused_with_a_way_out() {
    // S51 S52
    let cases = trybuild::TestCases::new();
    // A passing case makes trybuild build the programs instead of checking them. Only a build finds
    // a function that a manager refuses.
    cases.pass("tests/ui/pass.rs");
    // The attribute's own messages are the same with any compiler.
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

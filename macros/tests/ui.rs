//! What must not compile, and what a compiler says of it.

#[test]
fn what_cannot_be_coalesced_is_refused_with_a_way_out() {
    // S51 S52
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass.rs");
    cases.compile_fail("tests/ui/[!p]*.rs");
    cases.compile_fail("tests/ui/pattern.rs");
}

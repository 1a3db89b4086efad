//! Rules about the sources that no compiler checks.

#[path = "../../../../tests/support/primitives.rs"]
mod primitives;

#[test]
fn only_sync_names_primitives() {
    primitives::only_sync_names_them(11);
}

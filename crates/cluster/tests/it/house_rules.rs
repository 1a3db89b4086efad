//! Rules about the sources that no compiler checks.

#[path = "../../../../tests/support/primitives.rs"]
mod primitives;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn only_sync_names_primitives() {
    primitives::only_sync_names_them(26);
}

/// A clock of a host that jumps changes nothing: no code but the drawing of names reads it.
#[test]
fn only_the_names_of_processes_read_the_wall_clock() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut readers = readers(&root);
    readers.sort();
    let expected = ["random.rs", "sync/mod.rs"].map(|name| root.join(name));
    assert_eq!(readers, expected);
    let text = fs::read_to_string(root.join("sync/mod.rs")).unwrap();
    assert_eq!(text.matches("SystemTime::").count(), 1, "the function is the only reader");
}

fn readers(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let reads = |path: PathBuf| match path.is_dir() {
        true => readers(&path),
        false if fs::read_to_string(&path).unwrap().contains("nanos_since_1970()") => vec![path],
        false => Vec::new(),
    };
    paths.flat_map(reads).collect()
}

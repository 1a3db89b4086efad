//! The tests that docs/http.md names are there.

use std::fs;
use std::path::Path;

/// True if this folder has the module, and the module the test, if the name has one.
fn exists(folder: &Path, name: &str) -> bool {
    let Some((first, rest)) = name.split_once("::") else {
        return folder.join(name).is_dir() || folder.join(format!("{name}.rs")).is_file();
    };
    if folder.join(first).is_dir() && exists(&folder.join(first), rest) {
        return true;
    }
    let files = [folder.join(format!("{first}.rs")), folder.join(first).join("mod.rs")];
    let has_test = |file: &String| file.contains(&format!("fn {rest}()"));
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).any(|file| has_test(&file))
}

#[test]
fn the_tests_that_the_table_for_operators_names_are_there() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.join("../..");
    let page = fs::read_to_string(root.join("docs/http.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut names = 0;
    for row in rows {
        let shown_by = row.split('|').nth(3).expect("three columns");
        let quoted = shown_by.split('`').skip(1).step_by(2);
        let count_before = names;
        for name in quoted {
            let is_path = name.contains('/');
            let is_there = match is_path {
                true => root.join(name).exists(),
                false => exists(&package.join("tests/it"), name),
            };
            assert!(is_there, "{name} of {row}");
            names += 1;
        }
        assert!(names > count_before, "nothing shows {row}");
    }
    assert!(names > 40, "{names}");
}

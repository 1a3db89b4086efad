//! The guide shows the code that the tests run.

use std::fs;
use std::path::{Path, PathBuf};

/// A part of a source between two marks, and its name.
struct Shown {
    name: String,
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The parts of the sources from `// guide: name` to `// end`.
fn shown() -> Vec<Shown> {
    let sources = ["examples/servers/src", "examples/with-tower/src"].map(|folder| {
        fs::read_dir(root().join(folder)).unwrap().map(|file| read(&file.unwrap().path()))
    });
    let mut shown = Vec::new();
    for source in sources.into_iter().flatten() {
        for part in source.split("// guide: ").skip(1) {
            let (name, code) = part.split_once('\n').unwrap();
            let (code, _) = code.split_once("// end\n").unwrap_or_else(|| panic!("{name}: no end"));
            shown.push(Shown { name: name.to_owned(), code: code.to_owned() });
        }
    }
    shown
}

/// The blocks of Rust in the guide.
fn blocks() -> Vec<String> {
    let guide = read(&root().join("docs/http-servers.md"));
    let blocks = guide.split("```rust\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn the_guide_shows_the_code_of_the_examples_and_all_that_is_marked() {
    let (blocks, shown) = (blocks(), shown());
    for block in &blocks {
        let is_there = shown.iter().any(|it| it.code == *block);
        assert!(is_there, "copy this from its example to docs/http-servers.md again:\n{block}");
    }
    for Shown { name, code } in &shown {
        assert!(blocks.contains(code), "docs/http-servers.md does not show `{name}`:\n{code}");
    }
    assert_eq!(blocks.len(), shown.len(), "the guide shows something twice");
}

#[test]
fn each_adapter_has_less_than_twenty_lines() {
    let servers = ["axum", "hyper", "oxhttp", "astra", "tiny_http", "rouille", "hooks"];
    let shown = shown();
    for server in servers {
        assert!(shown.iter().any(|it| it.name == server), "the guide has no adapter for {server}");
    }
    for Shown { name, code } in shown {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let lines = code.lines().filter(is_code).count();
        assert!(lines < 20, "{name} has {lines} lines");
    }
}

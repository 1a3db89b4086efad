//! The layers, and the rule that arrows between them go down only.

use super::demand;
use super::tree::Tree;

/// The layers from top to bottom. Each name is a folder or a file of `src`. It may name its own row and
/// the rows below; `circles` forbids two of one row to name each other.
const ROWS: [&[&str]; 10] = [
    &["lib"],
    &["manager", "macro_support", "submit"],
    &[
        "at_rest",
        "batcher",
        "batcher_one",
        "batcher_table",
        "build_batcher",
        "max_batch",
        "build",
        "coalescer",
        "group",
        "inspect",
        "request",
        "builder",
        "core",
        "memory",
        "shared",
        "forget",
        "forget_if",
        "insert",
        "peek",
        "execute_many",
    ],
    &["many"],
    &["execute", "asking", "refresh", "work"],
    &["engine"],
    &["observe"],
    // The words of the API, which have no machinery.
    &[
        "key",
        "hasher",
        "error",
        "error_traits",
        "dyn_error",
        "outcome",
        "share",
        "tier",
        "asked",
        "unreached",
        "stats",
        "in_flight",
        "executor",
        "leading",
        "settings",
    ],
    &["wait"],
    &["sync"],
];

#[test]
fn a_layer_names_the_layers_below_it_only() {
    let tree = Tree::of_the_library();
    let mut offences = offences(&tree);
    offences.extend(unused(&tree).map(|layer| format!("no file of src is in the layer '{layer}'")));
    demand(offences);
}

fn row(layer: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&layer))
}

/// Returns the folder, or for a file of `src` itself its name.
pub(super) fn layer(path: &str) -> &str {
    path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(folder, _)| folder)
}

fn unused(tree: &Tree) -> impl Iterator<Item = &'static str> {
    let is_used = |name: &str| tree.files.iter().any(|file| layer(&file.path) == name);
    ROWS.concat().into_iter().filter(move |layer| !is_used(layer))
}

fn offences(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for file in &tree.files {
        if row(layer(&file.path)).is_none() {
            offences.push(format!("src/{}: '{}' is no layer", file.path, layer(&file.path)));
        }
    }
    for arrow in tree.arrows() {
        let [from, to] = [arrow.from, arrow.to].map(|file| &tree.files[file].path[..]);
        if row(layer(from)).zip(row(layer(to))).is_some_and(|(from, to)| from > to) {
            let written = arrow.path.segments.join("::");
            let [above, below] = [to, from].map(layer);
            let line = arrow.path.line;
            offences.push(format!("src/{from}:{line}: {below} names {above}, above it: {written}"));
        }
    }
    offences
}

#[test]
fn an_arrow_that_goes_up_is_found() {
    let tree = Tree::made_up(&[
        ("lib.rs", "mod coalescer; mod engine; mod wait; mod hall; pub use coalescer::Coalescer;"),
        (
            "coalescer.rs",
            "use crate::engine::table::Table;\nuse crate::wait::Gate;\nstruct Coalescer;",
        ),
        ("engine/mod.rs", "mod table; mod slab;"),
        (
            "engine/table.rs",
            "use super::slab::Slab;\n\nuse crate::{Coalescer, wait::Gate};\nstruct Table;",
        ),
        (
            "engine/slab.rs",
            "#[cfg(test)] mod tests { use crate::Coalescer; }\n/// crate::Coalescer\nstruct Slab;",
        ),
        ("wait/mod.rs", "struct Gate;\nfn f() { crate::engine::table::Table::new(); crate::f() }"),
        ("hall.rs", ""),
    ]);
    let expected = [
        "src/hall.rs: 'hall' is no layer",
        "src/engine/table.rs:3: engine names coalescer, above it: crate::Coalescer",
        "src/wait/mod.rs:2: wait names engine, above it: crate::engine::table::Table::new",
        "src/wait/mod.rs:2: wait names lib, above it: crate::f",
    ];
    assert_eq!(offences(&tree), expected);
}

#[test]
fn a_layer_without_a_file_is_found() {
    let tree = Tree::made_up(&[("lib.rs", ""), ("wait/gate.rs", ""), ("sync/mod.rs", "")]);
    let unused: Vec<_> = unused(&tree).collect();
    assert!(unused.contains(&"engine") && !unused.contains(&"wait"), "{unused:?}");
}

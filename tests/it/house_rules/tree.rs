//! All sources of the library, and the files that their paths lead to.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path as FilePath;

use super::paths::{self, Found, Path};
use super::source::Source;

pub(super) struct Tree {
    pub(super) files: Vec<Source>,
    found: Vec<Found>,
    modules: HashSet<Vec<String>>,
    /// The files by their modules.
    homes: HashMap<Vec<String>, usize>,
}

/// File `from` names something that file `to` declares.
pub(super) struct Arrow<'t> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) path: &'t Path,
}

impl Tree {
    pub(super) fn new(files: Vec<Source>) -> Self {
        let found: Vec<_> = files.iter().map(paths::find).collect();
        let modules = found.iter().flat_map(|found| found.modules.iter().cloned()).collect();
        let homes = files.iter().enumerate().map(|(at, file)| (file.module(), at)).collect();
        Self { files, found, modules, homes }
    }

    pub(super) fn of_the_library() -> Self {
        let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                    let text = fs::read_to_string(&path).unwrap();
                    files.push(Source::new(&name.replace('\\', "/"), &text));
                }
            }
        }
        assert!(files.len() > 40, "the sources have moved");
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self::new(files)
    }

    pub(super) fn made_up(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| Source::new(path, text)).collect())
    }

    pub(super) fn paths(&self, file: usize) -> &[Path] {
        &self.found[file].paths
    }

    /// Returns an arrow for each path that leads to another file of the library.
    pub(super) fn arrows(&self) -> Vec<Arrow<'_>> {
        let mut arrows = Vec::new();
        for (from, found) in self.found.iter().enumerate() {
            for path in &found.paths {
                let to = self.absolute(path).and_then(|absolute| self.target(&absolute, 0));
                arrows.extend(to.filter(|to| *to != from).map(|to| Arrow { from, to, path }));
            }
        }
        arrows
    }

    /// Returns the path from the root of the crate, unless it leads out of the crate.
    fn absolute(&self, path: &Path) -> Option<Vec<String>> {
        let mut absolute = path.scope.clone();
        let mut segments = path.segments.iter().peekable();
        match segments.peek()?.as_str() {
            "crate" => {
                absolute.clear();
                segments.next();
            }
            "self" => drop(segments.next()),
            "super" => {
                while segments.next_if(|segment| *segment == "super").is_some() {
                    absolute.pop();
                }
            }
            name => {
                absolute.push(name.to_owned());
                if !self.modules.contains(&absolute) {
                    return None;
                }
                segments.next();
            }
        }
        absolute.extend(segments.cloned());
        Some(absolute)
    }

    /// Returns the file that declares what the path means, over any `pub use` on the way.
    fn target(&self, absolute: &[String], hops: usize) -> Option<usize> {
        let (file, depth) = self.file_of(absolute)?;
        let Some(name) = absolute.get(depth) else { return Some(file) };
        let rest = &absolute[depth + 1..];
        // A `pub use` can lead back to where it stands, as in `pub use self::a as b`.
        if hops > 8 || paths::declares(&self.files[file], name) {
            return Some(file);
        }
        let exports = |path: &&Path| {
            let exported = path.exported.as_deref();
            (exported == Some(name) || exported == Some("*")) && path.scope == absolute[..depth]
        };
        let targets = self.found[file].paths.iter().filter(exports).filter_map(|export| {
            let mut absolute = self.absolute(export)?;
            if absolute.last().is_some_and(|last| last == "*") {
                absolute.pop();
                absolute.push(name.clone());
            }
            absolute.extend(rest.iter().cloned());
            let target = self.target(&absolute, hops + 1)?;
            let is_there = export.exported.as_deref() == Some(name)
                || paths::declares(&self.files[target], name);
            is_there.then_some(target)
        });
        targets.take(1).next().or(Some(file))
    }

    /// Returns the file with the longest part of the path, and how many segments that part has.
    fn file_of(&self, absolute: &[String]) -> Option<(usize, usize)> {
        (0..=absolute.len()).rev().find_map(|depth| {
            let file = *self.homes.get(&absolute[..depth])?;
            Some((file, depth))
        })
    }
}

fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::made_up(files);
    let path = |file: usize| &tree.files[file].path;
    let arrows = tree.arrows().into_iter();
    arrows.map(|arrow| format!("{} -> {}", path(arrow.from), path(arrow.to))).collect()
}

#[test]
fn paths_lead_to_the_files_that_declare_them() {
    let tree = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::c::D; use std::b::E; fn f() { crate::b::g() } use self::H;"),
        ("b/mod.rs", "mod c; use c::D; use std::c::I; fn g() {}"),
        ("b/c.rs", "use super::g; mod j { use super::D; use super::super::g; }"),
    ];
    let found = ["a.rs -> b/c.rs", "a.rs -> b/mod.rs", "b/mod.rs -> b/c.rs"];
    let back = ["b/c.rs -> b/mod.rs", "b/c.rs -> b/mod.rs"];
    assert_eq!(arrows(&tree), [&found[..], &back[..]].concat());
}

#[test]
fn paths_are_followed_over_what_is_exported_again() {
    let tree = [
        ("lib.rs", "mod a; mod b; mod e; pub use b::{C, D as E}; pub use e::Unknown;"),
        (
            "a.rs",
            "use crate::{C, E}; use crate::b::F; use crate::b::G; use crate::H; use crate::Unknown;",
        ),
        (
            "b/mod.rs",
            "mod c; mod f; pub(crate) use c::*; pub(crate) use f::{D, F}; struct G; fn h() {}",
        ),
        ("b/c.rs", "struct C;"),
        ("b/f.rs", "struct D; struct F;"),
        ("e.rs", "pub use std::Unknown;"),
    ];
    let found = arrows(&tree);
    let from_a: Vec<_> = found.iter().filter(|arrow| arrow.starts_with("a.rs")).collect();
    let expected = ["b/c.rs", "b/f.rs", "b/f.rs", "b/mod.rs", "lib.rs", "e.rs"];
    assert_eq!(from_a, expected.map(|to| format!("a.rs -> {to}")).iter().collect::<Vec<_>>());
}

//! The rule that neither layers nor files name each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::demand;
use super::layers::layer;
use super::tree::{Arrow, Tree};

/// The circles of files that may be, each with a comment that says why. There is none.
const ALLOWED: [&[&str]; 0] = [];

/// For each name the names that it names, each with the place of one such path.
type Graph<'t> = BTreeMap<&'t str, BTreeMap<&'t str, String>>;

#[test]
fn layers_name_each_other_in_no_circle() {
    demand(circles(&layers(&Tree::of_the_library())).into_values().collect());
}

#[test]
fn files_name_each_other_in_no_circle() {
    let tree = Tree::of_the_library();
    let files = files(&tree);
    let is_allowed = |circle: &BTreeSet<&str>| {
        ALLOWED.iter().any(|allowed| circle.iter().all(|file| allowed.contains(file)))
    };
    let circles = circles(&files).into_iter().filter(|(circle, _)| !is_allowed(circle));
    demand(circles.map(|(_, offence)| offence).collect());
}

#[test]
fn each_circle_that_may_be_is_there() {
    let tree = Tree::of_the_library();
    let circles = circles(&files(&tree));
    let is_there = |allowed: &&[&str]| {
        circles.keys().any(|circle| allowed.iter().all(|file| circle.contains(file)))
    };
    let unneeded: Vec<_> = ALLOWED.into_iter().filter(|allowed| !is_there(allowed)).collect();
    assert!(unneeded.is_empty(), "take out {unneeded:?}");
}

fn files(tree: &Tree) -> Graph<'_> {
    graph(tree, |path| path)
}

fn layers(tree: &Tree) -> Graph<'_> {
    graph(tree, layer)
}

fn graph<'t>(tree: &'t Tree, name: fn(&str) -> &str) -> Graph<'t> {
    let mut graph = Graph::new();
    for arrow in tree.arrows() {
        let [from, to] = [arrow.from, arrow.to].map(|file| name(&tree.files[file].path));
        if from != to && !is_front(tree, &arrow) {
            let place = format!("src/{}:{}", tree.files[arrow.from].path, arrow.path.line);
            graph.entry(from).or_default().entry(to).or_insert(place);
        }
    }
    graph
}

/// Returns true for a `pub use` of the front of a folder, which only gives a name to what the folder
/// has inside.
fn is_front(tree: &Tree, arrow: &Arrow<'_>) -> bool {
    let [from, to] = [arrow.from, arrow.to].map(|file| tree.files[file].module());
    arrow.path.exported.is_some() && to.starts_with(&from)
}

/// Returns the largest circles, each with the places of its arrows.
fn circles<'t>(graph: &Graph<'t>) -> BTreeMap<BTreeSet<&'t str>, String> {
    let reached: BTreeMap<_, _> =
        graph.keys().map(|name| (*name, reachable(graph, name))).collect();
    let mut circles = BTreeMap::new();
    for (name, all) in reached.iter().filter(|(name, all)| all.contains(*name)) {
        let comes_back = |other: &&str| reached.get(other).is_some_and(|all| all.contains(name));
        let circle: BTreeSet<_> = all.iter().copied().filter(comes_back).collect();
        let offence = describe(graph, &circle);
        circles.insert(circle, offence);
    }
    circles
}

fn reachable<'t>(graph: &Graph<'t>, start: &str) -> BTreeSet<&'t str> {
    let next = |name: &str| graph.get(name).into_iter().flat_map(|to| to.keys().copied());
    let mut to_visit: Vec<_> = next(start).collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = to_visit.pop() {
        if reached.insert(name) {
            to_visit.extend(next(name));
        }
    }
    reached
}

fn describe(graph: &Graph<'_>, circle: &BTreeSet<&str>) -> String {
    let names: Vec<_> = circle.iter().copied().collect();
    let mut text = format!("a circle of {}", names.join(", "));
    for (from, arrows) in graph.iter().filter(|(from, _)| circle.contains(*from)) {
        for (to, place) in arrows.iter().filter(|(to, _)| circle.contains(*to)) {
            text += &format!("\n    {from} names {to} at {place}");
        }
    }
    text
}

#[test]
fn circles_of_files_and_of_layers_are_found() {
    let tree = Tree::made_up(&[
        ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
        ("a.rs", "struct A;\nuse crate::b::one::One;"),
        ("b/mod.rs", "pub use one::One; mod one; mod two;"),
        ("b/one.rs", "struct One;\nfn f() { super::two::Two }"),
        ("b/two.rs", "use super::One; struct Two;\nuse crate::c;"),
        ("c.rs", "use crate::A;"),
    ]);
    let expected = "a circle of a, b, c\n    a names b at src/a.rs:2\n    \
                    b names c at src/b/two.rs:2\n    c names a at src/c.rs:1";
    assert_eq!(circles(&layers(&tree)).into_values().collect::<Vec<_>>(), [expected]);
    let files: Vec<_> = circles(&files(&tree)).into_keys().collect();
    assert_eq!(files, [BTreeSet::from(["a.rs", "b/one.rs", "b/two.rs", "c.rs"])]);
}

#[test]
fn a_front_that_uses_its_own_folder_is_in_a_circle() {
    let text = "struct One; fn f() { super::g() }";
    let front = |uses| [("lib.rs", "mod b;"), ("b/mod.rs", uses), ("b/one.rs", text)];
    let number = |uses| circles(&files(&Tree::made_up(&front(uses)))).len();
    assert_eq!(number("mod one; pub use one::One; fn g() {}"), 0, "it only exports");
    assert_eq!(number("mod one; use one::One; fn g() {}"), 1, "it uses what uses it");
}

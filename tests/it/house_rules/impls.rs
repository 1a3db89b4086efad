//! The rule that an inherent `impl` stands in the file of its type or in a file of the same folder.

use super::demand;
use super::source::{Source, Token, is_word};
use super::tree::Tree;

/// Files that add methods to a type of another folder, and why.
const ALLOWED: [(&str, &str); 6] = [
    // `submit` is above the handles, and is a verb of theirs.
    ("submit/mod.rs", "Coalescer"),
    ("submit/mod.rs", "Group"),
    ("submit/request.rs", "Request"),
    // A refresh in the background is a job.
    ("submit/refresh.rs", "Builder"),
    ("submit/refresh.rs", "Coalescer"),
    ("submit/refresh_batches.rs", "Builder"),
];

#[test]
fn an_impl_stands_in_the_folder_of_its_type() {
    demand(offences(&Tree::of_the_library()));
}

#[test]
fn each_exception_is_needed() {
    let tree = Tree::of_the_library();
    let found: Vec<_> = tree.files.iter().flat_map(|file| far_impls(&tree, file)).collect();
    let is_needed = |(path, name): &(&str, &str)| {
        found.iter().any(|(file, token)| file.path == *path && token.text == *name)
    };
    let unneeded: Vec<_> = ALLOWED.into_iter().filter(|allowed| !is_needed(allowed)).collect();
    assert!(unneeded.is_empty(), "take out {unneeded:?}");
}

fn offences(tree: &Tree) -> Vec<String> {
    let far = tree.files.iter().flat_map(|file| far_impls(tree, file));
    let far = far.filter(|(file, token)| !ALLOWED.contains(&(&file.path, &token.text)));
    far.map(|(file, token)| {
        let homes: Vec<_> = tree.files.iter().filter(|file| defines(file, &token.text)).collect();
        let homes: Vec<_> = homes.iter().map(|file| format!("src/{}", file.path)).collect();
        let home = if homes.is_empty() { "no file".to_owned() } else { homes.join(", ") };
        format!("src/{}:{}: impl {}, which is in {home}", file.path, token.line, token.text)
    })
    .collect()
}

/// Returns the inherent impls whose type no file of the same folder defines.
fn far_impls<'t>(
    tree: &'t Tree,
    file: &'t Source,
) -> impl Iterator<Item = (&'t Source, &'t Token)> {
    let is_far = |token: &&Token| {
        let mut near = tree.files.iter().filter(|other| other.folder() == file.folder());
        !near.any(|other| defines(other, &token.text))
    };
    inherent_impls(&file.tokens).into_iter().filter(is_far).map(move |token| (file, token))
}

fn defines(file: &Source, name: &str) -> bool {
    let kinds = ["struct", "enum", "union"];
    file.tokens.windows(2).any(|pair| kinds.contains(&&pair[0].text[..]) && pair[1].text == name)
}

/// Returns the name of the type of each inherent impl.
fn inherent_impls(tokens: &[Token]) -> Vec<&Token> {
    let starts = (0..tokens.len()).filter(|at| {
        let before = at.checked_sub(1).map_or("", |at| &tokens[at].text);
        tokens[*at].text == "impl" && matches!(before, "" | ";" | "{" | "}" | "]" | "unsafe")
    });
    starts.filter_map(|at| inherent_type(&tokens[at + 1..])).collect()
}

/// Returns the last word of the type's path, outside of angle brackets; nothing for `Trait for Type`.
fn inherent_type(header: &[Token]) -> Option<&Token> {
    let mut depth = 0;
    let mut name = None;
    for token in header {
        match token.text.as_str() {
            "<" => depth += 1,
            ">" => depth -= 1,
            // A type that a macro is given can be any type.
            "$" => return None,
            "for" if depth == 0 => return None,
            "{" | "where" if depth == 0 => break,
            word if depth == 0 && is_word(word) => name = Some(token),
            _ => {}
        }
    }
    name
}

#[test]
fn a_type_that_is_extended_from_afar_is_found() {
    let tree = Tree::made_up(&[
        ("lib.rs", "mod engine; mod observe; mod group;"),
        (
            "group.rs",
            "struct Group; impl<K: Into<u8>> crate::engine::table::Table<K>\nwhere K: Copy {}",
        ),
        ("engine/table.rs", "struct Table<K>; impl<K> Table<K> {} impl Iterator for Table<u8> {}"),
        (
            "engine/join.rs",
            "impl<K: Fn() -> u8> Table<K> { fn f(x: impl Fn()) -> impl Fn() { x } }",
        ),
        (
            "observe/mod.rs",
            "\nimpl Drop for Table<u8> {}\n#[x] impl Table<u8> {}\nunsafe impl Send for X {}\nimpl Gone {} impl $y {}",
        ),
    ]);
    let expected = [
        "src/group.rs:1: impl Table, which is in src/engine/table.rs",
        "src/observe/mod.rs:3: impl Table, which is in src/engine/table.rs",
        "src/observe/mod.rs:5: impl Gone, which is in no file",
    ];
    assert_eq!(offences(&tree), expected);
}

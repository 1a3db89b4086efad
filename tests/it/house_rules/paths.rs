//! The paths in a source, each with the module that it stands in.

use super::source::{Source, Token, is_word, stand_at};

/// A path as it is written, such as `super::gate::Gate`.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) line: usize,
    /// A glob ends with `*`.
    pub(super) segments: Vec<String>,
    /// The module that the path stands in.
    pub(super) scope: Vec<String>,
    /// The name that a `pub use` gives to the path's target in its scope.
    pub(super) exported: Option<String>,
}

/// The paths of a source, and the modules that it declares or contains.
pub(super) struct Found {
    pub(super) paths: Vec<Path>,
    pub(super) modules: Vec<Vec<String>>,
}

struct Finder<'s> {
    tokens: &'s [Token],
    at: usize,
    /// The module of the file, and of the module blocks around this place.
    scope: Vec<String>,
    /// The depth of braces here, and the one around each module block.
    depth: usize,
    blocks: Vec<usize>,
    found: Found,
}

pub(super) fn find(source: &Source) -> Found {
    let found = Found { paths: Vec::new(), modules: Vec::new() };
    let (tokens, scope) = (&source.tokens[..], source.module());
    let mut finder = Finder { tokens, at: 0, scope, depth: 0, blocks: Vec::new(), found };
    while finder.at < tokens.len() {
        finder.step();
    }
    finder.found
}

impl Finder<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn step(&mut self) {
        match self.text(self.at) {
            "{" => self.depth += 1,
            "}" => self.close(),
            "mod" if is_word(self.text(self.at + 1)) => return self.module(),
            "use" if self.text(self.at + 1) != "<" => return self.use_item(),
            text if is_word(text) && self.starts_a_path() => return self.inline(),
            _ => {}
        }
        self.at += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        if self.blocks.last() == Some(&self.depth) {
            self.blocks.pop();
            self.scope.pop();
        }
    }

    fn module(&mut self) {
        let mut module = self.scope.clone();
        module.push(self.text(self.at + 1).to_owned());
        if self.text(self.at + 2) == "{" {
            self.blocks.push(self.depth);
            self.depth += 1;
            self.scope.clone_from(&module);
        }
        self.found.modules.push(module);
        self.at += 3;
    }

    /// A path goes on after `::`, unless that stands at its beginning, as in `::std::sync`.
    fn starts_a_path(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map_or("", |at| self.text(at));
        match before(1) {
            "." => false,
            "::" => !is_word(before(2)) && before(2) != ">",
            _ => true,
        }
    }

    fn inline(&mut self) {
        let line = self.tokens[self.at].line;
        let mut segments = vec![self.text(self.at).to_owned()];
        self.at += 1;
        while self.text(self.at) == "::" && is_word(self.text(self.at + 1)) {
            segments.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        if segments.len() > 1 {
            self.push(line, segments, None);
        }
    }

    fn use_item(&mut self) {
        let is_public = match self.at.checked_sub(1).map_or("", |at| self.text(at)) {
            // The brackets of `pub(crate)`: nothing else with brackets stands before an item.
            "pub" | ")" => true,
            _ => false,
        };
        self.at += 1;
        self.use_tree(&[], is_public);
    }

    /// Reads one branch of a tree: `a::b`, `a as b`, `a::*`, `a::{b, c}`.
    fn use_tree(&mut self, prefix: &[String], is_public: bool) {
        let mut segments = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.text(self.at) {
                "::" => self.at += 1,
                "{" => return self.use_group(&segments, is_public),
                "self" if !segments.is_empty() => self.at += 1,
                text if is_word(text) && text != "as" || text == "*" => {
                    segments.push(text.to_owned());
                    self.at += 1;
                }
                _ => break,
            }
        }
        let mut name = segments.last().cloned();
        if self.text(self.at) == "as" {
            name = Some(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        self.push(line, segments, name.filter(|_| is_public));
    }

    fn use_group(&mut self, prefix: &[String], is_public: bool) {
        self.at += 1;
        while !matches!(self.text(self.at), "}" | "") {
            self.use_tree(prefix, is_public);
            if self.text(self.at) == "," {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    fn push(&mut self, line: usize, segments: Vec<String>, exported: Option<String>) {
        let scope = self.scope.clone();
        self.found.paths.push(Path { line, segments, scope, exported });
    }
}

/// Returns the types and functions, and everything else with a name, that a source declares.
pub(super) fn declares(source: &Source, name: &str) -> bool {
    let keywords =
        ["struct", "enum", "union", "trait", "type", "fn", "const", "static", "mod", "ref"];
    (0..source.tokens.len()).any(|at| {
        keywords.iter().any(|keyword| stand_at(&source.tokens, at, &[keyword, name]))
            || stand_at(&source.tokens, at, &["macro_rules", "!", name])
    })
}

fn written(path: &str, text: &str) -> Vec<String> {
    let found = find(&Source::new(path, text)).paths.into_iter();
    found
        .map(|path| {
            let segments = path.segments.join("::");
            let exported = path.exported.map(|name| format!(" as {name}")).unwrap_or_default();
            format!("{} {}: {segments}{exported}", path.line, path.scope.join("::"))
        })
        .collect()
}

#[test]
fn trees_of_use_are_taken_apart() {
    let text = "use a::{b, c::{self, D as E}, f::*};\npub(crate) use super::{G, h::I as J};\n\
                pub use k::*;\nuse L as _;\nfn m() -> impl Sized + use<'_> {}";
    let expected = [
        "1 x: a::b",
        "1 x: a::c",
        "1 x: a::c::D",
        "1 x: a::f::*",
        "2 x: super::G as G",
        "2 x: super::h::I as J",
        "3 x: k::* as *",
        "4 x: L",
    ];
    assert_eq!(written("x.rs", text), expected);
}

#[test]
fn paths_in_code_and_in_macros_are_found() {
    let text = "fn f(a: crate::b::C<D>) -> ::e::F {\n  a.g::<crate::h::I>();\n  \
                m!(self::j::k(), $crate::l::m);\n  <N as crate::o::P>::q()\n}";
    let expected = [
        "1 x: crate::b::C",
        "1 x: e::F",
        "2 x: crate::h::I",
        "3 x: self::j::k",
        "3 x: crate::l::m",
        "4 x: crate::o::P",
    ];
    assert_eq!(written("x.rs", text), expected);
}

#[test]
fn a_module_block_is_a_scope_of_its_own() {
    let text = "mod a { fn f() { super::b::c() } mod d { use super::E; } }\nuse super::F;";
    let expected = ["1 x::y::a: super::b::c", "1 x::y::a::d: super::E", "2 x::y: super::F"];
    assert_eq!(written("x/y.rs", text), expected);
}

//! A source file as tokens: without comments, the text of literals, and code for tests only.

/// A word, a number, a lifetime or a sign, and the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

pub(super) struct Source {
    /// The path below `src`, with slashes.
    pub(super) path: String,
    pub(super) tokens: Vec<Token>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let tokens = shipped(&tokens(text));
        Self { path: path.to_owned(), tokens }
    }

    /// Returns the path of the module that is this file: `["engine", "table"]`, `[]` for `lib.rs`.
    pub(super) fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" {
            return Vec::new();
        }
        path.split('/').map(str::to_owned).collect()
    }

    /// Returns the folder of this file: `engine`, or nothing for a file in `src` itself.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Returns true if the tokens from `at` on have these texts.
pub(super) fn stand_at(tokens: &[Token], at: usize, texts: &[&str]) -> bool {
    let found = tokens.iter().skip(at).map(|token| token.text.as_str());
    tokens.len() >= at + texts.len() && found.zip(texts).all(|(found, text)| found == *text)
}

pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads characters and counts lines.
struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while self.peek(0).is_some_and(&is_wanted) {
            taken.extend(self.next());
        }
        taken
    }

    /// Passes over everything up to and including `end`.
    fn skip_past(&mut self, end: &str) {
        while self.peek(0).is_some() && !self.starts_with(end) {
            self.next();
        }
        for _ in end.chars() {
            self.next();
        }
    }

    /// Passes over a comment with `/*`, which may have others inside.
    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            if self.starts_with("/*") {
                depth += 1;
                self.at += 1;
            } else if self.starts_with("*/") {
                depth -= 1;
                self.at += 1;
            }
            self.next();
            if depth == 0 {
                return;
            }
        }
    }

    /// Passes over a literal in which a backslash takes the next character with it.
    fn skip_quoted(&mut self, quote: char) {
        self.next();
        while let Some(c) = self.next() {
            if c == '\\' {
                self.next();
            } else if c == quote {
                return;
            }
        }
    }

    /// Passes over a raw string if one begins here, after its `r`.
    fn skip_raw_string(&mut self) -> bool {
        let hashes = (0..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
        if self.peek(hashes) != Some('"') {
            return false;
        }
        self.at += hashes + 1;
        self.skip_past(&format!("\"{}", "#".repeat(hashes)));
        true
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(c) = reader.peek(0) {
        let line = reader.line;
        let text = match c {
            _ if reader.starts_with("//") => {
                reader.take_while(|c| c != '\n');
                continue;
            }
            _ if reader.starts_with("/*") => {
                reader.skip_block_comment();
                continue;
            }
            '"' => {
                reader.skip_quoted('"');
                "\"\"".to_owned()
            }
            '\'' if reader.peek(1) == Some('\\') || reader.peek(2) == Some('\'') => {
                reader.skip_quoted('\'');
                "''".to_owned()
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let word = reader.take_while(|c| c.is_alphanumeric() || c == '_');
                match word.as_str() {
                    "r" | "br" | "cr" if reader.skip_raw_string() => "\"\"".to_owned(),
                    _ => word,
                }
            }
            _ if ["::", "->", "=>"].iter().any(|sign| reader.starts_with(sign)) => {
                [reader.next(), reader.next()].into_iter().flatten().collect()
            }
            _ => {
                reader.next();
                if c.is_whitespace() {
                    continue;
                }
                c.to_string()
            }
        };
        tokens.push(Token { text, line });
    }
    tokens
}

/// Leaves out each item with an attribute `#[cfg(test)]`, or `#[cfg(doc)]`: an import for links.
fn shipped(tokens: &[Token]) -> Vec<Token> {
    let mut shipped = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_left_out = ["test", "doc"]
            .iter()
            .any(|build| stand_at(tokens, at, &["#", "[", "cfg", "(", build, ")", "]"]));
        if is_left_out {
            at = item_end(tokens, at + 7);
        } else {
            shipped.push(tokens[at].clone());
            at += 1;
        }
    }
    shipped
}

/// Returns the place after one item: after the brace that closes it, or after a semicolon outside
/// all brackets.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(token.text.as_str(), "}" | ";") {
            return at + 1;
        }
    }
    tokens.len()
}

#[test]
fn comments_literals_tests_and_links_are_left_out() {
    let text = r##"
        //! crate::a
        /// crate::b
        use c; /* crate::d /* crate::e */ crate::f */
        const G: &str = "crate::h \" crate::i"; const J: &[u8] = br#"crate::" k"#;
        fn l<'m>(n: &'m char) -> char { '\'' + '"' }
        #[cfg(test)]
        #[expect(o)]
        mod tests { fn p() { { q; } } }
        #[cfg(test)]
        use crate::r;
        #[cfg(doc)]
        use crate::t;
        s
    "##;
    let tokens = Source::new("x.rs", text).tokens;
    let words = tokens.iter().map(|token| token.text.as_str()).filter(|text| is_word(text));
    let words: Vec<_> = words.filter(|word| word.len() == 1).collect();
    assert_eq!(words, ["c", "G", "J", "l", "m", "n", "m", "s"]);
    assert_eq!(tokens.last().map(|token| token.line), Some(14));
}

#[test]
fn a_path_says_which_module_a_file_is() {
    let module = |path| Source::new(path, "").module().join("::");
    assert_eq!(module("lib.rs"), "");
    assert_eq!(module("group.rs"), "group");
    assert_eq!(module("engine/mod.rs"), "engine");
    assert_eq!(module("engine/table.rs"), "engine::table");
    assert_eq!(Source::new("engine/table.rs", "").folder(), "engine");
    assert_eq!(Source::new("group.rs", "").folder(), "");
}

//! Puts the table into the README, between two comments.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const BEGIN: &str =
    "<!-- compare: begin, written by cargo run --release -p compare -- --write -->\n";
const END: &str = "<!-- compare: end -->";

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Replaces what stands between the comments by this table.
pub(crate) fn put(table: &str) -> Result<()> {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path)?;
    let text = replaced(&text, table).context("README.md has no such comments")?;
    crate::write(&path, &text)
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_comments_is_replaced() {
        let text = format!("before\n{BEGIN}old{END}\nafter\n");
        let once = replaced(&text, "table\n").expect("the comments are there");
        assert_eq!(once, format!("before\n{BEGIN}\ntable\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "table\n").as_ref(), Some(&once), "it can be done again");
    }

    #[test]
    fn without_the_comments_nothing_is_replaced() {
        assert_eq!(replaced("before\nafter\n", "table\n"), None);
    }

    #[test]
    fn the_readme_has_the_comments() {
        let text = fs::read_to_string(root().join("README.md")).expect("there is a README");
        assert!(replaced(&text, "").is_some());
    }
}

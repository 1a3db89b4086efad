//! Tables as Markdown, and the places for them in README.md and docs.
//!
//! ```text
//! <!-- curves: keys -->
//! ...
//! <!-- /curves -->
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A text, and the name of its place in a page.
pub type Part = (String, String);

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Writes a file, and makes its folder.
///
/// # Errors
///
/// If either cannot be done.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A table. All columns except the first have numbers, aligned to the right.
pub fn markdown(head: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rule = (0..head.len()).map(|column| if column == 0 { "---" } else { "---:" });
    let rule = rule.map(str::to_owned).collect();
    let lines = [head, rule].into_iter().chain(rows);
    lines.map(|cells| format!("| {} |\n", cells.join(" | "))).collect()
}

/// Fills all places of this kind in README.md and docs.
///
/// # Errors
///
/// If a page has a place for which there is no part, or that does not end.
pub fn put(kind: &str, parts: &[Part]) -> Result<()> {
    let docs = fs::read_dir(root().join("docs"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let pages = docs.chain([root().join("README.md")]);
    for page in pages.filter(|page| page.extension().is_some_and(|it| it == "md")) {
        let text = fs::read_to_string(&page)?;
        let filled = fill(&text, kind, parts).with_context(|| page.display().to_string())?;
        if filled != text {
            write(&page, &filled)?;
            eprintln!("filled: {}", page.display());
        }
    }
    Ok(())
}

fn fill(page: &str, kind: &str, parts: &[Part]) -> Result<String> {
    let (begin, end) = (format!("<!-- {kind}: "), format!("<!-- /{kind} -->"));
    let mut pieces = page.split(&begin);
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let name = piece.lines().next().and_then(|line| line.strip_suffix(" -->"));
        let name = name.context("a place has no name")?;
        let Some((_, part)) = parts.iter().find(|(known, _)| known == name) else {
            bail!("there is nothing to put in the place {name}");
        };
        let (_, rest) = piece.split_once(&end).with_context(|| format!("{name} has no end"))?;
        filled += &format!("{begin}{name} -->\n{}\n{end}{rest}", part.trim_end());
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, text: &str) -> Part {
        (name.to_owned(), text.to_owned())
    }

    const PAGE: &str = "a\n<!-- k: x -->\nold\n<!-- /k -->\nb\n<!-- k: y -->\n<!-- /k -->\n";

    #[test]
    fn each_part_goes_into_its_place_and_the_rest_stays() {
        let parts = [part("y", "new y\n"), part("z", "no place"), part("x", "new x")];
        let filled = fill(PAGE, "k", &parts).expect("all are there");
        let expected =
            "a\n<!-- k: x -->\nnew x\n<!-- /k -->\nb\n<!-- k: y -->\nnew y\n<!-- /k -->\n";
        assert_eq!(filled, expected);
        assert_eq!(fill(&filled, "k", &parts).expect("again"), filled);
        assert_eq!(fill(PAGE, "other", &[]).expect("no such place"), PAGE);
    }

    #[test]
    fn a_place_without_a_part_or_an_end_is_named() {
        let error =
            |page, parts: &[Part]| format!("{:#}", fill(page, "k", parts).expect_err("wrong"));
        assert!(error(PAGE, &[part("x", "")]).contains("the place y"));
        let open = "<!-- k: x -->\n<!-- k: y -->\n<!-- /k -->\n";
        assert!(error(open, &[part("x", ""), part("y", "")]).contains("x has no end"));
    }
}

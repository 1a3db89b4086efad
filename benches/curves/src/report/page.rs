//! A page with places that are filled by this program, between two comments each.
//!
//! ```text
//! <!-- curves: keys -->
//! ...
//! <!-- /curves -->
//! ```

use anyhow::{Context, Result, ensure};

const END: &str = "<!-- /curves -->";

/// The page with its places filled. Every part needs its place, and every place its part.
pub(crate) fn fill(
    page: &str,
    parts: impl IntoIterator<Item = (String, String)>,
) -> Result<String> {
    let (mut page, mut filled) = (page.to_string(), 0);
    for (name, part) in parts {
        let begin = format!("<!-- curves: {name} -->\n");
        let from = page.find(&begin).with_context(|| format!("no place for {name} in the page"))?;
        let from = from + begin.len();
        let length = page[from..].find(END).with_context(|| format!("{name} has no end"))?;
        ensure!(!page[from..from + length].contains("<!-- curves: "), "{name} has no end");
        page.replace_range(from..from + length, &format!("{}\n", part.trim_end()));
        filled += 1;
    }
    let places = page.matches("<!-- curves: ").count();
    ensure!(places == filled, "the page has {places} places, and {filled} were filled");
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, text: &str) -> (String, String) {
        (name.to_string(), text.to_string())
    }

    const PAGE: &str = "a\n<!-- curves: x -->\nold\nold\n<!-- /curves -->\nb\n\
                        <!-- curves: y -->\n<!-- /curves -->\n";

    #[test]
    fn each_part_goes_into_its_place_and_the_rest_stays() {
        let filled = fill(PAGE, [part("y", "new y\n"), part("x", "new x")]).expect("all are there");
        let expected = "a\n<!-- curves: x -->\nnew x\n<!-- /curves -->\nb\n\
                        <!-- curves: y -->\nnew y\n<!-- /curves -->\n";
        assert_eq!(filled, expected);
        assert_eq!(fill(&filled, [part("x", "new x"), part("y", "new y")]).expect("again"), filled);
    }

    #[test]
    fn a_part_without_a_place_and_a_place_without_a_part_are_told() {
        let error = |parts: &[(String, String)]| {
            fill(PAGE, parts.to_vec()).expect_err("something is missing").to_string()
        };
        assert!(error(&[part("z", "")]).contains("no place for z"));
        assert!(error(&[part("x", "")]).contains("2 places, and 1"));
    }

    #[test]
    fn a_place_that_does_not_end_swallows_no_other() {
        let page = "<!-- curves: x -->\n<!-- curves: y -->\n<!-- /curves -->\n";
        let error = fill(page, [part("x", "")]).expect_err("x has no end").to_string();
        assert!(error.contains("x has no end"), "{error}");
    }
}

//! The attribute has a word for every setting of the library.

/// Setters of the builder that are no settings: they need the types of keys and values, or give a name.
const OF_BUILDER: [&str; 5] = ["share_if", "share_with", "on_slow", "hasher", "name"];

#[test]
fn every_setting_is_a_word() {
    // A crate with an attribute exports nothing else, so the table of its words is read as text.
    let words = include_str!("../src/settings.rs");
    let settings = include_str!("../../../src/settings/setters.rs");
    let setters = settings.lines().filter_map(|line| line.trim().strip_prefix("pub fn "));
    let setters = setters.filter(|setter| setter.contains("(mut self"));
    let names = setters.filter_map(|setter| setter.split('(').next()).chain(OF_BUILDER);
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 15, "the settings have moved");
    for name in names {
        assert!(words.contains(&format!("    (\"{name}\", \"{name}")), "`{name}` has no word");
    }
}

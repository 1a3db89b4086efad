//! The table, as Markdown.

use std::collections::BTreeMap;

use super::{ALL, SUBJECTS, Subject, bounds};
use crate::machine::version;

/// The note on how the cells were measured, and with which methods.
const NOTES: &str = "\
Each cell is the result of a run of the situation (`cargo run -p lab -- peers`); \"no such API\" is an
absence, and so are the cells of Go's last three rows. The verbs are coalescer's `Group::execute`,
Go's `Do`, moka's `try_get_with`, quick_cache's `get_or_insert_with` and singleflight's `work`. A
wait has a deadline by `execute_timeout`, by Go's `DoChan` with `select`, and by quick_cache's
`get_value_or_guard`. A thread hangs if it was asleep for 300 ms without a break, and nothing but the
situation could wake it. \"In some herds more\" is a race: up to 100 herds were sent, until one of
them did not share. Forgetting is `forget`, `Forget`, `invalidate` and `remove`. The compiler shows
which types must be `Clone`.
";

/// Runs all subjects in all situations. Go's version and cells come from its own program.
pub(super) fn table(go: Option<&(String, BTreeMap<String, String>)>) -> String {
    let version_of_go = go.map_or("not run", |(version, _)| version);
    let titles = |it: &Subject| format!("{} {}", it.name, version(it.name));
    let head = row("", titles, format!("Go x/sync/singleflight {version_of_go}"));
    let rule = head.iter().map(|_| "---".to_owned()).collect();
    let situations = ALL.iter().map(|situation| {
        let cell = go.and_then(|(_, cells)| cells.get(situation.key));
        let cell = cell.map_or("not run", String::as_str).to_owned();
        row(situation.title, |subject| (situation.see)(subject), cell)
    });
    let bound = |title, cell: fn(&str) -> &'static str| {
        row(title, |subject| cell(subject.name).to_owned(), cell("go").to_owned())
    };
    let bounds = [
        bound("Values must be `Clone`", |name| bounds::of(name).values),
        bound("Errors must be `Clone`", |name| bounds::of(name).errors),
    ];
    let rows = [head, rule].into_iter().chain(situations).chain(bounds);
    rows.map(|cells| format!("| {} |\n", cells.join(" | "))).collect::<String>() + "\n" + NOTES
}

/// A row: this library first, then Go, on whose package the others are modelled.
fn row(title: &str, cell: impl Fn(&Subject) -> String, go: String) -> Vec<String> {
    let mut cells = vec![title.to_owned()];
    cells.extend(SUBJECTS.iter().map(cell));
    cells.insert(2, go);
    cells
}

//! The comparison table, as Markdown.

use std::fmt::Write;

use crate::bounds;
use crate::contender::{self, Contender};
use crate::go::Report;
use crate::scenarios::{self, Scenario};

/// How the cells came about, and by which verbs.
const NOTES: &str = "\
Each cell is what was seen when the situation was run (`cargo run -p peers`); \"no such API\" is an
absence, and so are the cells of Go's last three rows. The verbs are coalescer's `Group::execute`,
Go's `Do`, moka's `try_get_with`, quick_cache's `get_or_insert_with` and singleflight's `work`. A
wait has a deadline by `execute_timeout`, by Go's `DoChan` with `select`, and by quick_cache's
`get_value_or_guard`. \"Hang\" is said of a thread that was asleep for 300 ms on end, without anything
under way that could wake it but what the row says. \"In some herds more\" is a race: up to 100 herds
were sent, until one of them did not share. Forgetting is `forget`, `Forget`, `invalidate` and
`remove`. Which types must be `Clone` is shown by the compiler.
";

/// Puts all contenders into all situations, and says what was seen.
pub fn table(go: Option<&Report>) -> String {
    let mut table = header(go);
    for scenario in scenarios::ALL {
        line(&mut table, scenario.title, row(&scenario, go));
    }
    line(&mut table, "Values must be `Clone`", bounds_row(|name| bounds::of(name).values));
    line(&mut table, "Errors must be `Clone`", bounds_row(|name| bounds::of(name).errors));
    table.push('\n');
    table.push_str(NOTES);
    table
}

fn header(go: Option<&Report>) -> String {
    let version = go.map_or("not run".into(), Report::version);
    let go = format!("Go x/sync/singleflight {version}");
    let names = columns(|contender| format!("{} {}", contender.name, contender.version()), go);
    let mut header = String::new();
    let rule = names.iter().map(|_| "---".to_owned()).collect();
    line(&mut header, "", names);
    line(&mut header, "---", rule);
    header
}

fn row(scenario: &Scenario, go: Option<&Report>) -> Vec<String> {
    let go = go.map_or("not run", |go| go.cell(scenario.key)).to_owned();
    columns(|contender| (scenario.see)(contender), go)
}

fn bounds_row(cell: fn(&str) -> &'static str) -> Vec<String> {
    columns(|contender| cell(contender.name).to_owned(), cell("go").to_owned())
}

/// The cells of a row: this library first, then Go, whose package the others took after.
fn columns(cell: impl Fn(&Contender) -> String, go: String) -> Vec<String> {
    let mut cells: Vec<String> = contender::ALL.iter().map(cell).collect();
    cells.insert(1, go);
    cells
}

fn line(table: &mut String, title: &str, cells: Vec<String>) {
    writeln!(table, "| {title} | {} |", cells.join(" | ")).expect("a String takes all text");
}

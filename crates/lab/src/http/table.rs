//! The tables, as Markdown, and the conditions of the run.

use super::{ALL, Scenario, rows};
use crate::compare::number;
use crate::curves;
use crate::page::{Part, markdown};
use crate::raw::Raw;

pub(super) fn parts(raw: &Raw) -> Vec<Part> {
    let facts = format!("Machine: {}; {}\n", curves::facts(raw).trim_end(), raw.fact("nginx"));
    let tables = ALL.iter().map(|scenario| (scenario.name.to_owned(), table(raw, scenario)));
    [("facts".to_owned(), facts)].into_iter().chain(tables).collect()
}

/// One row for each figure, one column for each lane that was measured.
fn table(raw: &Raw, scenario: &Scenario) -> String {
    let rows: Vec<_> = rows::ALL.iter().filter(|row| row.scenario == scenario.name).collect();
    let lanes =
        scenario.lanes.iter().filter(|lane| rows.iter().any(|row| row.of(raw, lane).is_some()));
    let lanes: Vec<_> = lanes.copied().collect();
    let head = [""].into_iter().chain(lanes.iter().copied()).chain(["target", "met"]);
    let cells = |row: &&rows::Row| {
        let figures = lanes.iter().map(|lane| row.of(raw, lane).map_or(String::new(), number));
        let met = match row.is_met(raw) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let title = [row.title.to_owned()];
        title.into_iter().chain(figures).chain([row.target(), met.to_owned()]).collect()
    };
    markdown(head.map(str::to_owned).collect(), rows.iter().map(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{LAYER, NGINX, PLAIN};
    use crate::raw::Line;

    #[test]
    fn a_row_has_each_lane_that_was_measured_its_target_and_whether_it_is_met() {
        let figure = |lane: &str, name, value| Line::new("burst", lane, name, value);
        let lines = vec![
            figure(PLAIN, "runs", 500.0),
            figure(LAYER, "runs", 1.0),
            figure(NGINX, "runs", 1.0),
            figure(LAYER, "p99_ms", 60.0),
            figure(NGINX, "p99_ms", 55.0),
        ];
        let table = table(&Raw { lines, ..Raw::default() }, &ALL[0]);
        assert!(table.contains("|  | no coalescing | nginx | coalescer-http | target | met |"));
        assert!(table.contains("| runs for a burst | 500 | 1.00 | 1.00 | ≤ 1 | yes |"), "{table}");
        assert!(table.contains("| p99, ms |  | 55.0 | 60.0 | ≤ nginx | **no** |"), "{table}");
    }
}

//! The table, as Markdown, and the conditions of the run.

use super::{ALL, rows};
use crate::compare::number;
use crate::curves;
use crate::page::{Part, markdown};
use crate::raw::Raw;

pub(super) fn parts(raw: &Raw) -> Vec<Part> {
    let facts = format!("Machine: {}; {}\n", curves::facts(raw).trim_end(), raw.fact("loaders"));
    let mut parts = vec![("facts".to_owned(), facts)];
    let tables =
        [("page", &["absent", "late"][..]), ("idle", &["idle"]), ("refresh", &["refresh"])];
    let arrivals = ("arrivals", &["arrivals-10", "arrivals-100", "arrivals-1000"][..]);
    for (name, scenarios) in tables.into_iter().chain([arrivals]) {
        parts.push((name.to_owned(), table(raw, scenarios)));
    }
    parts
}

/// One row for each figure, one column for each lane that was measured.
fn table(raw: &Raw, scenarios: &[&str]) -> String {
    let of = |name: &str| scenarios.contains(&name);
    let lanes = ALL.iter().find(|scenario| of(scenario.name)).map_or(&[][..], |it| it.lanes);
    let rows: Vec<_> = rows::ALL.iter().filter(|row| of(row.scenario)).collect();
    let lanes = lanes.iter().filter(|lane| rows.iter().any(|row| row.of(raw, lane).is_some()));
    let lanes: Vec<_> = lanes.copied().collect();
    let head = [""].into_iter().chain(lanes.iter().copied()).chain(["target", "met"]);
    let cells = |row: &&rows::Row| {
        let figures = lanes.iter().map(|lane| row.of(raw, lane).map_or(String::new(), number));
        let met = match row.is_met(raw) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        [row.title.to_owned()]
            .into_iter()
            .chain(figures)
            .chain([row.target(), met.to_owned()])
            .collect()
    };
    markdown(head.map(str::to_owned).collect(), rows.iter().map(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Line;

    #[test]
    fn a_row_has_each_lane_that_was_measured_its_target_and_whether_it_is_met() {
        let figure = |lane: &str, value| Line::new("absent", lane, "ns", value);
        let raw = Raw {
            lines: vec![figure(super::super::COALESCER, 50.0), figure(super::super::SINGLE, 100.0)],
            ..Raw::default()
        };
        let table = table(&raw, &["absent"]);
        let row = "| 100 absent keys, ns | 50.0 | 100 | ≤ 0.8 of single calls; ≤ async-graphql; ≤ ultra-batch | yes |";
        assert!(table.contains(row), "{table}");
    }
}

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

/// One row for each figure, one column for each lane that was measured. Each target is judged by itself.
fn table(raw: &Raw, scenarios: &[&str]) -> String {
    let of = |name: &str| scenarios.contains(&name);
    let lanes = ALL.iter().find(|scenario| of(scenario.name)).map_or(&[][..], |it| it.lanes);
    let rows: Vec<_> = rows::ALL.iter().filter(|row| of(row.scenario)).collect();
    let lanes = lanes.iter().filter(|lane| rows.iter().any(|row| row.of(raw, lane).is_some()));
    let lanes: Vec<_> = lanes.copied().collect();
    let head = [""].into_iter().chain(lanes.iter().copied()).chain(["target", "met"]);
    let cells = |row: &&rows::Row| {
        let figures = lanes.iter().map(|lane| row.of(raw, lane).map_or(String::new(), number));
        let met = row.met(raw).into_iter().map(|met| match met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        });
        let met = met.collect::<Vec<_>>().join("; ");
        let title = [row.title.to_owned()].into_iter();
        title.chain(figures).chain([row.targets().join("; "), met]).collect()
    };
    markdown(head.map(str::to_owned).collect(), rows.iter().map(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Line;

    #[test]
    fn a_row_has_each_lane_that_was_measured_and_says_of_each_target_whether_it_is_met() {
        let figure = |lane: &str, value| Line::new("absent", lane, "ns", value);
        let raw = Raw {
            lines: vec![
                figure(super::super::COALESCER, 90.0),
                figure(super::super::SINGLE, 100.0),
                figure(super::super::ULTRA_BATCH, 90.0),
            ],
            ..Raw::default()
        };
        let table = table(&raw, &["absent"]);
        let row = "| 100 absent keys, ns | 90.0 | 100 | 90.0 \
                   | ≤ 0.8 of single calls; ≤ async-graphql; ≤ ultra-batch | **no**; not measured; yes |";
        assert!(table.contains(row), "{table}");
    }

    #[test]
    fn an_idle_batcher_is_held_to_a_lead_and_to_a_batcher_that_does_not_gather() {
        let figure = |lane: &str, value| Line::new("idle", lane, "ns", value);
        let raw = Raw {
            lines: vec![
                figure(super::super::COALESCER, 240.0),
                figure(super::super::SINGLE, 70.0),
                figure(super::super::WINDOW, 200.0),
            ],
            ..Raw::default()
        };
        let table = table(&raw, &["idle"]);
        let end = "| ≤ single calls + 40; ≤ window alone + 40 | **no**; yes |";
        assert!(table.contains(end), "{table}");
    }
}

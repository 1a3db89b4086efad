//! The table, as Markdown, and the notes that belong to it.

use super::rows::{self, Row, Verdict};
use crate::compare::number;
use crate::curves;
use crate::page::{Part, markdown};
use crate::raw::Raw;

const PICTURE: &str =
    "![Executions, waits, round trips and take-overs, beside other ways](cluster.svg)";

/// The table and its conditions, each with its name.
pub(super) fn parts(raw: &Raw) -> Vec<Part> {
    let parts = [("table", table(raw)), ("summary", summary(raw)), ("facts", facts(raw))];
    parts.map(|(name, part)| (name.to_owned(), part)).to_vec()
}

/// One row for each figure that was measured, one column for each lane.
fn table(raw: &Raw) -> String {
    let lanes: Vec<_> = rows::COLUMNS.into_iter().filter(|lane| was_measured(raw, lane)).collect();
    let head = [""].into_iter().chain(lanes.iter().copied()).chain(["target", "met"]);
    let rows = rows::ALL.iter().filter(|row| lanes.iter().any(|lane| row.of(raw, lane).is_some()));
    markdown(head.map(str::to_owned).collect(), rows.map(|row| cells(row, &lanes, raw)))
}

fn was_measured(raw: &Raw, lane: &str) -> bool {
    raw.lines.iter().any(|line| line.lane == lane)
}

fn cells(row: &Row, lanes: &[&str], raw: &Raw) -> Vec<String> {
    let figures = lanes.iter().map(|lane| row.of(raw, lane).map_or(String::new(), short));
    let targets: Vec<_> = row.targets.iter().map(rows::Target::text).collect();
    let mut cells = vec![row.title.to_owned()];
    cells.extend(figures);
    cells.extend([targets.join("; "), met(&row.verdict(raw))]);
    cells
}

/// Counts are written without digits behind the point, and small figures with as many as they need.
pub(super) fn short(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 0.0995 => format!("{value:.4}").trim_end_matches('0').to_owned(),
        value => number(value),
    }
}

fn met(verdict: &Verdict) -> String {
    match verdict {
        Verdict::NoTarget => String::new(),
        Verdict::NotMeasured => "not measured".to_owned(),
        Verdict::Met => "yes".to_owned(),
        Verdict::Missed(lanes) => format!("**no**: {}", lanes.join(", ")),
    }
}

/// The picture, and how many targets are met.
fn summary(raw: &Raw) -> String {
    let has = |kind: fn(&Verdict) -> bool| {
        rows::ALL.iter().filter(move |row| kind(&row.verdict(raw))).count()
    };
    let met = has(|verdict| *verdict == Verdict::Met);
    let all = has(|verdict| *verdict != Verdict::NoTarget);
    let unmeasured = has(|verdict| *verdict == Verdict::NotMeasured);
    let rest = match unmeasured {
        0 => String::new(),
        count => format!(" {count} were not measured."),
    };
    format!("{PICTURE}\n\n{met} of {all} targets are met.{rest}\n")
}

/// The conditions, with the versions of servers and clients, and the peers that are left out.
fn facts(raw: &Raw) -> String {
    let versions = ["servers", "clients", "dogpile", "rueidisaside"].map(|fact| raw.fact(fact));
    format!("Machine: {}; {}\n", curves::facts(raw).trim_end(), versions.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{ASIDE, FILES, POSTGRES, REDIS};
    use super::*;
    use crate::raw::Line;

    fn raw(values: &[(&str, f64)]) -> Raw {
        let line = |(lane, value): &(&str, f64)| Line::new("hot", lane, "executions", *value);
        Raw { lines: values.iter().map(line).collect(), ..Raw::default() }
    }

    #[test]
    fn a_row_has_each_lane_that_was_measured_its_target_and_whether_it_is_met() {
        let table = table(&raw(&[(ASIDE, 61.25), (REDIS, 1.0), (FILES, 1.25)]));
        assert_eq!(
            table,
            "|  | Redis | files | cache-aside | target | met |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |\n\
             | one hot key: executions a window | 1.00 | 1.25 | 61.2 | ≤ 1 | **no**: files |\n"
        );
    }

    #[test]
    fn targets_are_counted() {
        let said = summary(&raw(&[(REDIS, 1.0), (POSTGRES, 1.0)]));
        let targets = rows::ALL.iter().filter(|row| !row.targets.is_empty()).count();
        let rest = targets - 1;
        let counts = format!("1 of {targets} targets are met. {rest} were not measured.\n");
        assert!(said.starts_with(PICTURE) && said.ends_with(&counts), "{said}");
    }

    #[test]
    fn small_figures_keep_their_digits() {
        assert_eq!(
            [0.0, 0.0051, 0.05, 0.5, 1234.0].map(short),
            ["0", "0.0051", "0.05", "0.50", "1234"]
        );
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut raw = raw(&[(REDIS, 1.0)]);
        raw.note("rueidisaside", "rueidisaside is left out (go cannot be run)");
        assert!(facts(&raw).contains("a short run") && facts(&raw).contains("(go cannot be run)"));
    }
}

//! The list of differences, `docs/nginx.md`: read, compared with the outcomes, and written.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::Compared;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/nginx.md");

/// The begin of each table.
const HEAD: &str = "| pair | nginx | ours |";
const RULE: &str = "| --- | --- | --- |";

/// The sections of the pairs in which the layer gives a page to a client to whom nginx does not give it.
const GIVES_MORE: [&str; 3] = [
    "## Answers that are not kept, for those who wait",
    "## Answers that nginx does not keep and might",
    "## A fragment in the target",
];

/// The heading of differences that a person has not explained yet.
const UNEXPLAINED: &str = "## Without a reason";

/// The shortest text that can be a reason.
const REASON: usize = 60;

/// The two outcomes of a pair that differ.
type Two = (String, String);

/// Fails unless the page has these differences, and each with a reason.
pub(crate) fn check(version: &str, compared: &[Compared]) {
    let differences: BTreeMap<_, _> = compared
        .iter()
        .map(|it| (it.name.clone(), (it.nginx.to_string(), it.ours.to_string())))
        .filter(|(_, (nginx, ours))| nginx != ours)
        .collect();
    let line = summary(version, compared.len(), differences.len());
    let page = fs::read_to_string(PAGE).unwrap();
    if std::env::var_os("COALESCER_WRITE_TABLES").is_some() {
        fs::write(PAGE, written(&page, &line, differences.clone())).unwrap();
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let complaints = if is_ci || page.contains(&format!("({version})")) {
        complaints(&page, &line, differences)
    } else {
        eprintln!("{version} is not the version of docs/nginx.md: its column is not compared");
        complaints_about_ours(&page, compared)
    };
    let complaints = [complaints, gives_more(&page, compared)].concat();
    let hint = "set COALESCER_WRITE_TABLES=1 to write the outcomes, and state the reasons";
    let (number, all) = (complaints.len(), complaints.join("\n"));
    assert!(complaints.is_empty(), "docs/nginx.md has {number} faults; {hint}:\n{all}");
}

fn summary(version: &str, pairs: usize, differences: usize) -> String {
    let alike = pairs - differences;
    format!("**Of {pairs} pairs, {alike} end alike and {differences} differ** ({version}).")
}

fn complaints(page: &str, summary: &str, mut seen: BTreeMap<String, Two>) -> Vec<String> {
    let mut complaints = without_reason(page);
    if !page.lines().any(|line| line == summary) {
        complaints.push(format!("it does not say: {summary}"));
    }
    for (pair, listed) in rows(page) {
        match seen.remove(pair) {
            Some((nginx, ours)) if (nginx.as_str(), ours.as_str()) == listed => {}
            Some(seen) => complaints.push(format!("{pair}: {seen:?}, and not {listed:?}")),
            None => complaints.push(format!("{pair}: listed, and not seen, or listed twice")),
        }
    }
    complaints.extend(seen.into_iter().map(|(pair, seen)| format!("{pair}: not listed: {seen:?}")));
    complaints
}

fn complaints_about_ours(page: &str, compared: &[Compared]) -> Vec<String> {
    let differs = |(pair, (_, listed)): (&str, (&str, &str))| {
        let ours = compared.iter().find(|it| it.name == pair)?.ours.to_string();
        (ours != listed).then(|| format!("{pair}: {ours}, and not {listed}"))
    };
    rows(page).filter_map(differs).collect()
}

/// The rows of all tables: the pair, and the outcomes of nginx and ours.
fn rows(page: &str) -> impl Iterator<Item = (&str, (&str, &str))> {
    let mut is_table = false;
    page.lines().filter_map(move |line| {
        is_table = line == HEAD || (is_table && line.starts_with('|'));
        let is_row = is_table && line != HEAD && line != RULE;
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let row = (cells.next()?, (cells.next()?, cells.next()?));
        is_row.then_some(row)
    })
}

/// The pairs in which the layer gives more than nginx, and which stand among others.
fn gives_more(page: &str, compared: &[Compared]) -> Vec<String> {
    let heading_of = |pair: &str| {
        let row = page.find(&format!("\n| {pair} |"))?;
        page[..row].lines().rfind(|line| line.starts_with('#'))
    };
    let is_another_page =
        |it: &&Compared| it.ours.second().run == Some(1) && it.nginx.second().run != Some(1);
    let is_known = |it: &Compared| heading_of(&it.name).is_some_and(|it| GIVES_MORE.contains(&it));
    let unknown = compared.iter().filter(is_another_page).filter(|it| !is_known(it));
    unknown.map(|it| format!("{}: it is not listed that the layer gives more", it.name)).collect()
}

/// The tables before which no text stands.
fn without_reason(page: &str) -> Vec<String> {
    let (mut complaints, mut heading, mut text) = (Vec::new(), "", 0);
    for line in page.lines() {
        match line {
            HEAD if text < REASON || heading == UNEXPLAINED => {
                complaints.push(format!("a table has no reason: {heading}"));
            }
            _ if line.starts_with('#') => (heading, text) = (line, 0),
            _ if line.starts_with('|') => text = 0,
            _ => text += line.len(),
        }
    }
    complaints
}

/// The page with these outcomes. A row that is seen no more is left out, and a new one has no reason yet.
fn written(page: &str, summary: &str, mut seen: BTreeMap<String, Two>) -> String {
    let listed: Vec<_> = rows(page).map(|(pair, _)| pair).collect();
    let mut text = String::new();
    for line in page.lines() {
        let pair = line.strip_prefix("| ").and_then(|line| line.split(" |").next());
        match pair.filter(|pair| listed.contains(pair)) {
            Some(pair) => {
                if let Some((nginx, ours)) = seen.remove(pair) {
                    writeln!(text, "| {pair} | {nginx} | {ours} |").unwrap();
                }
            }
            None if line.starts_with("**Of ") => writeln!(text, "{summary}").unwrap(),
            None => writeln!(text, "{line}").unwrap(),
        }
    }
    if !seen.is_empty() {
        write!(text, "\n{UNEXPLAINED}\n\n{HEAD}\n{RULE}\n").unwrap();
        for (pair, (nginx, ours)) in seen {
            writeln!(text, "| {pair} | {nginx} | {ours} |").unwrap();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASONED: &str = "\
        # Differences\n\n**Of 3 pairs, 2 end alike and 1 differ** (nginx/1).\n\n## Users\n\nA reason that is long \
        enough to be one, in a sentence or two.\n\n| pair | nginx | ours |\n| --- | --- | --- |\n| a, after | 1 run | \
        2 runs |\n";

    fn seen(rows: &[(&str, &str, &str)]) -> BTreeMap<String, Two> {
        let own = |(pair, nginx, ours): &(&str, &str, &str)| {
            ((*pair).to_owned(), ((*nginx).to_owned(), (*ours).to_owned()))
        };
        rows.iter().map(own).collect()
    }

    #[test]
    fn a_difference_that_is_not_listed_or_not_seen_or_another_one_is_a_fault() {
        let summary = summary("nginx/1", 3, 1);
        let faults = |rows| complaints(REASONED, &summary, seen(rows));
        assert_eq!(faults(&[("a, after", "1 run", "2 runs")]), [""; 0]);
        for (rows, fault) in [
            (&[][..], "a, after: listed, and not seen"),
            (&[("a, after", "1 run", "3 runs")], "and not (\"1 run\", \"2 runs\")"),
            (
                &[("a, after", "1 run", "2 runs"), ("b, after", "0 runs", "1 run")],
                "b, after: not listed",
            ),
        ] {
            let faults = faults(rows);
            assert!(faults.len() == 1 && faults[0].contains(fault), "{faults:?}");
        }
    }

    #[test]
    fn a_table_without_a_reason_or_a_page_with_other_numbers_is_a_fault() {
        let rows = || seen(&[("a, after", "1 run", "2 runs")]);
        let bare = REASONED.replace("A reason that is long", "It is");
        assert!(complaints(&bare, &summary("nginx/1", 3, 1), rows())[0].contains("## Users"));
        let faults = complaints(REASONED, &summary("nginx/1", 4, 1), rows());
        assert!(faults.len() == 1 && faults[0].contains("Of 4 pairs"), "{faults:?}");
    }

    #[test]
    fn a_page_that_is_written_has_what_was_seen_and_a_fault_for_each_new_difference() {
        let rows = seen(&[("b, after", "0 runs", "1 run")]);
        let summary = summary("nginx/2", 3, 1);
        let page = written(REASONED, &summary, rows.clone());
        assert!(page.contains(UNEXPLAINED) && !page.contains("a, after"), "{page}");
        let faults = complaints(&page, &summary, rows);
        assert!(faults.len() == 1 && faults[0].contains("no reason"), "{faults:?}");
    }
}

//! Executions a window over time, as text.

use super::record::Phase;

/// The picture fits a terminal of 80 columns.
const WIDTH: usize = 72;

/// The rows, from the top. A column reaches a row if it is nearer to it than to the one below.
const ROWS: [f64; 7] = [64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0];

/// Draws the phases side by side. A column is one window or some, with their mean.
pub(super) fn draw(phases: &[Phase]) -> String {
    let windows: usize = phases.iter().map(|phase| phase.series.len()).sum();
    let each = windows.div_ceil(WIDTH).max(1);
    let columns: Vec<Vec<f64>> = phases.iter().map(|phase| columns(phase, each)).collect();
    let mut lines = vec!["Executions that began in a window, over time:".to_string()];
    let names = phases.iter().zip(&columns);
    let names: Vec<_> =
        names.map(|(phase, columns)| format!("{:<1$.1$}", phase.phase, columns.len())).collect();
    lines.push(format!("     {}", names.join(" ")));
    let marks: Vec<_> =
        phases.iter().zip(&columns).map(|(phase, columns)| marks(phase, columns.len())).collect();
    lines.push(format!("     {}", marks.join(" ")));
    let most = columns.iter().flatten().copied().fold(0.0, f64::max);
    for label in ROWS {
        let least = if label > 1.0 { label / 2f64.sqrt() } else { 0.1 };
        // Rows above the highest column have nothing to tell.
        if most < least {
            continue;
        }
        let row = |columns: &Vec<f64>| -> String {
            columns.iter().map(|value| if *value >= least { '#' } else { ' ' }).collect()
        };
        let rows: Vec<_> = columns.iter().map(row).collect();
        lines.push(format!("{label:>4} {}", rows.join(" ")).trim_end().to_string());
    }
    lines.push(format!(
        "     {}",
        columns.iter().map(|columns| "-".repeat(columns.len())).collect::<Vec<_>>().join(" ")
    ));
    lines.push("     K: kill -9 of a leader.  X: the engine goes.  B: it is back.".to_string());
    lines.join("\n") + "\n"
}

fn columns(phase: &Phase, each: usize) -> Vec<f64> {
    let mean = |windows: &[u64]| windows.iter().sum::<u64>() as f64 / windows.len() as f64;
    phase.series.chunks(each).map(mean).collect()
}

fn marks(phase: &Phase, width: usize) -> String {
    let mut line = vec![' '; width];
    for mark in &phase.marks {
        let at = (mark.at / phase.seconds * width as f64) as usize;
        let sign = match mark.what {
            "kill -9" => 'K',
            "back" => 'B',
            _ => 'X',
        };
        if let Some(last) = width.checked_sub(1) {
            line[at.min(last)] = sign;
        }
    }
    line.into_iter().collect()
}

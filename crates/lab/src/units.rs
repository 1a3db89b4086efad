//! The units of figures, and the text of a figure with its unit.

/// The unit of a figure, or of its place on a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Milliseconds; an hour is one that does not end while anything is measured.
    Window,
    Bytes,
    PerSecond,
    Count,
    /// To the time at the start of the curve.
    Ratio,
}

/// An hour in milliseconds.
const HOUR: f64 = 3.6e6;

impl Unit {
    /// In three digits at most.
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Time => scaled(value, 1e3, &["ns", "µs", "ms", "s"]),
            Self::Window if value >= HOUR => "1 h".to_string(),
            Self::Window => scaled(value, 1e3, &["ms", "s"]),
            Self::Bytes => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB"]),
            Self::PerSecond => format!("{}/s", scaled(value, 1e3, &["", "k", "M", "G"])),
            Self::Count => scaled(value, 1e3, &["", "k", "M", "G"]),
            Self::Ratio => format!("{} x", digits(value)),
        }
    }
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    // A figure that would be rounded up to the next unit is written in that.
    while value.abs() >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    // A bare number has a letter for its size, and not a unit.
    let space = if units[0].is_empty() { "" } else { " " };
    format!("{}{space}{}", digits(value), units[unit])
}

fn digits(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 99.5 => return format!("{value:.0}"),
        size if size >= 9.95 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_their_unit() {
        for (unit, value, text) in [
            (Unit::Time, 23.71, "23.7 ns"),
            (Unit::Time, 999.7, "1 µs"),
            (Unit::Time, 4_512.0, "4.51 µs"),
            (Unit::Time, 12_000_000.0, "12 ms"),
            (Unit::Window, 100.0, "100 ms"),
            (Unit::Window, 1000.0, "1 s"),
            (Unit::Window, 3.6e6, "1 h"),
            (Unit::Bytes, 8.0, "8 B"),
            (Unit::Bytes, 1_048_576.0, "1 MiB"),
            (Unit::PerSecond, 31_400_000.0, "31.4M/s"),
            (Unit::Count, 10_000_000.0, "10M"),
            (Unit::Count, 0.0, "0"),
            (Unit::Ratio, 1.0, "1 x"),
            (Unit::Ratio, 132.4, "132 x"),
        ] {
            assert_eq!(unit.write(value), text);
        }
    }
}

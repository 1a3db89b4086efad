//! Figures as text.

use std::time::Duration;

/// A time as a number of milliseconds.
pub(crate) fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A time in milliseconds, with its unit and at most three digits.
pub(crate) fn time(ms: f64) -> String {
    match ms {
        ms if ms < 0.995 => format!("{ms:.2} ms"),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1e3),
    }
}

/// As [`time`], or a dash if there is none.
pub(crate) fn time_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_string(), time)
}

/// A rate or a ratio, with a digit after the point if it is small.
pub(crate) fn rate(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_at_most() {
        let texts = [0.0, 0.5, 7.96, 9.96, 85.4, 999.6, 5234.0].map(time);
        assert_eq!(texts, ["0.00 ms", "0.50 ms", "8.0 ms", "10 ms", "85 ms", "1.0 s", "5.2 s"]);
        assert_eq!(time_or_dash(None), "-");
    }
}

//! Figures as people read them.

/// A time in milliseconds, with its unit and three digits at most.
pub(crate) fn time(ms: f64) -> String {
    match ms {
        ms if ms < 0.995 => format!("{ms:.2} ms"),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1e3),
    }
}

/// As [`time`], or a dash where nothing was measured.
pub(crate) fn time_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_string(), time)
}

/// A rate, with a digit after the point where it is small.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second < 9.95 { format!("{per_second:.1}") } else { format!("{per_second:.0}") }
}

/// A word for one or for many.
pub(crate) fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_at_most() {
        let texts = [0.0, 0.5, 7.96, 9.96, 85.4, 999.6, 5234.0].map(time);
        assert_eq!(texts, ["0.00 ms", "0.50 ms", "8.0 ms", "10 ms", "85 ms", "1.00 s", "5.23 s"]);
        assert_eq!(time_or_dash(None), "-");
    }
}

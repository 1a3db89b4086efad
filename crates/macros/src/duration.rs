//! Durations as text: whole numbers with units, as in `100ms` and `1m 30s`.
//!
//! No crate is used for this: crates that parse durations also accept months, weeks or fractions, and
//! their messages do not mention this attribute. The parser has about sixty lines.

use std::time::Duration;

/// The units, and the nanoseconds in each.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];

/// Parses a duration. The error names the mistake and the correct form.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("a duration is a number and a unit, as in \"100ms\"".to_owned());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let part;
        (part, rest) = parse_part(rest)?;
        nanos = nanos.checked_add(part).ok_or_else(|| too_long(text))?;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| too_long(text))?;
    Ok(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// Parses one number with its unit, and returns it with the rest of the text.
fn parse_part(text: &str) -> Result<(u128, &str), String> {
    let (number, rest) = split(text, |c| c.is_ascii_digit());
    if number.is_empty() {
        return Err(format!("there is no number at `{text}`; write it as in \"100ms\""));
    }
    if rest.starts_with(['.', ',', '_']) {
        return Err("whole numbers only: take a smaller unit, as in \"1500ms\"".to_owned());
    }
    let (unit, rest) = split(rest.trim_start(), char::is_alphabetic);
    if unit.is_empty() {
        return Err(format!("`{number}` has no unit; {}", known_units(number)));
    }
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{unit}` is no unit; {}", known_units(number)));
    };
    let number: u128 = number.parse().map_err(|_| too_long(text))?;
    let part = number.checked_mul(u128::from(*nanos)).ok_or_else(|| too_long(text))?;
    Ok((part, rest.trim_start()))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn known_units(number: &str) -> String {
    format!("the units are ns, us, ms, s, m and h, as in \"{number}ms\"")
}

fn too_long(text: &str) -> String {
    format!("`{text}` is too long; for no end at all, write `std::time::Duration::MAX`")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn every_unit_is_read() {
        let nanos = |text| parse(text).expect(text).as_nanos();
        let units = ["7ns", "7us", "7µs", "7ms", "7s", "7m", "7h"].map(nanos);
        let second = 1_000_000_000;
        let expected = [7, 7_000, 7_000, 7_000_000, 7 * second, 420 * second, 25_200 * second];
        assert_eq!(units, expected);
    }

    #[test]
    fn parts_are_added_and_blanks_do_not_matter() {
        for text in ["1m30s", "1m 30s", " 1 m 30 s ", "90s", "30s1m", "89s1000ms"] {
            assert_eq!(parse(text), Ok(Duration::from_secs(90)), "{text}");
        }
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        assert_eq!(parse("18446744073709551615s"), Ok(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refusals = [
            ("", "a number and a unit"),
            ("  ", "a number and a unit"),
            ("100", "`100` has no unit; the units are ns, us, ms, s, m and h, as in \"100ms\""),
            ("5m 10", "`10` has no unit"),
            ("ms", "no number at `ms`"),
            ("-5s", "no number at `-5s`"),
            ("5s,", "no number at `,`"),
            ("1.5s", "take a smaller unit"),
            ("1,5s", "take a smaller unit"),
            ("1_000ms", "whole numbers"),
            ("3 msec", "`msec` is no unit"),
            ("3M", "`M` is no unit"),
            ("1d", "`d` is no unit"),
            ("18446744073709551616s", "too long"),
            ("18446744073709551615s 1s", "too long"),
            ("99999999999999999999999999999999999999h", "too long"),
            ("999999999999999999999999999999999999999999h", "too long"),
        ];
        for (text, what) in refusals {
            let refusal = parse(text).expect_err(text);
            assert!(refusal.contains(what), "{text}: {refusal}");
        }
    }
}

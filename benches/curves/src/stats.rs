//! Medians and percentiles of what was measured.

/// The value in the middle; of an even number of them, the mean of the two.
///
/// # Panics
///
/// If there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { sorted[middle - 1].midpoint(sorted[middle]) }
}

/// The least value that this share of all values does not exceed.
///
/// # Panics
///
/// If there is none.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    let rank = (share * values.len() as f64).ceil() as usize;
    let place = rank.clamp(1, values.len()) - 1;
    *values.to_vec().select_nth_unstable_by(place, f64::total_cmp).1
}

/// The median of each place over all rounds: what belongs to the place, without what befell one
/// round.
///
/// # Panics
///
/// If there is no round, or the rounds differ in length.
pub(crate) fn medians_by_place(rounds: &[Vec<f64>]) -> Vec<f64> {
    let length = rounds[0].len();
    assert!(rounds.iter().all(|round| round.len() == length), "rounds are of one length");
    let at = |place: usize| -> Vec<f64> { rounds.iter().map(|round| round[place]).collect() };
    (0..length).map(|place| median(&at(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 100.0, 2.0]), 3.0);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(percentile(&[7.0], 0.01), 7.0);
    }

    #[test]
    fn what_befalls_one_round_is_in_no_median_and_what_all_have_is() {
        let rounds = [[1.0, 90.0, 3.0], [99.0, 90.0, 3.0], [1.0, 92.0, 99.0]];
        assert_eq!(medians_by_place(&rounds.map(|round| round.to_vec())), [1.0, 90.0, 3.0]);
    }
}

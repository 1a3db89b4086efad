//! The few statistics that the figures take.

/// The middle of these figures, or the mean of the two in the middle; NaN of none.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => mean(&sorted[middle - 1..=middle]),
    }
}

/// The mean of these figures; NaN of none.
pub fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_mind_the_order_or_one_that_is_far_off() {
        assert_eq!(median(&[3.0, 1e9, 1.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 1e9]), 3.0);
        assert_eq!(median(&[7.0]), 7.0);
    }

    #[test]
    fn nothing_has_no_middle() {
        assert!(median(&[]).is_nan());
        assert!(mean(&[]).is_nan());
    }
}

//! The few statistics that the figures take.

/// The middle of these figures, or the mean of the two in the middle; NaN of none.
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// The figure below which this part of them lies, between neighbours in proportion; NaN of none.
pub fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
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
    fn a_quantile_lies_between_its_neighbours() {
        let figures = [40.0, 10.0, 30.0, 20.0, 50.0];
        assert_eq!(
            [0.0, 0.25, 0.375, 1.0].map(|part| quantile(&figures, part)),
            [10.0, 20.0, 25.0, 50.0]
        );
    }

    #[test]
    fn nothing_has_no_middle() {
        assert!(median(&[]).is_nan());
        assert!(mean(&[]).is_nan());
    }
}

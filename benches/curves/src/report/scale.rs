//! A logarithmic scale: where on the paper a value lies, and which values are written beside it.

/// Maps values to places by their logarithm, so that equal factors are equal distances.
#[derive(Debug)]
pub(crate) struct Scale {
    /// The values at the ends.
    from: f64,
    to: f64,
    /// The places of the ends.
    start: f64,
    end: f64,
}

impl Scale {
    /// From the least to the greatest of these values. An endless one has a place of its own, half a
    /// decade after the others.
    pub(crate) fn new(values: &[f64], start: f64, end: f64) -> Self {
        let finite = values.iter().filter(|value| value.is_finite() && **value > 0.0);
        let least = finite.clone().copied().fold(f64::MAX, f64::min).min(1e300);
        let most = finite.copied().fold(least, f64::max);
        let is_endless = values.iter().any(|value| value.is_infinite());
        let to = if is_endless { most * 10_f64.sqrt() } else { most };
        Self { from: least, to: to.max(least * 1.01), start, end }
    }

    /// The same with some air at both ends, and of a decade at least: what hardly changes is to look
    /// so.
    pub(crate) fn roomy(values: &[f64], start: f64, end: f64) -> Self {
        let mut scale = Self::new(values, start, end);
        let lacking = (10.0 * scale.from / scale.to).max(1.0).sqrt();
        scale.from /= 1.15 * lacking;
        scale.to *= 1.15 * lacking;
        scale
    }

    /// The place of a value; what is off the scale lies at its end.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = (value / self.from).ln() / (self.to / self.from).ln();
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Powers of `base` on the scale, not more than there is room for; where there are few, values
    /// between as well.
    pub(crate) fn ticks(&self, base: f64, most: usize) -> Vec<f64> {
        let between: &[f64] = if base == 10.0 { &[1.0, 2.0, 5.0] } else { &[1.0, 4.0] };
        for steps in [between, &between[..1]] {
            let ticks = self.multiples(base, steps);
            if ticks.len() <= most {
                return ticks;
            }
        }
        let powers = self.multiples(base, &[1.0]);
        let every = powers.len().div_ceil(most);
        powers.into_iter().step_by(every).collect()
    }

    fn multiples(&self, base: f64, steps: &[f64]) -> Vec<f64> {
        let power = |value: f64| (value.ln() / base.ln()).floor() as i32;
        let powers = power(self.from)..=power(self.to);
        let all = powers.flat_map(|power| steps.iter().map(move |step| step * base.powi(power)));
        // A bound that is a round number itself is on the scale, whatever rounding says.
        let (from, to) = (self.from * 0.999, self.to * 1.001);
        all.filter(|tick| (from..=to).contains(tick)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_factors_are_equal_distances() {
        let scale = Scale::new(&[1.0, 1e4], 0.0, 400.0);
        let places = [1.0, 10.0, 100.0, 1e4, 1e9].map(|value| scale.at(value).round());
        assert_eq!(places, [0.0, 100.0, 200.0, 400.0, 400.0]);
    }

    #[test]
    fn ticks_are_round_and_no_more_than_fit() {
        assert_eq!(Scale::new(&[1.0, 1e7], 0.0, 1.0).ticks(10.0, 4), [1.0, 1e2, 1e4, 1e6]);
        assert_eq!(Scale::new(&[18.0, 110.0], 0.0, 1.0).ticks(10.0, 5), [20.0, 50.0, 100.0]);
        assert_eq!(
            Scale::new(&[8.0, 1024.0], 0.0, 1.0).ticks(16.0, 9),
            [16.0, 64.0, 256.0, 1024.0]
        );
    }

    #[test]
    fn a_flat_line_stays_flat_and_a_single_value_has_a_place() {
        let scale = Scale::roomy(&[100.0, 120.0], 0.0, 100.0);
        assert!((scale.at(120.0) - scale.at(100.0)).abs() < 10.0);
        assert!(Scale::roomy(&[7.0], 0.0, 100.0).at(7.0).is_finite());
    }

    #[test]
    fn what_is_endless_lies_beyond_the_rest() {
        let scale = Scale::new(&[1.0, 1000.0, f64::INFINITY], 0.0, 100.0);
        assert!(scale.at(f64::INFINITY) == 100.0 && scale.at(1000.0) < 90.0);
    }
}

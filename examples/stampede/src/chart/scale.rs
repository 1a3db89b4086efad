//! A scale: where on the paper a value lies, and which values are written beside the axis.

/// Maps values to places, evenly or by their logarithm.
pub(super) struct Scale {
    is_log: bool,
    /// The values at the ends; logarithms if it is a scale of these.
    from: f64,
    to: f64,
    /// The places of the ends.
    start: f64,
    end: f64,
}

impl Scale {
    pub(super) fn linear(from: f64, to: f64, start: f64, end: f64) -> Self {
        Self { is_log: false, from, to, start, end }
    }

    /// Begins with a power of ten.
    pub(super) fn log(from: f64, to: f64, start: f64, end: f64) -> Self {
        Self { is_log: true, from: from.log10().floor(), to: to.log10(), start, end }
    }

    /// The place of a value; a value that is off the scale lies at its end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.is_log { value.log10() } else { value };
        let share = (value - self.from) / (self.to - self.from);
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Round values on the scale, about as many as wished; on a log scale the powers of ten.
    pub(super) fn ticks(&self, wished: usize) -> Vec<f64> {
        let step =
            if self.is_log { 1.0 } else { round_step((self.to - self.from) / wished as f64) };
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step).floor() as i64;
        let round = (first..=last).map(|n| n as f64 * step);
        if self.is_log { round.map(|power| 10f64.powf(power)).collect() } else { round.collect() }
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0];
    let factor = factors.into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

/// A round value in as few digits as it needs.
pub(super) fn label(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_on_the_scale() {
        let ticks = Scale::linear(0.0, 24.3, 0.0, 1.0).ticks(12);
        assert_eq!(ticks.len(), 5);
        assert_eq!(ticks.last(), Some(&20.0));
        let labels = Scale::linear(0.0, 0.35, 0.0, 1.0).ticks(4).into_iter().map(label);
        assert_eq!(labels.collect::<Vec<_>>(), ["0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn a_log_scale_begins_with_a_power_of_ten_and_marks_each() {
        let scale = Scale::log(3.0, 2500.0, 100.0, 0.0);
        assert_eq!(scale.ticks(5), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(scale.at(1.0), 100.0);
        assert!(scale.at(100.0) < scale.at(10.0));
        assert_eq!(scale.at(0.0), 100.0);
    }
}

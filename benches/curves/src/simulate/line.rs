//! A queueing model: cores that compute for themselves and, once in each call, need something that
//! only one of them can have at a time: a lock with its lines, or the count of an `Arc`.
//!
//! A closed network of `cores` customers, solved exactly by mean value analysis (Reiser and
//! Lavenberg, 1980). It takes times to be exponential; even ones would queue less, so what it says
//! of the range between little and full use is rather too low.

/// Something that cores queue for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    /// For how long one has it, in nanoseconds.
    pub(crate) service: f64,
    /// How many there are of it, of which a call goes to one, whichever it may be.
    pub(crate) copies: usize,
}

impl Station {
    pub(crate) fn single(service: f64) -> Self {
        Self { service, copies: 1 }
    }
}

/// How many calls all cores make in a second, if a call takes so many nanoseconds besides.
pub(crate) fn calls_a_second(cores: usize, alone: f64, stations: &[Station]) -> f64 {
    let mut queued = vec![0.0; stations.len()];
    let mut rate = 0.0;
    for customers in 1..=cores {
        // Whoever comes finds the queues as they are with one customer less.
        let times = stations
            .iter()
            .zip(&queued)
            .map(|(station, queued)| station.service * (1.0 + queued / station.copies as f64));
        let times: Vec<f64> = times.collect();
        rate = customers as f64 / (alone + times.iter().sum::<f64>());
        queued = times.iter().map(|time| rate * time).collect();
    }
    rate * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one / other - 1.0).abs() < 1e-3
    }

    #[test]
    fn one_core_never_waits_and_no_station_is_no_limit() {
        assert!(close(calls_a_second(1, 60.0, &[Station::single(40.0)]), 1e7));
        assert!(close(calls_a_second(64, 100.0, &[]), 64e7));
    }

    #[test]
    fn many_cores_get_as_much_as_the_busiest_station_gives() {
        let stations = [Station::single(40.0), Station::single(10.0)];
        assert!(close(calls_a_second(1000, 60.0, &stations), 1e9 / 40.0));
        assert!(
            close(calls_a_second(1000, 0.0, &[Station { service: 100.0, copies: 10 }]), 0.99e8)
                || calls_a_second(1000, 0.0, &[Station { service: 100.0, copies: 10 }]) > 0.98e8
        );
    }

    #[test]
    fn two_cores_at_one_station_are_as_the_book_says() {
        // Machine repair with two machines: 2 / (alone + service * (1 + u)), u the use by one.
        let used_by_one = 50.0 / 100.0;
        let expected = 2e9 / (50.0 + 50.0 * (1.0 + used_by_one));
        assert!(close(calls_a_second(2, 50.0, &[Station::single(50.0)]), expected));
    }
}

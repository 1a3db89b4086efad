//! The results that the threads saw, to compare with the library's counters.

use std::ops::AddAssign;

use coalescer::Stats;

use crate::plan::Plan;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    /// Calls whose own function ran, whatever came of it.
    pub(crate) ran: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    /// Calls that were answered without running.
    pub(crate) served: u64,
    /// Of those, the ones that are known to have waited, and to have been late.
    pub(crate) followers: u64,
    pub(crate) late: u64,
    /// Of those, the ones that got a value with a time of its own.
    pub(crate) late_in_time: u64,
    pub(crate) told_of_panics: u64,
    pub(crate) timed_out: u64,
    pub(crate) would_block: u64,
    pub(crate) would_deadlock: u64,
    pub(crate) fresh_followers: u64,
    pub(crate) forgotten: u64,
    /// From the library's own counters.
    pub(crate) takeovers: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.ran += other.ran;
        self.failed += other.failed;
        self.panicked += other.panicked;
        self.served += other.served;
        self.followers += other.followers;
        self.late += other.late;
        self.late_in_time += other.late_in_time;
        self.told_of_panics += other.told_of_panics;
        self.timed_out += other.timed_out;
        self.would_block += other.would_block;
        self.would_deadlock += other.would_deadlock;
        self.fresh_followers += other.fresh_followers;
        self.forgotten += other.forgotten;
        self.takeovers += other.takeovers;
    }
}

impl Counts {
    /// S48, counter by counter, when nothing is under way any more.
    pub(crate) fn compare(&self, stats: &Stats, plan: &Plan) {
        let ends = stats.executed_requests + stats.coalesced_requests;
        assert_eq!(stats.total_requests, ends + stats.timed_out + stats.refused, "the sum");
        assert_eq!(stats.coalesced_requests, stats.followers + stats.late);
        assert_eq!(stats.in_flight, 0);
        assert_eq!(stats.total_requests, self.calls);
        assert_eq!(stats.executed_requests, self.ran);
        assert_eq!(stats.failed, self.failed);
        assert_eq!(stats.panicked, self.panicked);
        assert_eq!(stats.coalesced_requests, self.served);
        assert_eq!(stats.timed_out, self.timed_out);
        assert_eq!(stats.refused, self.would_block + self.would_deadlock);
        assert!(stats.followers >= self.followers, "{} followers are known", self.followers);
        assert!(stats.late >= self.late, "{} late calls are known", self.late);
        self.compare_limits(stats, plan);
    }

    /// S14, S15, S36: what the settings bound.
    fn compare_limits(&self, stats: &Stats, plan: &Plan) {
        if let Some(max) = plan.settings.max_requests {
            let answered = stats.executed_requests + stats.coalesced_requests;
            assert!(stats.executed_requests >= answered.div_ceil(max as u64), "too few executions");
        }
        if plan.settings.leader_timeout.is_none() || plan.settings.max_leaders == 1 {
            assert_eq!(stats.takeovers, 0);
        }
    }

    /// The endings that were not seen. A run that never reached one has proved nothing about it.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let endings = [
            ("a function that ran", self.ran),
            ("an error", self.failed),
            ("a panic", self.panicked),
            ("a follower", self.followers),
            ("a late call", self.late),
            ("a late call that got a value within the value's own time", self.late_in_time),
            ("a follower that was told of a panic", self.told_of_panics),
            ("a timeout", self.timed_out),
            ("a call that would have blocked", self.would_block),
            ("a cycle that was refused", self.would_deadlock),
            ("a follower that wanted a fresh value", self.fresh_followers),
            ("a flight or result that was forgotten", self.forgotten),
            ("a take-over", self.takeovers),
        ];
        endings.into_iter().filter(|(_, seen)| *seen == 0).map(|(what, _)| what).collect()
    }
}

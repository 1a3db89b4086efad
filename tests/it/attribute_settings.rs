//! The settings of `#[coalesce]`.

use std::convert::Infallible;
use std::hash::RandomState;
use std::io;
use std::sync::{Arc, Barrier, LazyLock};
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, Job, ManualClock, OnDeadlock, ShareWith};
use coalescer_macros::coalesce;

use crate::attribute::Count;
use crate::support::{MS, NS, watched};

static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);

#[test]
fn the_window_is_the_default_unless_it_is_said() {
    // S10 S8
    const SHORT: Duration = MS;
    static RUNS: Count = Count::new();
    #[coalesce(clock = CLOCK.clone())]
    fn by_default() -> u64 {
        RUNS.next()
    }
    #[coalesce(precise_clock, clock = CLOCK.clone(), window = SHORT)]
    fn short() -> u64 {
        RUNS.next()
    }
    #[coalesce(clock = CLOCK.clone(), window = "1m 1ms")]
    fn long() -> u64 {
        RUNS.next()
    }
    watched(|| {
        let ask = || [*by_default().unwrap(), *short().unwrap(), *long().unwrap()];
        assert_eq!(ask(), [1, 2, 3]);
        CLOCK.advance(MS - NS);
        assert_eq!(ask(), [1, 2, 3]);
        CLOCK.advance(99 * MS);
        assert_eq!(ask(), [1, 4, 3]);
        CLOCK.advance(NS);
        assert_eq!(ask(), [5, 4, 3]);
        CLOCK.advance(59_901 * MS);
        assert_eq!(ask()[2], 8);
    });
}

#[test]
fn every_setting_reaches_the_builder() {
    // S13 S18 S40 S41 S47
    static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static RUNS: Count = Count::new();
    static ASKED: Count = Count::new();
    #[coalesce(
        name = "all of them",
        window = "1h",
        error_window = "1h",
        max_requests = 3,
        max_join_age = "1h",
        max_wait = "1h",
        leader_timeout = "1h",
        max_leaders = 3,
        max_retained = 2,
        shards = 1,
        share_if = |value| *value != 0,
        on_deadlock = OnDeadlock::Bypass,
        hasher = RandomState,
        clock = CLOCK.clone(),
        executor = |job: Job| job.run(),
    )]
    fn all_of_them(key: u64) -> Result<u64, u64> {
        RUNS.next();
        match key {
            7 => Err(key),
            // Calls its own key, once.
            9 if ASKED.next() == 1 => Ok(*all_of_them(9).unwrap()),
            _ => Ok(key),
        }
    }
    watched(|| {
        let group: &Group<u64, u64, u64, RandomState> = all_of_them::coalescer();
        assert_eq!(group.name(), Some("all of them"));
        let runs = |key| {
            CLOCK.advance(NS);
            let before = RUNS.get();
            let _ = all_of_them(key);
            RUNS.get() - before
        };
        assert_eq!([runs(1), runs(1), runs(1), runs(1)], [1, 0, 0, 1], "max_requests");
        assert_eq!([runs(7), runs(7)], [1, 0], "error_window");
        assert_eq!([runs(0), runs(0)], [1, 1], "share_if");
        assert_eq!(runs(9), 2, "on_deadlock");
        assert_eq!([runs(2), runs(3), runs(2), runs(1)], [1, 1, 0, 1], "max_retained");
        let ticket = group.submit(&4, || Ok(40)).unwrap();
        assert_eq!((*ticket.wait().unwrap(), *all_of_them(4).unwrap()), (40, 40), "executor");
    });
}

#[test]
fn waiting_and_taking_over_are_settings_too() {
    // S33 S36 S44
    static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static STARTED: Barrier = Barrier::new(2);
    static TOLD: Barrier = Barrier::new(2);
    static RUNS: Count = Count::new();
    fn first_is_slow() -> u64 {
        let run = RUNS.next();
        if run % 2 == 1 {
            STARTED.wait();
            TOLD.wait();
        }
        run
    }
    #[coalesce(clock = CLOCK.clone(), leader_timeout = "1s")]
    fn taken_over() -> u64 {
        first_is_slow()
    }
    static TOLD_OF: Count = Count::new();
    #[coalesce(clock = CLOCK.clone(), max_wait = "0s", on_slow("1s", |slow| {
        assert_eq!((slow.key, slow.age), (&(), Duration::from_secs(1)));
        TOLD_OF.next();
    }))]
    fn told_of() -> u64 {
        first_is_slow()
    }
    #[coalesce(clock = CLOCK.clone(), max_join_age = "1s")]
    fn not_joined() -> u64 {
        first_is_slow()
    }
    #[coalesce(clock = CLOCK.clone(), max_wait = "0s")]
    fn not_waited_for() -> u64 {
        first_is_slow()
    }
    watched(|| {
        let meet = |call: fn() -> Result<Arc<u64>, Error<Infallible>>| {
            let stuck = thread::spawn(call);
            STARTED.wait();
            CLOCK.advance(Duration::from_secs(1));
            let other = call();
            TOLD.wait();
            stuck.join().unwrap().unwrap();
            other
        };
        assert_eq!(*meet(taken_over).unwrap(), 2);
        assert_eq!(*meet(not_joined).unwrap(), 4);
        assert!(meet(not_waited_for).unwrap_err().is_timeout());
        assert_eq!(taken_over::coalescer().stats().takeovers, 1);
        // The previous call left an odd number of runs.
        RUNS.next();
        assert!(meet(told_of).unwrap_err().is_timeout());
        assert_eq!(TOLD_OF.get(), 1);
    });
}

#[test]
fn a_value_can_be_for_those_who_wait_only() {
    // S40 S52
    #[coalesce(window = "1h", share_with = |id| match id {
        0 => ShareWith::Followers,
        _ => ShareWith::Everyone,
    })]
    fn runs(id: u64) -> u64 {
        id
    }
    watched(|| {
        for id in [0, 0, 1, 1] {
            runs(id).unwrap();
        }
        assert_eq!(runs::coalescer().stats().executed_requests, 3, "0 twice, and 1 once");
    });
}

#[test]
fn an_error_can_have_a_rule() {
    // S72 S74 S52: a closure, and a function by its path. An alias of `Result` has errors too.
    fn rule(error: &io::Error) -> ShareWith {
        match error.kind() {
            io::ErrorKind::TimedOut => ShareWith::Followers,
            _ => ShareWith::Everyone,
        }
    }
    #[coalesce(error_window = "1h", share_error_with = rule)]
    fn reads(kind: io::ErrorKind) -> io::Result<u64> {
        Err(kind.into())
    }
    #[coalesce(error_window = "1h", share_error_with = |id| match id {
        0 => ShareWith::Nobody,
        _ => ShareWith::For(Duration::from_secs(3_600)),
    }, share_if = |_| true)]
    fn fails(id: u64) -> Result<(), u64> {
        Err(id)
    }
    watched(|| {
        for id in [0, 0, 1, 1] {
            assert!(fails(id).unwrap_err().is_failed());
        }
        assert_eq!(fails::coalescer().stats().executed_requests, 3, "0 twice, and 1 once");
        for kind in [io::ErrorKind::TimedOut, io::ErrorKind::NotFound] {
            assert!(reads(kind).is_err() && reads(kind).is_err());
        }
        assert_eq!(reads::coalescer().stats().executed_requests, 3);
    });
}

#[test]
fn a_group_has_the_path_of_its_function_for_a_name() {
    // S52: the default name is the function's path.
    #[coalesce]
    fn r#type(r#in: u8) -> u8 {
        r#in
    }
    watched(|| {
        assert_eq!(*r#type(7).unwrap(), 7);
        assert_eq!(r#type::coalescer().name(), Some("it::attribute_settings::type"));
    });
}

/// The library under another path, as in a crate that re-exports it.
mod passed_on {
    pub(super) use coalescer as library;
}

#[test]
fn the_library_may_be_found_elsewhere() {
    // S52
    #[coalesce(crate = crate::attribute_settings::passed_on::library)]
    fn length(word: &str) -> io::Result<usize> {
        Ok(word.len())
    }
    watched(|| assert_eq!(*length("four").unwrap(), 4));
}

//! The settings where new coalescers begin.

use std::time::Duration;

use coalescer::{Job, Manager, ManualClock, Role, Settings};

use crate::support::{MS, watched};

use super::{Lengths, length};

#[test]
fn the_defaults_are_where_new_coalescers_begin() {
    // S51 S10
    watched(|| {
        let clock = ManualClock::new();
        let defaults = Settings::new().window(10 * MS).max_requests(3).clock(clock.clone());
        let manager = Manager::with_defaults(defaults);
        let named = manager.named_with("lengths", |s| s.max_requests(2), length).unwrap();
        for coalescer in [manager.coalescer(length), named] {
            let role = || coalescer.call("four").outcome().unwrap().role;
            assert_eq!([role(), role()], [Role::Leader, Role::Late]);
            clock.advance(10 * MS);
            assert_eq!(role(), Role::Leader);
        }
        for _ in 0..3 {
            manager.execute(length, "five!").unwrap();
            manager.get("lengths").map(|c: Lengths| c.execute("five!")).unwrap().unwrap();
        }
        let executions: Vec<_> =
            manager.stats().coalescers.iter().map(|one| one.stats.executed_requests).collect();
        // Two for "four" each; three calls for "five!" cost one, and two where two share one.
        assert_eq!(executions, [3, 4]);
    });
}

#[test]
fn the_executor_is_a_default_too() {
    // S51
    watched(|| {
        let defaults = Settings::new().executor(|job: Job| job.run());
        let manager = Manager::with_defaults(defaults);
        let by_function = manager.coalescer(length).submit("four").unwrap();
        let by_name = manager.named("lengths", length).unwrap().submit("five!").unwrap();
        assert_eq!((*by_function.wait().unwrap(), *by_name.wait().unwrap()), (4, 5));
    });
}

#[test]
fn without_defaults_the_window_is_that_of_a_coalescer() {
    // S10
    watched(|| {
        let manager = Manager::new();
        let bounds = [coalescer::DEFAULT_WINDOW, Duration::from_millis(99)];
        let [same, other] = bounds.map(|window| {
            manager.named("lengths", length).unwrap();
            manager.named_with("lengths", |settings| settings.window(window), length)
        });
        assert!(same.is_ok() && other.is_err());
    });
}

//! Results with a lifetime of their own, within their window.

use std::time::Duration;

use coalescer::{Group, Job, ManualClock, Role, ShareWith, at_rest};

use crate::support::{MS, NS, Numbers, follow, lead, start, watched};

const WINDOW: Duration = Duration::from_millis(100);

/// A value is kept for as many milliseconds as it says, and so is an error.
fn group(clock: &ManualClock) -> Numbers {
    Group::builder()
        .window(WINDOW)
        .error_window(WINDOW / 2)
        .share_with(|millis: &u32| ShareWith::For(*millis * MS))
        .share_error_with(|millis: &String| ShareWith::For(millis.parse::<u32>().unwrap() * MS))
        .executor(|job: Job| job.run())
        .clock(clock.clone())
        .build()
}

/// True if a call now runs its function. The value that it returns is kept for no time.
fn runs(group: &Numbers) -> bool {
    let mut runs = false;
    let _ = group.execute("k", || {
        runs = true;
        Ok(0)
    });
    runs
}

#[test]
fn a_value_is_served_until_just_before_its_time_or_its_window_ends() {
    // S74 S8
    watched(|| {
        for (millis, time) in [(30, 30 * MS), (99, 99 * MS), (100, WINDOW), (u32::MAX, WINDOW)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            group.execute("k", || Ok(millis)).unwrap();
            clock.advance(time - NS);
            let late = group.call("k").outcome(|| unreachable!("it is kept")).unwrap();
            assert_eq!((*late.value, late.role, late.age), (millis, Role::Late, time - NS));
            clock.advance(NS);
            assert!(runs(&group), "{millis} ms");
        }
    });
}

#[test]
fn an_error_is_served_until_just_before_its_time_or_its_window_ends() {
    // S74 S18 S72
    watched(|| {
        for (millis, time) in [("20", 20 * MS), ("50", WINDOW / 2), ("100", WINDOW / 2)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            assert!(group.execute("k", || Err(millis.into())).is_err());
            clock.advance(time - NS);
            assert!(!runs(&group));
            clock.advance(NS);
            assert!(runs(&group), "{millis} ms");
        }
    });
}

#[test]
fn a_result_of_no_time_is_for_followers() {
    // S74 S40 S72: also if nothing else tells the kept and the passing apart.
    watched(|| {
        let clock = ManualClock::new();
        let group = group(&clock);
        for end in [|| Ok(0), || Err("0".to_owned())] {
            let leader = lead(&group, "k");
            let follower = follow(&group, "k", 1).remove(0);
            let (led, followed) = (leader.ends(end).join(), follower.join_unrun());
            assert_eq!(led.is_ok(), followed.is_ok());
            assert!(runs(&group));
        }
        assert_eq!(at_rest::of_group(&group).slots, 0);
    });
}

#[test]
fn the_time_counts_from_the_start() {
    // S74 S7: a function that takes as long retains nothing.
    watched(|| {
        for (takes, is_kept) in [(30 * MS - NS, true), (30 * MS, false)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            let of_job = clock.clone();
            let ticket = group.submit("k", move || {
                of_job.advance(takes);
                Ok(30)
            });
            assert_eq!(*ticket.unwrap().wait().unwrap(), 30);
            assert_eq!(at_rest::of_group(&group).slots, usize::from(is_kept));
            assert_eq!(runs(&group), !is_kept);
        }
    });
}

#[test]
fn what_has_outlived_its_time_is_as_forgotten_and_takes_its_place_until_its_window_ends() {
    // S74 S27 S47
    watched(|| {
        let clock = ManualClock::new();
        let group = group(&clock);
        for key in ["a", "b", "c"] {
            group.execute(key, || Ok(30)).unwrap();
        }
        clock.advance(30 * MS);
        assert!(!group.forget("a"));
        assert_eq!((group.purge_expired(), at_rest::of_group(&group).slots), (0, 2));
        assert_eq!(group.forget_all(), 0);
        group.execute("d", || Ok(30)).unwrap();
        clock.advance(WINDOW);
        assert_eq!((group.purge_expired(), at_rest::of_group(&group).slots), (1, 0));
    });
}

#[test]
fn a_refresh_whose_time_is_over_leaves_the_old_value() {
    // S74 S70: it is as one for followers.
    watched(|| {
        for (takes, served) in [(4 * MS, 5), (5 * MS, 60)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            group.execute("k", || Ok(60)).unwrap();
            let refresh = {
                let group = group.clone();
                start(move |function| group.call("k").fresh().outcome(function)).begun()
            };
            clock.advance(takes);
            assert_eq!(*refresh.returns(Ok(5)).unwrap().value, 5);
            let late = group.call("k").outcome(|| unreachable!("it is kept")).unwrap();
            assert_eq!((*late.value, late.role), (served, Role::Late));
        }
    });
}

#[test]
fn an_error_replaces_a_value_that_has_outlived_its_time() {
    // S74 S70
    watched(|| {
        for (age, is_replaced) in [(30 * MS - NS, false), (30 * MS, true)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            group.execute("k", || Ok(30)).unwrap();
            clock.advance(age);
            assert!(group.execute_fresh("k", || Err("40".into())).is_err());
            let served = group.execute("k", || unreachable!("it is kept"));
            assert_eq!(served.is_err(), is_replaced);
        }
    });
}

#[test]
fn a_request_asks_for_an_age_within_the_time() {
    // S74 S57
    watched(|| {
        let clock = ManualClock::new();
        let group = group(&clock);
        group.execute("k", || Ok(30)).unwrap();
        clock.advance(20 * MS);
        let asked = |age| group.call("k").max_age(age).outcome(|| Ok(30)).unwrap().role;
        assert_eq!(asked(20 * MS + NS), Role::Late);
        assert_eq!(asked(20 * MS - NS), Role::Leader);
        clock.advance(30 * MS);
        assert_eq!(asked(WINDOW), Role::Leader);
    });
}

#[test]
fn a_result_beside_its_flights_later_executions_has_its_time() {
    // S74 S37 S38: the result gets a slot of its own, since another execution goes on.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .window(WINDOW)
            .leader_timeout(5 * MS)
            .share_with(|millis: &u32| ShareWith::For(*millis * MS))
            .clock(clock.clone())
            .build();
        let stuck = lead(&group, "k");
        clock.advance(5 * MS);
        let second = lead(&group, "k");
        assert_eq!(*second.returns(Ok(30)).unwrap().value, 30);
        clock.advance(30 * MS - NS);
        assert!(!runs(&group));
        clock.advance(NS);
        assert!(runs(&group));
        assert_eq!(*stuck.returns(Ok(30)).unwrap().value, 30);
        assert!(group.in_flight().is_empty());
    });
}

//! Requests: every combination of freshness, waiting and result, on a coalescer and on a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coalescer::{Coalescer, Error, Group, ManualClock, Outcome, Request, Role};

use crate::support::{Call, MS, NS, Numbers, followers, lead, start, wait_until, watched};

const WINDOW: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Freshness {
    Any,
    Fresh,
    /// A `max_age` equal to the age of the kept result or of the running flight.
    JustOldEnough,
    /// One nanosecond less, so that the result is too old.
    TooYoung,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wait {
    Forever,
    Timeout,
    Deadline,
    No,
}

const FRESHNESS: [Freshness; 4] =
    [Freshness::Any, Freshness::Fresh, Freshness::JustOldEnough, Freshness::TooYoung];
const WAITS: [Wait; 4] = [Wait::Forever, Wait::Timeout, Wait::Deadline, Wait::No];

/// The age of the result or the flight that a request finds.
const AGE: Duration = Duration::from_millis(30);

impl Freshness {
    fn accepts_what_is_there(self) -> bool {
        matches!(self, Self::Any | Self::JustOldEnough)
    }
}

fn request<'a, C>(
    request: Request<'a, str, C>,
    clock: &ManualClock,
    freshness: Freshness,
    wait: Wait,
) -> Request<'a, str, C> {
    let request = match freshness {
        Freshness::Any => request,
        Freshness::Fresh => request.fresh(),
        Freshness::JustOldEnough => request.max_age(AGE),
        Freshness::TooYoung => request.max_age(AGE - NS),
    };
    match wait {
        Wait::Forever => request,
        Wait::Timeout => request.timeout(MS),
        Wait::Deadline => request.deadline(clock.now() + MS),
        Wait::No => request.no_wait(),
    }
}

fn group(clock: &ManualClock) -> Numbers {
    Group::builder().window(WINDOW).clock(clock.clone()).build()
}

fn for_each_combination(check: impl Fn(Freshness, Wait)) {
    for freshness in FRESHNESS {
        for wait in WAITS {
            check(freshness, wait);
        }
    }
}

/// A coalescer whose value is the number of its execution.
fn counting(clock: &ManualClock) -> Coalescer<String, u32, String> {
    let runs = AtomicU32::new(0);
    Coalescer::builder()
        .window(WINDOW)
        .clock(clock.clone())
        .build(move |_: &String| Ok(runs.fetch_add(1, Ordering::Relaxed) + 1))
}

#[test]
fn an_unknown_key_is_led_whatever_a_request_says() {
    // S55
    watched(|| {
        for_each_combination(|freshness, wait| {
            let clock = ManualClock::new();
            let numbers = counting(&clock);
            let first = request(numbers.call("k"), &clock, freshness, wait);
            assert_eq!(*first.run().unwrap(), 1, "{freshness:?} {wait:?}");
            let group = group(&clock);
            let led = request(group.call("k"), &clock, freshness, wait).outcome(|| Ok(7)).unwrap();
            assert_eq!((*led.value, led.role), (7, Role::Leader), "{freshness:?} {wait:?}");
        });
    });
}

#[test]
fn a_kept_result_is_served_if_it_is_not_too_old() {
    // S55 S57 S30: by value and by outcome, of a coalescer and of a group.
    watched(|| {
        for_each_combination(|freshness, wait| {
            let what = format!("{freshness:?} {wait:?}");
            let served = freshness.accepts_what_is_there();
            for by_outcome in [false, true] {
                let clock = ManualClock::new();
                let (numbers, group) = (counting(&clock), group(&clock));
                numbers.execute("k").unwrap();
                group.execute("k", || Ok(1)).unwrap();
                clock.advance(AGE);
                let of_one = request(numbers.call("k"), &clock, freshness, wait);
                let of_other = request(group.call("k"), &clock, freshness, wait);
                let values = match by_outcome {
                    false => [of_one.run().unwrap(), of_other.run(|| Ok(2)).unwrap()],
                    true => {
                        let outcomes = [of_one.outcome(), of_other.outcome(|| Ok(2))];
                        outcomes.map(|outcome| {
                            let Outcome { value, role, age, .. } = outcome.unwrap();
                            let late = (Role::Late, AGE);
                            let led = (Role::Leader, Duration::ZERO);
                            assert_eq!((role, age), if served { late } else { led }, "{what}");
                            value
                        })
                    }
                };
                assert_eq!(
                    values.map(|value| *value),
                    if served { [1; 2] } else { [2; 2] },
                    "{what}"
                );
            }
        });
    });
}

/// A request of a group, on a thread of its own.
fn begin(
    group: &Numbers,
    clock: &ManualClock,
    freshness: Freshness,
    wait: Wait,
) -> Call<u32, String> {
    let (group, clock) = (group.clone(), clock.clone());
    start(move |function| request(group.call("k"), &clock, freshness, wait).outcome(function))
}

#[test]
fn a_running_execution_is_joined_if_it_is_not_too_old() {
    // S55 S57 S30
    watched(|| {
        for freshness in FRESHNESS {
            for wait in [Wait::Forever, Wait::Timeout, Wait::Deadline] {
                let clock = ManualClock::new();
                let group = group(&clock);
                let leader = lead(&group, "k");
                clock.advance(AGE);
                let call = begin(&group, &clock, freshness, wait);
                wait_until(|| followers(&group) == 1);
                let joins = freshness.accepts_what_is_there();
                leader.returns(Ok(1)).unwrap();
                let outcome = match joins {
                    true => call.join_unrun(),
                    // It waited for the end of the one that is too old, and leads the next one.
                    false => call.begun().returns(Ok(2)),
                };
                let Outcome { value, role, age, .. } = outcome.unwrap();
                let what = format!("{freshness:?} {wait:?}");
                match joins {
                    true => assert_eq!((*value, role, age), (1, Role::Follower, AGE), "{what}"),
                    false => {
                        let led = (2, Role::Leader, Duration::ZERO);
                        assert_eq!((*value, role, age), led, "{what}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_bounded_wait_for_a_running_execution_ends_in_time() {
    // S32 S33 S55
    watched(|| {
        for freshness in FRESHNESS {
            for wait in [Wait::Timeout, Wait::Deadline] {
                let clock = ManualClock::new();
                let group = group(&clock);
                let leader = lead(&group, "k");
                clock.advance(AGE);
                let call = begin(&group, &clock, freshness, wait);
                wait_until(|| followers(&group) == 1);
                clock.advance(MS - NS);
                assert_eq!(followers(&group), 1, "{freshness:?} {wait:?}");
                clock.advance(NS);
                assert!(call.join_unrun().unwrap_err().is_timeout(), "{freshness:?} {wait:?}");
                leader.returns(Ok(1)).unwrap();
            }
        }
    });
}

#[test]
fn a_request_that_must_not_wait_does_not() {
    // S34 S55
    watched(|| {
        for freshness in FRESHNESS {
            let clock = ManualClock::new();
            let group = group(&clock);
            let leader = lead(&group, "k");
            clock.advance(AGE);
            let tried = request(group.call("k"), &clock, freshness, Wait::No);
            assert!(matches!(tried.run(|| Ok(2)), Err(Error::WouldBlock)), "{freshness:?}");
            leader.returns(Ok(1)).unwrap();
        }
    });
}

#[test]
fn calls_that_accept_nothing_so_old_share_one_execution() {
    // S30 S57: fresh calls and those with an age have one successor.
    watched(|| {
        let clock = ManualClock::new();
        let group = group(&clock);
        let leader = lead(&group, "k");
        clock.advance(AGE);
        let calls: Vec<_> = [Freshness::Fresh, Freshness::TooYoung, Freshness::TooYoung]
            .map(|freshness| begin(&group, &clock, freshness, Wait::Forever))
            .into();
        wait_until(|| followers(&group) == 3);
        leader.returns(Ok(1)).unwrap();
        // Any of them may lead, so all functions may end before the first call is joined.
        let calls: Vec<_> = calls.into_iter().map(|call| call.ends(|| Ok(2))).collect();
        let values: Vec<_> = calls.into_iter().map(|call| call.join().unwrap().value).collect();
        assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])));
        assert_eq!((*values[0], group.stats().executed_requests), (2, 2));
    });
}

#[test]
fn an_age_does_not_lengthen_the_window() {
    // S8 S57
    watched(|| {
        let clock = ManualClock::new();
        let numbers = counting(&clock);
        numbers.execute("k").unwrap();
        clock.advance(WINDOW - NS);
        assert_eq!(*numbers.call("k").max_age(Duration::MAX).run().unwrap(), 1);
        clock.advance(NS);
        assert_eq!(*numbers.call("k").max_age(Duration::MAX).run().unwrap(), 2);
    });
}

#[test]
fn execute_within_is_a_request_with_an_age() {
    // S57: it takes what is young enough, joins what runs, and gets a newer one for the rest.
    watched(|| {
        let clock = ManualClock::new();
        let numbers = counting(&clock);
        numbers.execute("k").unwrap();
        clock.advance(AGE);
        assert_eq!(*numbers.execute_within("k", AGE).unwrap(), 1);
        assert_eq!(*numbers.execute_within("k", AGE - NS).unwrap(), 2);
        clock.advance(WINDOW);
        assert_eq!(*numbers.execute_within("k", Duration::MAX).unwrap(), 3);
        let group = group(&clock);
        let leader = lead(&group, "k");
        let other = group.clone();
        let joins = start(move |function| other.execute_within("k", AGE, function));
        wait_until(|| followers(&group) == 1);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*joins.join_unrun().unwrap(), 1);
    });
}

#[test]
fn an_error_too_can_be_too_old() {
    // S18 S57
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().error_window(WINDOW).clock(clock.clone()).build();
        group.execute("k", || Err("down".into())).unwrap_err();
        clock.advance(AGE);
        assert!(group.call("k").max_age(AGE).run(|| Ok(1)).unwrap_err().is_failed());
        assert_eq!(*group.call("k").max_age(AGE - NS).run(|| Ok(1)).unwrap(), 1);
    });
}

#[test]
fn the_last_word_on_a_choice_holds() {
    // S56
    watched(|| {
        let clock = ManualClock::new();
        let group = group(&clock);
        let leader = lead(&group, "k");
        let deadline = clock.now();
        let blocked = group.call("k").timeout(MS).no_wait().run(|| Ok(2));
        assert!(blocked.unwrap_err().would_block());
        let bounded = group.call("k").no_wait().deadline(deadline).run(|| Ok(2));
        assert!(bounded.unwrap_err().is_timeout());
        let bounded = group.call("k").deadline(deadline + MS).timeout(Duration::ZERO);
        assert!(bounded.run(|| Ok(2)).unwrap_err().is_timeout());
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*group.call("k").fresh().max_age(MS).run(|| Ok(2)).unwrap(), 1);
        assert_eq!(*group.call("k").max_age(MS).fresh().run(|| Ok(2)).unwrap(), 2);
    });
}

#[test]
fn a_request_does_nothing_before_it_is_made() {
    // S56 S32: its deadline counts from `run`, and so does freshness.
    watched(|| {
        let clock = ManualClock::new();
        let numbers = counting(&clock);
        let asked = numbers.call("k").max_age(Duration::ZERO);
        assert_eq!(numbers.stats().total_requests, 0);
        clock.advance(AGE);
        numbers.execute("k").unwrap();
        assert_eq!(*asked.run().unwrap(), 1);
    });
}

#[test]
fn max_wait_bounds_a_request_too() {
    // S44 S56
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_wait(MS).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        let handle = group.clone();
        let call = start(move |function| {
            handle.call("k").fresh().timeout(Duration::MAX).outcome(function)
        });
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        assert!(call.join_unrun().unwrap_err().is_timeout());
        leader.returns(Ok(1)).unwrap();
    });
}

#[test]
fn the_age_of_an_outcome_counts_from_the_start_of_its_computation() {
    // S58: for the leader, a follower, a late call and a ticket.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .window(WINDOW)
            .clock(clock.clone())
            .executor(|job: coalescer::Job| job.run())
            .build();
        let leader = lead(&group, "k");
        clock.advance(AGE);
        let follower = begin(&group, &clock, Freshness::Any, Wait::Forever);
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        let led = leader.returns(Ok(1)).unwrap();
        let followed = follower.join_unrun().unwrap();
        assert_eq!([led.age, followed.age], [AGE + MS; 2]);
        clock.advance(MS);
        assert_eq!(group.call("k").outcome(|| Ok(2)).unwrap().age, AGE + 2 * MS);
        let ticket = group.submit("k", || Ok(2)).unwrap();
        clock.advance(MS);
        assert_eq!(ticket.wait_outcome().unwrap().age, AGE + 3 * MS);
        let ticket = group.submit("new", || Ok(2)).unwrap();
        clock.advance(MS);
        let outcome = ticket.wait_outcome().unwrap();
        assert_eq!((outcome.role, outcome.age), (Role::Leader, MS));
    });
}

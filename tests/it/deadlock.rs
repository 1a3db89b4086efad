//! Calls that would wait for themselves.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Error, Group, ManualClock, OnDeadlock};

use crate::support::{Call, MS, Numbers, follow, followers, lead, wait_until, watched};

type Answer = Result<Arc<u32>, Error<String>>;

/// Lets a leader's function call `key`. The function returns the value of that call plus ten, or zero
/// if the call was refused.
fn calls(leader: Call<u32, String>, group: &Numbers, key: &'static str) -> Call<u32, String> {
    let group = group.clone();
    leader.ends(move || or_zero(group.execute(key, || Ok(1))))
}

fn or_zero(answer: Answer) -> Result<u32, String> {
    match answer {
        Ok(value) => Ok(*value + 10),
        Err(Error::WouldDeadlock) => Ok(0),
        Err(other) => Err(other.to_string()),
    }
}

#[test]
fn a_call_on_the_key_that_its_own_thread_leads_is_refused_at_once() {
    // S41 S42: with a deadline or without, fresh or not.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().clock(clock).build();
        let outer = group.execute("k", || {
            let inner = [
                group.execute("k", || Ok(0)),
                group.execute_timeout("k", MS, || Ok(0)),
                group.execute_fresh("k", || Ok(0)),
                group.try_execute("k", || Ok(0)),
            ];
            assert!(inner.iter().all(|answer| answer.as_ref().unwrap_err().would_deadlock()));
            Ok(1)
        });
        assert_eq!(*outer.unwrap(), 1);
        assert_eq!((group.stats().refused, group.stats().executed_requests), (4, 1));
    });
}

#[test]
fn so_is_one_with_other_flights_between() {
    // S41
    watched(|| {
        let group = Numbers::new();
        let outer = group.execute("a", || {
            let middle = group.execute("b", || or_zero(group.execute("a", || Ok(1))));
            Ok(*middle.unwrap() + 100)
        });
        assert_eq!(*outer.unwrap(), 100);
    });
}

#[test]
fn a_job_that_a_pool_runs_on_the_leaders_thread_is_refused() {
    // S44: a worker that waits inside its function runs the next job of its queue while it waits.
    watched(|| {
        let group = Numbers::new();
        let (queue, jobs) = channel::<Box<dyn FnOnce() -> Answer>>();
        let stolen = group.clone();
        queue.send(Box::new(move || stolen.execute("k", || Ok(2)))).unwrap();
        let outer = group.execute("k", || or_zero(jobs.recv().unwrap()()));
        assert_eq!(*outer.unwrap(), 0);
    });
}

#[test]
fn bypass_runs_the_function_instead_of_refusing() {
    // S41
    watched(|| {
        let group: Numbers =
            Group::builder().window(Duration::MAX).on_deadlock(OnDeadlock::Bypass).build();
        let outer = group.execute("k", || or_zero(group.execute("k", || Ok(1))));
        assert_eq!(*outer.unwrap(), 11);
        assert_eq!(*group.execute("k", || Ok(5)).unwrap(), 11, "the inner one is not shared");
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.refused, stats.late), (2, 0, 1));
    });
}

#[test]
fn the_call_that_closes_a_cycle_of_two_is_refused_and_the_other_proceeds() {
    // S42
    watched(|| {
        let group = Numbers::new();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let a = calls(a, &group, "b");
        wait_until(|| followers(&group) == 1);
        let b = calls(b, &group, "a");
        assert_eq!(*b.join().unwrap().value, 0, "it closed the cycle");
        assert_eq!(*a.join().unwrap().value, 10, "it got what b returned");
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_wait_with_a_deadline_is_refused_as_well() {
    // S42: the clock stands still, so no deadline ends the wait.
    watched(|| {
        let group: Numbers = Group::builder().max_wait(1000 * MS).clock(ManualClock::new()).build();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let a = calls(a, &group, "b");
        wait_until(|| followers(&group) == 1);
        let inner = group.clone();
        let b = b.ends(move || or_zero(inner.execute_timeout("a", MS, || Ok(1))));
        assert_eq!(*b.join().unwrap().value, 0);
        assert_eq!(*a.join().unwrap().value, 10);
    });
}

#[test]
fn whichever_thread_comes_last_exactly_one_of_a_cycle_is_refused() {
    // S42, as a race
    watched(|| {
        let group = Numbers::new();
        for _ in 0..200 {
            let a = lead(&group, "a");
            let b = lead(&group, "b");
            let (a, b) = (calls(a, &group, "b"), calls(b, &group, "a"));
            let mut values = [*a.join().unwrap().value, *b.join().unwrap().value];
            values.sort_unstable();
            assert_eq!(values, [0, 10]);
        }
        assert_eq!(group.stats().refused, 200);
    });
}

#[test]
fn a_cycle_over_three_coalescers_is_found() {
    // S42: a cycle over coalescers of different types.
    watched(|| {
        let numbers = Numbers::new();
        let words: Group<String, String, String> = Group::new();
        let (a, b) = (lead(&numbers, "a"), lead(&words, "b"));
        let closing = Arc::new(Barrier::new(2));
        let (close, next) = (Arc::clone(&closing), numbers.clone());
        let lengths = Coalescer::new(move |_: &u8| {
            close.wait();
            match next.execute("a", || Ok(0)) {
                Err(Error::WouldDeadlock) => Ok::<usize, String>(5),
                other => panic!("closed the cycle and got {other:?}"),
            }
        });
        let next = lengths.clone();
        let c = thread::spawn(move || next.execute(&3));
        wait_until(|| lengths.in_flight().len() == 1);

        let next = words.clone();
        let a = a.ends(move || match next.execute("b", || Ok(String::new())) {
            Ok(word) => Ok(word.len() as u32),
            Err(error) => Err(error.to_string()),
        });
        wait_until(|| followers(&words) == 1);
        let next = lengths.clone();
        let b = b.ends(move || match next.execute(&3) {
            Ok(length) => Ok("x".repeat(*length)),
            Err(error) => Err(error.to_string()),
        });
        wait_until(|| lengths.in_flight()[0].followers == 1);
        closing.wait();
        assert_eq!(*c.join().unwrap().unwrap(), 5);
        assert_eq!(*b.join().unwrap().value, "xxxxx");
        assert_eq!(*a.join().unwrap().value, 5);
    });
}

#[test]
fn bypass_breaks_a_cycle_by_running_the_function() {
    // S41 S42
    watched(|| {
        let group: Numbers = Group::builder().on_deadlock(OnDeadlock::Bypass).build();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let a = calls(a, &group, "b");
        wait_until(|| followers(&group) == 1);
        let b = calls(b, &group, "a");
        assert_eq!(*b.join().unwrap().value, 11, "it ran its own function");
        assert_eq!(*a.join().unwrap().value, 21);
    });
}

#[test]
fn a_leader_may_wait_for_an_independent_thread() {
    // S43
    watched(|| {
        let group = Numbers::new();
        let (a, b, c) = (lead(&group, "a"), lead(&group, "b"), lead(&group, "c"));
        let a = calls(a, &group, "b");
        wait_until(|| followers(&group) == 1);
        let b = calls(b, &group, "c");
        wait_until(|| followers(&group) == 2);
        c.returns(Ok(1)).unwrap();
        assert_eq!(*b.join().unwrap().value, 11);
        assert_eq!(*a.join().unwrap().value, 21);
        assert_eq!(group.stats().refused, 0);
    });
}

#[test]
fn many_may_wait_for_what_one_leader_waits_for() {
    // S43: two paths to the same flight are no cycle.
    watched(|| {
        let group = Numbers::new();
        let (a, b, c) = (lead(&group, "a"), lead(&group, "b"), lead(&group, "c"));
        let (a, b) = (calls(a, &group, "c"), calls(b, &group, "c"));
        wait_until(|| followers(&group) == 2);
        let joined = follow(&group, "a", 1).remove(0);
        c.returns(Ok(1)).unwrap();
        assert_eq!([*a.join().unwrap().value, *b.join().unwrap().value], [11, 11]);
        assert_eq!(*joined.join_unrun().unwrap().value, 11);
    });
}

#[test]
fn a_wait_that_is_over_is_forgotten() {
    // S43: a waits for b and gives up; then b may wait for a.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().clock(clock.clone()).build();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let inner = group.clone();
        let (gave_up, has_given_up) = channel();
        let (finish, told_to_finish) = channel::<()>();
        let a = a.ends(move || {
            gave_up.send(inner.execute_timeout("b", MS, || Ok(0))).unwrap();
            told_to_finish.recv().ok();
            Ok(1)
        });
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        assert!(has_given_up.recv().unwrap().unwrap_err().is_timeout());
        let b = calls(b, &group, "a");
        wait_until(|| followers(&group) == 1);
        finish.send(()).unwrap();
        assert_eq!(*a.join().unwrap().value, 1);
        assert_eq!(*b.join().unwrap().value, 11);
    });
}

#[test]
fn a_cycle_through_a_successor_that_has_not_begun_is_found() {
    // S30 S42: b waits for the flight after a, which starts when a ends, which waits for b.
    watched(|| {
        let group = Numbers::new();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let inner = group.clone();
        let b = b.ends(move || or_zero(inner.execute_fresh("a", || Ok(2))));
        wait_until(|| followers(&group) == 1);
        let a = calls(a, &group, "b");
        assert_eq!(*a.join().unwrap().value, 0);
        assert_eq!(*b.join().unwrap().value, 12);
    });
}

#[test]
fn a_fresh_call_that_would_close_a_cycle_is_refused() {
    // S30 S42
    watched(|| {
        let group = Numbers::new();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let a = calls(a, &group, "b");
        wait_until(|| followers(&group) == 1);
        let inner = group.clone();
        let b = b.ends(move || or_zero(inner.execute_fresh("a", || Ok(2))));
        assert_eq!(*b.join().unwrap().value, 0);
        assert_eq!(*a.join().unwrap().value, 10);
        assert!(group.in_flight().is_empty());
        assert_eq!(*group.execute("a", || Ok(3)).unwrap(), 3);
    });
}

#[test]
fn a_cycle_through_the_second_leader_of_a_flight_is_found() {
    // S36 S42: the stuck leader may fail, and then all calls depend on the one in the cycle.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().leader_timeout(MS).clock(clock.clone()).build();
        let stuck = lead(&group, "a");
        clock.advance(MS);
        let second = lead(&group, "a");
        let b = lead(&group, "b");
        let second = calls(second, &group, "b");
        wait_until(|| followers(&group) == 1);
        assert_eq!(*calls(b, &group, "a").join().unwrap().value, 0);
        assert_eq!(*second.join().unwrap().value, 10);
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_waiter_that_took_over_is_found_as_a_leader() {
    // S36 S42: it leads x, and as a waiter of `a` it begins a second execution of that.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().leader_timeout(MS).clock(clock.clone()).build();
        let stuck = lead(&group, "a");
        let (x, inner) = (lead(&group, "x"), group.clone());
        let (took_over, has_taken_over) = channel();
        let (go, told_to_go) = channel::<()>();
        let second = group.clone();
        let x = x.ends(move || {
            or_zero(inner.execute("a", || {
                took_over.send(()).ok();
                told_to_go.recv().ok();
                or_zero(second.execute("b", || Ok(1)))
            }))
        });
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        has_taken_over.recv().unwrap();
        let b = calls(lead(&group, "b"), &group, "a");
        wait_until(|| followers(&group) == 1);
        go.send(()).unwrap();
        assert_eq!(*x.join().unwrap().value, 10, "the call from a to b closed the cycle");
        assert_eq!(*b.join().unwrap().value, 10);
        stuck.returns(Ok(1)).unwrap();
        assert_eq!(group.stats().refused, 1);
    });
}

#[test]
fn a_waiter_that_began_a_successor_is_found_as_its_leader() {
    // S30 S42
    watched(|| {
        let group = Numbers::new();
        let before = lead(&group, "a");
        let (x, inner) = (lead(&group, "x"), group.clone());
        let (began, has_begun) = channel();
        let (go, told_to_go) = channel::<()>();
        let second = group.clone();
        let x = x.ends(move || {
            or_zero(inner.execute_fresh("a", || {
                began.send(()).ok();
                told_to_go.recv().ok();
                or_zero(second.execute("b", || Ok(1)))
            }))
        });
        wait_until(|| followers(&group) == 1);
        before.returns(Ok(1)).unwrap();
        has_begun.recv().unwrap();
        let b = calls(lead(&group, "b"), &group, "a");
        wait_until(|| followers(&group) == 1);
        go.send(()).unwrap();
        assert_eq!(*x.join().unwrap().value, 10, "the call from a to b closed the cycle");
        assert_eq!(*b.join().unwrap().value, 10);
    });
}

#[test]
fn a_thread_that_leads_nothing_is_never_refused() {
    // S43
    watched(|| {
        let group = Numbers::new();
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (0..2000).for_each(|n| drop(group.execute("k", || Ok(n)).unwrap())));
            }
        });
        assert_eq!(group.stats().refused, 0);
    });
}

//! A refresh keeps the old result until the new one is there, and all executions of a key have one bound.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, Role, ShareWith};

use crate::support::{
    Call, MS, Numbers, begin, follow, followers, lead, start, wait_until, watched,
};

const TIMEOUT: Duration = Duration::from_millis(30);

fn fresh(group: &Numbers, key: &'static str) -> Call<u32, String> {
    let group = group.clone();
    start(move |function| group.call(key).fresh().outcome(function))
}

fn kept(window: Duration) -> (ManualClock, Numbers) {
    let clock = ManualClock::new();
    let group: Numbers = Group::builder()
        .window(window)
        .share_with(|value: &u32| match value {
            100 => ShareWith::Nobody,
            200 => ShareWith::Followers,
            _ => ShareWith::Everyone,
        })
        .clock(clock.clone())
        .build();
    assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    (clock, group)
}

/// The value of the key, and whether the window served it.
fn served(group: &Numbers) -> (u32, bool) {
    let outcome = group.call("k").outcome(|| Ok(9)).unwrap();
    (*outcome.value, outcome.role == Role::Late)
}

#[test]
fn a_refresh_serves_the_old_value_until_it_has_succeeded() {
    // S70 S30
    watched(|| {
        let (_clock, group) = kept(Duration::MAX);
        let refresh = fresh(&group, "k").begun();
        assert_eq!(served(&group), (1, true));
        let second = {
            let calls = followers(&group);
            let call = fresh(&group, "k");
            wait_until(|| followers(&group) == calls + 1);
            call
        };
        assert_eq!(*refresh.returns(Ok(2)).unwrap().value, 2);
        let second = second.begun();
        assert_eq!(served(&group), (2, true), "what the first refresh has returned");
        assert_eq!(*second.returns(Ok(3)).unwrap().value, 3);
        assert_eq!(served(&group), (3, true));
        assert_eq!(group.forget_all(), 1);
    });
}

#[test]
fn a_refresh_that_comes_to_nothing_leaves_the_old_value() {
    // S70: it fails, panics, is not shareable, or is for its followers only.
    watched(|| {
        let endings: [fn() -> Result<u32, String>; 4] =
            [|| Err("down".into()), || panic!("on purpose"), || Ok(100), || Ok(200)];
        for ending in endings {
            let (_clock, group) = kept(Duration::MAX);
            let refresh = fresh(&group, "k").begun();
            drop(refresh.ends(ending).try_join());
            assert_eq!(served(&group), (1, true));
            assert_eq!(group.stats().in_flight, 0);
        }
    });
}

#[test]
fn an_error_replaces_a_kept_error_and_no_kept_value() {
    // S70 S18
    watched(|| {
        let group: Numbers =
            Group::builder().window(Duration::MAX).error_window(Duration::MAX).build();
        assert!(group.execute("k", || Err("first".into())).is_err());
        let second = group.execute_fresh("k", || Err("second".into())).unwrap_err();
        let late = group.execute("k", || Ok(1)).unwrap_err();
        assert!(Arc::ptr_eq(second.failed().unwrap(), late.failed().unwrap()));
        assert_eq!(*group.execute_fresh("k", || Ok(2)).unwrap(), 2);
        assert!(group.execute_fresh("k", || Err("third".into())).is_err());
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2);
    });
}

#[test]
fn a_value_that_expires_beside_its_refresh_leaves_the_refresh_to_be_joined() {
    // S70 S8 S1, also if other calls remove the expired value meanwhile.
    watched(|| {
        for others in [0, 8] {
            let (clock, group) = kept(MS);
            let refresh = fresh(&group, "k").begun();
            clock.advance(MS);
            for other in 0..others {
                group.execute(&format!("other {other}"), || Ok(0)).unwrap();
            }
            let joins = follow(&group, "k", 2);
            assert_eq!(*refresh.returns(Ok(2)).unwrap().value, 2);
            for call in joins {
                assert_eq!(*call.join_unrun().unwrap().value, 2);
            }
        }
    });
}

#[test]
fn forget_takes_the_old_value_and_the_refresh() {
    // S28 S70
    watched(|| {
        for all in [false, true] {
            let (_clock, group) = kept(Duration::MAX);
            let refresh = fresh(&group, "k").begun();
            match all {
                true => assert_eq!(group.forget_all(), 1),
                false => assert!(group.forget("k")),
            }
            assert_eq!(served(&group), (9, false));
            assert_eq!(*refresh.returns(Ok(2)).unwrap().value, 2);
            assert_eq!(served(&group), (9, true), "the forgotten refresh is not kept");
        }
    });
}

#[test]
fn a_refresh_in_a_full_table_takes_the_space_of_its_own_old_value() {
    // S47 S70
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).max_retained(2).build();
        for (key, value) in [("a", 1), ("b", 2)] {
            group.execute(key, || Ok(value)).unwrap();
        }
        assert_eq!(*group.execute_fresh("b", || Ok(3)).unwrap(), 3);
        let late = |key: &str| group.call(key).outcome(|| Ok(9)).unwrap();
        assert_eq!((*late("a").value, *late("b").value), (1, 3));
    });
}

#[test]
fn fresh_calls_on_a_hung_backend_keep_to_max_leaders() {
    // S39: one bound for a flight and those after it.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().leader_timeout(TIMEOUT).clock(clock.clone()).build();
        let hung = [lead(&group, "k"), {
            let call = fresh(&group, "k");
            wait_until(|| followers(&group) == 1);
            clock.advance(TIMEOUT);
            call.begun()
        }];
        let mut waiting = Vec::new();
        for _ in 0..10 {
            waiting.push(fresh(&group, "k"));
            waiting.push(begin(&group, "k"));
            wait_until(|| followers(&group) == waiting.len());
            clock.advance(TIMEOUT);
            let executions: usize = group.in_flight().iter().map(|flight| flight.executions).sum();
            assert_eq!(executions, 2);
        }
        let waiting: Vec<_> = waiting.into_iter().map(|call| call.ends(|| Ok(3))).collect();
        for call in hung {
            call.returns(Ok(2)).unwrap();
        }
        for call in waiting {
            call.join().unwrap();
        }
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn flights_that_are_too_old_to_join_keep_to_max_leaders() {
    // S9 S39: a call that finds no room waits for the next flight.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_join_age(TIMEOUT).clock(clock.clone()).build();
        let first = lead(&group, "k");
        clock.advance(TIMEOUT);
        let second = lead(&group, "k");
        clock.advance(TIMEOUT);
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        let waiting = follow(&group, "k", 20);
        assert_eq!(group.in_flight().iter().map(|flight| flight.executions).sum::<usize>(), 2);
        let waiting: Vec<_> = waiting.into_iter().map(|call| call.ends(|| Ok(3))).collect();
        assert_eq!(*first.returns(Ok(1)).unwrap().value, 1);
        for call in waiting {
            assert_eq!(*call.join().unwrap().value, 3);
        }
        assert_eq!(*second.returns(Ok(2)).unwrap().value, 2);
        assert_eq!(group.stats().executed_requests, 3);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_destructor_of_another_key_runs_after_the_outcome_is_published() {
    // S47: neither the function nor a follower waits for it, and its panic concerns no call.
    struct Slow(Option<std::sync::mpsc::Receiver<()>>);
    impl Drop for Slow {
        fn drop(&mut self) {
            if let Some(goes) = &self.0 {
                goes.recv().unwrap();
                panic!("a destructor");
            }
        }
    }
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<String, std::sync::Mutex<Slow>, ()> =
            Group::builder().window(MS).shards(1).clock(clock.clone()).build();
        let (go, goes) = std::sync::mpsc::channel();
        drop(group.execute("old", || Ok(std::sync::Mutex::new(Slow(Some(goes))))).unwrap());
        clock.advance(MS);
        let leader = lead(&group, "new");
        let follower = follow(&group, "new", 1).remove(0);
        let leader = leader.ends(|| Ok(std::sync::Mutex::new(Slow(None))));
        assert!(follower.join_unrun().is_ok(), "before the destructor has returned");
        go.send(()).unwrap();
        assert!(leader.join().is_ok());
    });
}

#[test]
fn forget_all_forgets_all_although_a_destructor_panics() {
    // S28
    struct Explosive(bool);
    impl Drop for Explosive {
        fn drop(&mut self) {
            assert!(!self.0, "a destructor");
        }
    }
    watched(|| {
        let group: Group<u32, Explosive, ()> = Group::builder().window(Duration::MAX).build();
        for key in 0..100 {
            drop(group.execute(&key, || Ok(Explosive(key % 10 == 0))).unwrap());
        }
        let all = thread::spawn({
            let group = group.clone();
            move || group.forget_all()
        });
        assert!(all.join().is_err(), "the first panic goes on");
        assert!((0..100).all(|key| !group.forget(&key)));
    });
}

//! The list of what is under way.

use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock};

use crate::support::{MS, Numbers, follow, lead, start, watched};

#[test]
fn it_tells_key_age_followers_and_leader_the_oldest_first() {
    // S50
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().clock(clock.clone()).build();
        let handle = group.clone();
        let named = start(move |function| {
            let leader = thread::Builder::new().name("accountant".into());
            let led = leader.spawn(move || handle.execute("old", function));
            led.unwrap().join().unwrap()
        });
        let named = named.begun();
        let waiting = follow(&group, "old", 2);
        clock.advance(10 * MS);
        let young = lead(&group, "young");
        clock.advance(5 * MS);

        let flights = group.in_flight();
        let keys: Vec<&str> = flights.iter().map(|flight| flight.key.as_str()).collect();
        assert_eq!(keys, ["old", "young"]);
        assert_eq!((flights[0].age, flights[1].age), (15 * MS, 5 * MS));
        assert_eq!((flights[0].followers, flights[1].followers), (2, 0));
        assert_eq!((flights[0].executions, flights[1].executions), (1, 1));
        assert_eq!(flights[0].leader.as_ref().unwrap().name(), Some("accountant"));
        assert_ne!(
            flights[0].leader.as_ref().unwrap().id(),
            flights[1].leader.as_ref().unwrap().id()
        );

        named.returns(Ok(1)).unwrap();
        young.returns(Ok(2)).unwrap();
        waiting.into_iter().for_each(|follower| drop(follower.join_unrun()));
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn flights_that_end_in_any_order_leave_the_others_on_the_list() {
    // S50: some leave a result, which is no flight.
    watched(|| {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let clock = ManualClock::new();
            let group: Numbers = Group::builder()
                .window(Duration::MAX)
                .share_if(|value| value % 2 == 0)
                .clock(clock.clone())
                .shards(1)
                .build();
            let lead = |key| {
                clock.advance(MS);
                Some((key, lead(&group, key)))
            };
            let mut leaders = ["0", "1", "2", "3"].map(lead);
            for ends in order {
                let (key, leader) = leaders[ends].take().unwrap();
                leader.returns(Ok(key.parse().unwrap())).unwrap();
                let left: Vec<_> = leaders.iter().flatten().map(|(key, _)| *key).collect();
                let flights = group.in_flight().into_iter();
                assert_eq!(flights.map(|flight| flight.key).collect::<Vec<_>>(), left, "{order:?}");
            }
        }
    });
}

#[test]
fn it_is_empty_after_panics_failures_timeouts_and_forgets() {
    // S50
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        let endings: [fn() -> Result<u32, String>; 3] =
            [|| Ok(1), || Err("down".into()), || panic!("on purpose")];
        for ending in endings {
            let forgets: [fn(&Numbers) -> bool; 3] =
                [|_| true, |group| group.forget("k"), |group| group.forget_all() == 1];
            for forget in forgets {
                let leader = lead(&group, "k");
                let waiting = follow(&group, "k", 1);
                drop(group.execute_timeout("k", Duration::ZERO, || Ok(2)));
                assert!(forget(&group));
                assert_eq!(group.in_flight().len(), 1, "a forgotten flight is still under way");
                drop(leader.ends(ending).try_join());
                waiting.into_iter().for_each(|follower| drop(follower.join_unrun()));
                assert!(group.in_flight().is_empty());
                group.forget("k");
            }
        }
    });
}

#[test]
fn it_shows_every_execution_of_a_flight_that_was_taken_over() {
    // S50 S38: a stuck leader is listed until it returns, even if its flight has ended.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().window(Duration::MAX).leader_timeout(MS).clock(clock.clone()).build();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        let second = lead(&group, "k");
        assert_eq!(group.in_flight()[0].executions, 2);
        second.returns(Ok(2)).unwrap();
        let flights = group.in_flight();
        assert_eq!((flights.len(), flights[0].executions, flights[0].followers), (1, 1, 0));
        stuck.returns(Ok(1)).unwrap();
        assert!(group.in_flight().is_empty());
    });
}

#[test]
#[cfg(feature = "serde")]
fn it_is_read_as_json() {
    // S50
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().clock(clock.clone()).build();
        let handle = group.clone();
        let leader = start(move |function| {
            let leader = thread::Builder::new().name("accountant".into());
            leader.spawn(move || handle.execute("k", function)).unwrap().join().unwrap()
        });
        let leader = leader.begun();
        let handle = group.clone();
        let fresh = start(move |function| handle.execute_fresh("k", function));
        crate::support::wait_until(|| group.in_flight().len() == 2);
        clock.advance(1500 * MS);
        let leading =
            r#"{"key":"k","age_seconds":1.5,"followers":0,"executions":1,"leader":"accountant"}"#;
        let pending = r#"{"key":"k","age_seconds":1.5,"followers":1,"executions":0,"leader":null}"#;
        let json = serde_json::to_string(&group.in_flight()).unwrap();
        assert_eq!(json, format!("[{leading},{pending}]"));
        leader.returns(Ok(1)).unwrap();
        fresh.returns(Ok(2)).unwrap();
    });
}

/// A key that calls the group whenever it is cloned.
#[derive(PartialEq, Eq, Hash)]
struct Key(u8);

static REACHED: OnceLock<Group<Key, u32, ()>> = OnceLock::new();

impl Clone for Key {
    fn clone(&self) -> Self {
        if let Some(group) = REACHED.get() {
            // Both take the lock of the only shard.
            assert_eq!(group.stats().in_flight, 1);
            assert!(!group.forget(&Self(self.0 + 1)));
        }
        Self(self.0)
    }
}

#[test]
fn it_holds_no_lock_while_it_clones_keys() {
    // S2
    watched(|| {
        let group: Group<Key, u32, ()> = Group::builder().shards(1).build();
        let started = Arc::new(Barrier::new(2));
        let (g, s) = (group.clone(), Arc::clone(&started));
        let runs = thread::spawn(move || {
            g.execute(&Key(1), || {
                s.wait();
                s.wait();
                Ok(1)
            })
        });
        started.wait();
        assert!(REACHED.set(group.clone()).is_ok());
        assert_eq!(group.in_flight().len(), 1);
        started.wait();
        runs.join().unwrap().unwrap();
    });
}

//! Counting, listing and forgetting for all coalescers.

#[cfg(feature = "serde")]
use std::thread;

use coalescer::{Manager, ManagerStats, ManualClock, Settings};

use crate::support::{MS, watched};

use super::{endless, executed, length, same_length};

#[test]
fn it_counts_and_forgets_for_all_of_them() {
    // S51 S28 S48
    watched(|| {
        let manager = endless();
        for word in ["four", "four", "five!"] {
            manager.execute(length, word).unwrap();
            manager.named("b", same_length).unwrap().execute(word).unwrap();
        }
        manager.named("a", |_: &u8| Err::<u8, &str>("down")).unwrap().execute(&1).unwrap_err();
        let ManagerStats { total, coalescers, .. } = manager.stats();
        assert_eq!(coalescers.iter().map(|one| one.stats).sum::<coalescer::Stats>(), total);
        assert_eq!((total.total_requests, total.executed_requests, total.failed), (7, 5, 1));
        let names: Vec<_> = coalescers.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b", std::any::type_name_of_val(&length)]);
        assert_eq!(manager.forget_all(), 4);
        assert_eq!(manager.forget_all(), 0);
        manager.execute(length, "four").unwrap();
        assert_eq!(executed(&manager), 6);
    });
}

#[cfg(feature = "serde")]
#[test]
fn its_counters_are_json() {
    watched(|| {
        let manager = endless();
        manager.named("lengths", length).unwrap().execute("four").unwrap();
        let json = serde_json::to_value(manager.stats()).unwrap();
        assert_eq!(json["total"]["executed_requests"], 1);
        assert_eq!(json["coalescers"][0]["name"], "lengths");
        assert_eq!(json["coalescers"][0]["stats"]["executed_requests"], 1);
    });
}

#[test]
fn it_lists_the_flights_of_all_its_coalescers_the_oldest_first() {
    // S50 S51
    watched(|| {
        let clock = ManualClock::new();
        let manager = Manager::with_defaults(Settings::new().clock(clock.clone()));
        // A function that held its own manager would keep it alive for ever.
        let (inner, passed) = (manager.downgrade(), clock.clone());
        let sums = move |n: &u64| {
            passed.advance(500 * MS);
            let manager = inner.upgrade().expect("the test has it");
            Ok::<u64, ()>(manager.in_flight().len() as u64 + n)
        };
        let sums = manager.named("sums", sums).unwrap();
        let (outer, passed) = (manager.downgrade(), clock.clone());
        let pages = move |page: &String| {
            passed.advance(1000 * MS);
            assert_eq!(*sums.execute(&40).unwrap(), 42);
            let flights = outer.upgrade().expect("the test has it").in_flight();
            assert_eq!((flights.len(), flights[0].age), (1, 1500 * MS));
            Ok::<String, ()>(format!("{page}: {flights:?}"))
        };
        let pages = manager.named("pages", pages).unwrap();
        assert!(pages.execute("k").unwrap().contains("\"pages\""));
        assert!(manager.in_flight().is_empty());
    });
}

#[test]
#[cfg(feature = "serde")]
fn what_it_knows_is_read_as_json() {
    // S50 S51: as a whole status page would print it.
    watched(|| {
        let clock = ManualClock::new();
        let manager = Manager::with_defaults(Settings::new().clock(clock.clone()));
        let (inner, passed) = (manager.clone(), clock.clone());
        let page = move |_: &u8| {
            passed.advance(250 * MS);
            let flights = serde_json::to_string(&inner.in_flight()).unwrap();
            Ok::<_, ()>((flights, serde_json::to_string(&inner.stats()).unwrap()))
        };
        let pages = manager.named("pages", page).unwrap();
        let named = thread::Builder::new().name("worker".into());
        let page = named.spawn(move || pages.execute(&7).unwrap()).unwrap().join().unwrap();
        let flights = r#"[{"name":"pages","age_seconds":0.25,"followers":0,"executions":1,"leader":"worker"}]"#;
        let counters = r#"{"total_requests":1,"executed_requests":0,"coalesced_requests":0,"followers":0,"late":0,"shared":0,"failed":0,"panicked":0,"timed_out":0,"refused":0,"takeovers":0,"refreshes":0,"refresh_failures":0,"batches":0,"in_flight":1}"#;
        let stats = format!(
            r#"{{"total":{counters},"coalescers":[{{"name":"pages","stats":{counters}}}]}}"#
        );
        assert_eq!(*page, (flights.to_owned(), stats));
    });
}

//! Coalescers found by their function or by a name.

use std::hash::RandomState;
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use coalescer::{
    Coalescer, Job, Manager, ManagerStats, ManualClock, NameError, OnDeadlock, Role, Settings,
    SlowFlight,
};

use crate::support::{MS, text, watched};

type Lengths = Coalescer<String, usize, String>;

#[expect(clippy::ptr_arg, reason = "the function of a coalescer of `String` keys")]
fn length(word: &String) -> Result<usize, String> {
    Ok(word.len())
}

fn same_length(word: &String) -> Result<usize, String> {
    length(word)
}

fn number<const N: u32>(_: &u8) -> Result<u32, ()> {
    Ok(N)
}

/// A manager whose results never expire.
fn endless() -> Manager {
    Manager::with_defaults(Settings::new().window(Duration::MAX))
}

fn executed(manager: &Manager) -> u64 {
    manager.stats().total.executed_requests
}

#[test]
fn the_same_function_is_the_same_coalescer() {
    // S51
    watched(|| {
        let manager = endless();
        let first = manager.execute(length, "four").unwrap();
        let again = manager.clone().execute(length, "four").unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(manager.coalescer(length).call("four").outcome().unwrap().role, Role::Late);
        assert_eq!((executed(&manager), manager.stats().coalescers.len()), (1, 1));
    });
}

#[test]
fn another_function_is_another_coalescer() {
    // S51: two functions that do the same, or differ only in a type parameter, are still two.
    watched(|| {
        let manager = endless();
        let first = manager.execute(length, "four").unwrap();
        let second = manager.execute(same_length, "four").unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(*manager.execute(number::<1>, &0).unwrap(), 1);
        assert_eq!(*manager.execute(number::<2>, &0).unwrap(), 2);
        assert_eq!(*manager.execute(number::<1>, &0).unwrap(), 1);
        assert_eq!(executed(&manager), 4);
    });
}

#[test]
fn another_manager_is_another_coalescer() {
    // S51
    watched(|| {
        let managers = [endless(), Manager::default()];
        for manager in &managers {
            manager.execute(length, "four").unwrap();
        }
        assert_eq!(managers.map(|manager| executed(&manager)), [1, 1]);
    });
}

#[test]
fn closures_are_told_apart_by_where_they_stand() {
    // S51
    watched(|| {
        fn ask<T: Default + 'static>(manager: &Manager) -> Arc<String> {
            let name = |_: &u8| Ok::<_, ()>(std::any::type_name::<T>().to_owned());
            manager.execute(name, &0).unwrap()
        }
        let manager = endless();
        for _ in 0..2 {
            assert_eq!(*manager.execute(|n: &u32| Ok::<u32, ()>(n + 1), &1).unwrap(), 2);
        }
        assert_eq!(executed(&manager), 1);
        assert_eq!(*manager.execute(|n: &u32| Ok::<u32, ()>(n + 1), &1).unwrap(), 2);
        assert_eq!(executed(&manager), 2);
        // One closure of a generic function is one for each of its types.
        assert_eq!(*ask::<u8>(&manager), "u8");
        assert_eq!(*ask::<u16>(&manager), "u16");
        assert_eq!(*ask::<u8>(&manager), "u8");
        assert_eq!(executed(&manager), 4);
    });
}

#[test]
fn many_functions_are_found_again() {
    // S51: more functions than buckets, so some share a bucket.
    watched(|| {
        macro_rules! numbers {
            ($($tens:literal)*) => {[$(
                (number::<{ $tens }> as fn(&u8) -> _, call::<{ $tens }> as fn(&Manager) -> u32),
                (number::<{ $tens + 1 }>, call::<{ $tens + 1 }>),
                (number::<{ $tens + 2 }>, call::<{ $tens + 2 }>),
                (number::<{ $tens + 3 }>, call::<{ $tens + 3 }>),
                (number::<{ $tens + 4 }>, call::<{ $tens + 4 }>),
            )*]};
        }
        fn call<const N: u32>(manager: &Manager) -> u32 {
            *manager.execute(number::<N>, &0).unwrap()
        }
        let all = numbers!(0 5 10 15 20 25 30 35 40 45 50 55 60 65 70 75 80 85 90 95 100 105 110);
        let manager = endless();
        for _ in 0..2 {
            for (function, call) in &all {
                assert_eq!(call(&manager), function(&0).unwrap());
            }
        }
        assert_eq!(executed(&manager), all.len() as u64);
        assert_eq!(manager.stats().coalescers.len(), all.len());
    });
}

#[test]
fn threads_that_meet_at_a_new_function_or_name_share_one_coalescer() {
    // S51 S1
    watched(|| {
        const THREADS: usize = 8;
        for _ in 0..50 {
            let manager = endless();
            let start = Barrier::new(THREADS);
            thread::scope(|s| {
                for _ in 0..THREADS {
                    s.spawn(|| {
                        start.wait();
                        manager.execute(length, "four").unwrap();
                        manager.named("lengths", length).unwrap().execute("four").unwrap();
                    });
                }
            });
            let stats = manager.stats();
            assert_eq!((stats.total.executed_requests, stats.coalescers.len()), (2, 2));
            assert_eq!(stats.total.total_requests, 2 * THREADS as u64);
        }
    });
}

#[test]
fn the_same_name_is_the_same_coalescer() {
    // S51: for functions that capture, too; the one that came first is run.
    watched(|| {
        let manager = endless();
        let named = |add: usize| {
            manager.named("lengths", move |word: &String| Ok::<_, String>(word.len() + add))
        };
        assert_eq!(*named(1).unwrap().execute("four").unwrap(), 5);
        assert_eq!(*named(2).unwrap().execute("four").unwrap(), 5);
        assert_eq!(*named(2).unwrap().execute("three").unwrap(), 6);
        let lengths: Lengths = manager.get("lengths").unwrap();
        assert_eq!(lengths.call("four").outcome().unwrap().role, Role::Late);
        assert_eq!(lengths.name(), Some("lengths"));
        assert_eq!(manager.named("others", length).unwrap().stats().total_requests, 0);
    });
}

#[test]
fn names_and_functions_are_apart() {
    // S51
    watched(|| {
        let manager = endless();
        manager.named("lengths", length).unwrap().execute("four").unwrap();
        manager.execute(length, "four").unwrap();
        assert_eq!(executed(&manager), 2);
    });
}

#[test]
fn a_name_of_another_type_or_function_is_refused() {
    // S51
    watched(|| {
        let manager = endless();
        manager.named("lengths", length).unwrap();

        let by_other_key = manager.named("lengths", |n: &u32| Ok::<usize, String>(*n as usize));
        let refusal = by_other_key.unwrap_err();
        let NameError::OtherTypes { name, has, asked } = &refusal else { panic!("{refusal}") };
        assert_eq!(name, "lengths");
        assert!(has.contains("String, usize,") && asked.contains("u32, usize,"), "{refusal}");
        let gotten: Result<Coalescer<String, u64, String>, _> = manager.get("lengths");
        assert!(matches!(gotten, Err(NameError::OtherTypes { .. })));
        let with_hasher =
            manager.named_with("lengths", |settings| settings.hasher(RandomState::new()), length);
        assert!(matches!(with_hasher, Err(NameError::OtherTypes { .. })));

        let refusal = manager.named("lengths", same_length).unwrap_err();
        let NameError::OtherFunction { has, asked, .. } = &refusal else { panic!("{refusal}") };
        assert!(has.ends_with("::length") && asked.ends_with("::same_length"), "{refusal}");

        // The first coalescer is unchanged.
        assert_eq!(*manager.named("lengths", length).unwrap().execute("four").unwrap(), 4);
    });
}

#[test]
fn a_name_with_other_settings_is_refused_by_the_name_of_the_setting() {
    // S51: each different setting is an error, and equal settings are none.
    watched(|| {
        macro_rules! differ {
            ($($setting:ident($($value:expr),*)),* $(,)?) => {$(
                let manager = Manager::new();
                manager.named("lengths", length).unwrap();
                let set = manager.named_with("lengths", |s| s.$setting($($value),*), length);
                let setting = stringify!($setting);
                assert_eq!(set.unwrap_err(), other_settings(setting));

                manager.named_with("set", |s| s.$setting($($value),*), length).unwrap();
                manager.named("set", length).expect_err(setting);
            )*};
        }
        fn other_settings(setting: &'static str) -> NameError {
            NameError::OtherSettings { name: "lengths".into(), setting }
        }
        differ!(
            window(MS),
            error_window(MS),
            max_requests(5),
            max_join_age(MS),
            leader_timeout(MS),
            max_leaders(3),
            max_wait(MS),
            max_retained(5),
            on_deadlock(OnDeadlock::Bypass),
            shards(4),
            clock(ManualClock::new()),
            precise_clock(),
            share_if(|length: &usize| *length > 3),
            executor(|job: Job| job.run()),
            on_slow(MS, |_: &SlowFlight<'_, String>| ()),
        );
    });
}

#[test]
fn a_name_with_the_same_settings_is_the_same() {
    // S51
    watched(|| {
        let clock = ManualClock::new();
        let manager = Manager::new();
        let named = |shards| {
            let all = |settings: coalescer::Builder<_, _, _>| {
                let settings = settings.window(MS).max_requests(2).shards(shards);
                let settings = settings.executor(|job: Job| job.run());
                settings.clock(clock.clone()).share_if(|length: &usize| *length > 3)
            };
            manager.named_with("lengths", all, length)
        };
        named(3).unwrap().execute("four").unwrap();
        // Three shards are four.
        assert_eq!(named(4).unwrap().stats().total_requests, 1);
        assert_eq!(named(5).unwrap_err().to_string().matches("another shards").count(), 1);
    });
}

#[test]
fn an_unknown_name_is_an_error() {
    // S51
    watched(|| {
        let gotten: Result<Lengths, _> = Manager::new().get("lengths");
        let error = gotten.unwrap_err();
        assert_eq!(error, NameError::Unknown { name: "lengths".into() });
        assert_eq!(error.to_string(), "there is no coalescer named \"lengths\" yet");
    });
}

#[test]
fn a_coalescer_of_another_hasher_is_found_by_its_name() {
    // S51
    watched(|| {
        let manager = Manager::new();
        let made = manager.named_with("lengths", |s| s.hasher(RandomState::new()), length).unwrap();
        made.execute("four").unwrap();
        let found: Coalescer<String, usize, String, RandomState> = manager.get("lengths").unwrap();
        assert_eq!(found.stats().total_requests, 1);
    });
}

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

#[test]
fn a_name_among_the_settings_is_refused() {
    watched(|| {
        let named = || Coalescer::builder().name("all of them");
        let refusal = std::panic::catch_unwind(|| {
            drop(Manager::new().named_with("lengths", |_| named(), length));
        });
        let panic = refusal.unwrap_err();
        assert!(text(&*panic).starts_with("name(\"all of them\")"), "{}", text(&*panic));
    });
}

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

/// A value that calls all methods of its manager, also in its destructor.
struct Nosy(Manager);

impl Nosy {
    fn look(&self) {
        self.0.execute(same_length, "nosy").unwrap();
        self.0.named("nosy", same_length).unwrap();
        assert!(!self.0.stats().coalescers.is_empty());
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.look();
    }
}

#[test]
fn no_lock_is_held_while_user_code_runs() {
    // S2 S51: functions, settings and destructors may call the manager.
    static MANAGER: OnceLock<Manager> = OnceLock::new();
    fn nosy(_: &u8) -> Result<Nosy, ()> {
        let nosy = Nosy(MANAGER.get().unwrap().clone());
        nosy.look();
        Ok(nosy)
    }
    watched(|| {
        let manager = MANAGER.get_or_init(endless);
        manager.execute(nosy, &1).unwrap();
        let captured = Nosy(manager.clone());
        let set = |settings: coalescer::Builder<_, _, _>| {
            captured.look();
            settings
        };
        let also = Nosy(manager.clone());
        let load = move |_: &u8| {
            also.look();
            Ok::<u8, ()>(1)
        };
        manager.named_with("with", set, load).unwrap().execute(&1).unwrap();
        // An unused function is also dropped outside the locks.
        for _ in 0..2 {
            let unneeded = Nosy(manager.clone());
            let load = move |_: &u8| {
                unneeded.look();
                Ok::<u8, ()>(1)
            };
            manager.named("unneeded", load).unwrap();
        }
        // The value that `nosy` made goes now, and "nosy" and 1 of "with" with it.
        assert_eq!(manager.forget_all(), 3);
    });
}

#[test]
fn a_function_may_call_other_functions_of_its_manager() {
    // S41 S43: deadlocks are detected over a manager too.
    static MANAGER: OnceLock<Manager> = OnceLock::new();
    fn sum_to(n: &u32) -> Result<u32, String> {
        let manager = MANAGER.get_or_init(endless);
        match n {
            0 => Ok(0),
            99 => Ok(*manager.execute(sum_to, &99).map_err(|refused| refused.to_string())?),
            n => Ok(*manager.execute(sum_to, &(n - 1)).unwrap() + n),
        }
    }
    watched(|| {
        let manager = MANAGER.get_or_init(endless);
        assert_eq!(*manager.execute(sum_to, &9).unwrap(), 45);
        let own_key = manager.execute(sum_to, &99).unwrap_err();
        assert!(format!("{own_key:#}").contains("would never end"), "{own_key:#}");
    });
}

#[test]
fn a_manager_goes_when_its_last_handle_has_gone() {
    // S47
    watched(|| {
        let kept = Arc::new(());
        let manager = endless();
        let held = Arc::clone(&kept);
        manager.named("held", move |_: &u8| Ok::<_, ()>(Arc::clone(&held))).unwrap();
        let coalescer: Coalescer<u8, Arc<()>, ()> = manager.get("held").unwrap();
        coalescer.execute(&1).unwrap();
        drop(manager);
        assert_eq!(Arc::strong_count(&kept), 3);
        drop(coalescer);
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}

#[test]
fn the_same_hook_of_another_time_is_another_setting() {
    // S51 S53
    watched(|| {
        fn tell(_: &SlowFlight<'_, String>) {}
        let manager = Manager::new();
        let named = |time| manager.named_with("lengths", |s| s.on_slow(time, tell), length);
        named(MS).unwrap().execute("four").unwrap();
        assert_eq!(named(MS).unwrap().stats().total_requests, 1);
        assert_eq!(named(2 * MS).unwrap_err().to_string().matches("another on_slow").count(), 1);
    });
}

#[test]
fn it_lists_the_flights_of_all_its_coalescers_the_oldest_first() {
    // S50 S51
    watched(|| {
        let clock = ManualClock::new();
        let manager = Manager::with_defaults(Settings::new().clock(clock.clone()));
        let (inner, passed) = (manager.clone(), clock.clone());
        let sums = move |n: &u64| {
            passed.advance(500 * MS);
            Ok::<u64, ()>(inner.in_flight().len() as u64 + n)
        };
        let sums = manager.named("sums", sums).unwrap();
        let (outer, passed) = (manager.clone(), clock.clone());
        let pages = move |page: &String| {
            passed.advance(1000 * MS);
            assert_eq!(*sums.execute(&40).unwrap(), 42);
            let flights = outer.in_flight();
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
        let counters = r#"{"total_requests":1,"executed_requests":0,"coalesced_requests":0,"followers":0,"late":0,"failed":0,"panicked":0,"timed_out":0,"refused":0,"takeovers":0,"in_flight":1}"#;
        let stats = format!(
            r#"{{"total":{counters},"coalescers":[{{"name":"pages","stats":{counters}}}]}}"#
        );
        assert_eq!(*page, (flights.to_owned(), stats));
    });
}

#[test]
fn it_adopts_a_coalescer_that_was_built_elsewhere() {
    // S51
    watched(|| {
        let manager = endless();
        let build = || Coalescer::builder().name("own").window(Duration::MAX).build(length);
        let (lengths, other) = (build(), build());
        manager.adopt("lengths", &lengths).unwrap();
        lengths.execute("four").unwrap();
        assert_eq!(
            (manager.stats().coalescers[0].name.as_str(), executed(&manager)),
            ("lengths", 1)
        );
        let found: Lengths = manager.get("lengths").unwrap();
        assert_eq!((found.name(), found.stats().total_requests), (Some("own"), 1));

        manager.adopt("lengths", &lengths.clone()).unwrap();
        let taken = NameError::Taken { name: "lengths".into() };
        assert_eq!(manager.adopt("lengths", &other).unwrap_err(), taken);
        assert_eq!(manager.named("lengths", length).unwrap_err(), taken);
        manager.named("made", length).unwrap();
        assert!(matches!(manager.adopt("made", &lengths), Err(NameError::Taken { .. })));
        assert_eq!(manager.forget_all(), 1);
    });
}

#[test]
fn a_weak_handle_does_not_keep_it_alive() {
    // S47
    watched(|| {
        let kept = Arc::new(());
        let manager = endless();
        let (weak, held) = (manager.downgrade(), Arc::clone(&kept));
        let look = move |_: &u8| {
            let flights = weak.upgrade().map(|manager| manager.in_flight().len());
            Ok::<_, ()>((flights, Arc::strong_count(&held)))
        };
        let looks = manager.named("looks", look).unwrap();
        assert_eq!(looks.execute(&1).unwrap().0, Some(1));
        drop(manager);
        assert_eq!(looks.execute(&2).unwrap().0, None);
        drop(looks);
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}

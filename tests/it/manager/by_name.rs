//! The same name is the same coalescer, or an error that says what differs.

use std::hash::RandomState;
use std::time::Duration;

use coalescer::{
    Builder, Coalescer, ForCoalescer, Job, Manager, ManualClock, NameError, OnDeadlock, Role,
    ShareWith, SlowFlight,
};

use crate::support::{MS, text, watched};

use super::{Lengths, endless, executed, length, same_length};

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
fn two_closures_of_one_function_are_two_functions_to_a_name() {
    // S51: they are of different types, though a text may name both the same.
    watched(|| {
        let manager = endless();
        manager.named("lengths", |word: &String| Ok::<usize, String>(word.len())).unwrap();
        let other = manager.named("lengths", |word: &String| Ok::<usize, String>(word.len() + 1));
        assert!(matches!(other, Err(NameError::OtherFunction { .. })), "{other:?}");
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
            share_error_with(|_: &String| ShareWith::Nobody),
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
fn a_name_can_have_a_rule_over_errors() {
    // S51 S72
    watched(|| {
        let manager = endless();
        let fails = |key: &u32| Err::<u32, u32>(*key);
        let named = || {
            let rule = |error: &u32| ShareWith::from(*error > 0);
            manager.named_with(
                "fails",
                |s| s.error_window(MS * 1_000_000).share_error_with(rule),
                fails,
            )
        };
        for key in [0, 0, 1, 1] {
            assert!(named().unwrap().execute(&key).is_err());
        }
        let found: Coalescer<u32, u32, u32> = manager.get("fails").unwrap();
        assert_eq!(found.stats().executed_requests, 3);
        let other = |_: &u32| ShareWith::Nobody;
        let set =
            |s: Builder<ForCoalescer, _, _>| s.error_window(MS * 1_000_000).share_error_with(other);
        let refusal = manager.named_with("fails", set, fails).unwrap_err();
        let setting = "share_error_with";
        assert_eq!(refusal, NameError::OtherSettings { name: "fails".into(), setting });
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

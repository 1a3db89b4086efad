//! Groups that are found by their types.

use std::any::type_name;
use std::sync::Arc;

use coalescer::{Group, Job, Manager, ManualClock, Role, Settings};

use crate::support::{MS, watched};

use super::{endless, executed, length};

#[derive(Debug)]
struct User(u64);

#[test]
fn the_same_types_are_the_same_group() {
    // S113
    watched(|| {
        let manager = endless();
        let fetch =
            |id| manager.group::<u64, User, String>().execute(&id, || Ok(User(id))).unwrap();
        assert!(Arc::ptr_eq(&fetch(7), &fetch(7)));
        assert_eq!((fetch(8).0, executed(&manager)), (8, 2));
        let handle: Group<u64, User, String> = manager.clone().group();
        assert_eq!(handle.peek(&7).unwrap().0, 7);
    });
}

#[test]
fn another_type_or_another_manager_is_another_group() {
    // S113
    watched(|| {
        let managers = [endless(), endless()];
        for manager in &managers {
            for _ in 0..2 {
                manager.group::<u64, u64, String>().execute(&1, || Ok(1)).unwrap();
                manager.group::<u32, u64, String>().execute(&1, || Ok(2)).unwrap();
                manager.group::<u64, u32, String>().execute(&1, || Ok(3)).unwrap();
                manager.group::<u64, u64, u8>().execute(&1, || Ok(4)).unwrap();
            }
            assert_eq!((executed(manager), manager.stats().coalescers.len()), (4, 4));
        }
    });
}

#[test]
fn a_group_has_the_settings_of_its_manager() {
    // S113
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(10 * MS).clock(clock.clone());
        let manager = Manager::with_defaults(settings.executor(|job: Job| job.run()));
        let group = manager.group::<u8, u8, ()>();
        assert_eq!(*group.submit(&1, || Ok(1)).unwrap().wait().unwrap(), 1);
        let role = || group.call(&1).outcome(|| Ok(2)).unwrap().role;
        assert_eq!(role(), Role::Late);
        clock.advance(10 * MS);
        assert_eq!(role(), Role::Leader);
    });
}

#[test]
fn a_group_is_in_the_reports_of_its_manager() {
    // S113 S50
    watched(|| {
        let clock = ManualClock::new();
        let manager = Manager::with_defaults(Settings::new().window(MS).clock(clock.clone()));
        let group = manager.group::<u64, User, String>();
        manager.execute(length, "four").unwrap();
        group
            .execute(&7, || {
                let flights = manager.in_flight();
                assert_eq!(flights.len(), 1);
                assert_eq!(Some(flights[0].name.as_str()), group.name());
                Ok(User(7))
            })
            .unwrap();
        let name = format!("Group<u64, {}, {}>", type_name::<User>(), type_name::<String>());
        assert_eq!(group.name(), Some(name.as_str()));
        let names: Vec<_> = manager.stats().coalescers.into_iter().map(|one| one.name).collect();
        assert_eq!(names, [name, std::any::type_name_of_val(&length).to_owned()]);
        assert_eq!(manager.forget_all(), 2);
        group.execute(&7, || Ok(User(7))).unwrap();
        clock.advance(MS);
        assert_eq!(manager.purge_expired(), 1);
        manager.shrink_to_fit();
        assert_eq!(manager.stats().total.executed_requests, 3);
    });
}

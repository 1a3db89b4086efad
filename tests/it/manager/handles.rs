//! Handles, weak ones too, and user code that calls the manager.

use std::sync::{Arc, OnceLock};

use coalescer::{Coalescer, Manager};

use crate::support::watched;

use super::{endless, same_length};

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

//! Destructors of values: each runs once, when no call can get the value any more, and under no lock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use coalescer::{Group, ManualClock};
use coalescer_loom_tests::checker::thread;
use coalescer_loom_tests::{Hash, Model, TICK, settings};

/// Counts the values of its type that are alive.
#[derive(Debug)]
struct Counted(Arc<AtomicI64>);

impl Counted {
    fn new(alive: &Arc<AtomicI64>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// S28, S47: a forgotten value is dropped with the last call that got it, one value is retained, and
/// none outlives the group.
#[test]
fn a_value_is_dropped_when_no_call_can_get_it() {
    let endings = ["one kept", "none kept"];
    Model::new("values are dropped", endings).exhaustive().explore(move |seen| {
        let alive = Arc::new(AtomicI64::new(0));
        let group: Group<u8, Counted, (), Hash> =
            settings(&ManualClock::new()).window(Duration::MAX).build();
        let threads = [(); 2].map(|()| {
            let (group, alive) = (group.clone(), Arc::clone(&alive));
            thread::spawn(move || {
                group.execute(&1, || Ok(Counted::new(&alive))).expect("nothing fails");
            })
        });
        group.forget(&1);
        for thread in threads {
            thread.join().expect("no panic");
        }
        let kept = group.try_execute(&1, || Err(())).is_ok();
        assert_eq!(
            alive.load(Ordering::Relaxed),
            i64::from(kept),
            "a value is alive that no call can get"
        );
        seen.note(if kept { "one kept" } else { "none kept" });
        drop(group);
        assert_eq!(alive.load(Ordering::Relaxed), 0, "a value outlived its group");
    });
}

type OwnGroup = Arc<OnceLock<Mutex<Option<Group<u8, CallsOnDrop, (), Hash>>>>>;

/// Calls its own group when it is dropped.
#[derive(Debug)]
struct CallsOnDrop(OwnGroup);

impl Drop for CallsOnDrop {
    fn drop(&mut self) {
        let group = self.0.get().and_then(|group| group.lock().ok()?.clone());
        if let Some(group) = group {
            group.forget(&9);
        }
    }
}

/// S2, S47: the `Drop` of a value may call the group that drops it, whether the value was forgotten,
/// expired, or was evicted. Under the group's lock that call would wait for itself.
#[test]
fn a_dropped_value_may_call_its_group() {
    let endings = ["done"];
    Model::new("Drop calls the group", endings).explore(move |seen| {
        let own_group = OwnGroup::default();
        let clock = ManualClock::new();
        let group = settings(&clock).window(TICK).max_retained(1).build();
        own_group.set(Mutex::new(Some(group.clone()))).expect("set once");
        let threads = [1, 2].map(|key| {
            let (group, own_group) = (group.clone(), own_group.clone());
            thread::spawn(move || {
                group.execute(&key, || Ok(CallsOnDrop(own_group))).expect("nothing fails");
                group.forget(&1);
            })
        });
        clock.advance(TICK);
        group.execute(&3, || Ok(CallsOnDrop(own_group.clone()))).expect("nothing fails");
        for thread in threads {
            thread.join().expect("no panic");
        }
        group.forget_all();
        let group = own_group.get().expect("set above").lock().expect("no panic").take();
        drop(group);
        seen.note("done");
    });
}

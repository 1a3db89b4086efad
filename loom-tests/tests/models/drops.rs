//! What becomes of values and keys: each is dropped once, at its time, and under no lock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use coalescer::{Group, ManualClock};
use coalescer_loom_tests::checker::thread;
use coalescer_loom_tests::{Hash, Model, TICK, settings};

/// Counts how many of its kind are alive.
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

/// S28, S47: a forgotten value goes with the last call that got it, a retained one stays alone,
/// and nothing outlives the group.
#[test]
fn every_value_is_dropped_at_its_time() {
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
        assert_eq!(alive.load(Ordering::Relaxed), i64::from(kept), "values that nobody can get");
        seen.note(if kept { "one kept" } else { "none kept" });
        drop(group);
        assert_eq!(alive.load(Ordering::Relaxed), 0, "a value outlived its group");
    });
}

type Home = Arc<OnceLock<Mutex<Option<Group<u8, Loud, (), Hash>>>>>;

/// Calls its own group when it is dropped.
#[derive(Debug)]
struct Loud(Home);

impl Drop for Loud {
    fn drop(&mut self) {
        let home = self.0.get().and_then(|home| home.lock().ok()?.clone());
        if let Some(group) = home {
            group.forget(&9);
        }
    }
}

/// S2, S47: a value's `Drop` may call the group that dropped it, whichever way it was dropped:
/// forgotten, outlived, or to make room. Under the group's lock it would wait for itself.
#[test]
fn a_dropped_value_may_call_its_group() {
    let endings = ["done"];
    Model::new("Drop calls the group", endings).explore(move |seen| {
        let home = Home::default();
        let clock = ManualClock::new();
        let group = settings(&clock).window(TICK).max_retained(1).build();
        home.set(Mutex::new(Some(group.clone()))).expect("set once");
        let threads = [1, 2].map(|key| {
            let (group, home) = (group.clone(), home.clone());
            thread::spawn(move || {
                group.execute(&key, || Ok(Loud(home))).expect("nothing fails");
                group.forget(&1);
            })
        });
        clock.advance(TICK);
        group.execute(&3, || Ok(Loud(home.clone()))).expect("nothing fails");
        for thread in threads {
            thread.join().expect("no panic");
        }
        group.forget_all();
        let home = home.get().expect("set above").lock().expect("no panic").take();
        drop(home);
        seen.note("done");
    });
}

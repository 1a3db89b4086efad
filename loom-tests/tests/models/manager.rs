//! A manager's map of functions: it is read without a lock while other threads add to it.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Manager, ManualClock, Role, Settings};
use coalescer_loom_tests::Model;
use coalescer_loom_tests::checker::thread;

#[expect(clippy::unnecessary_wraps, reason = "it is the function of a coalescer")]
fn number(key: &u8) -> Result<u8, ()> {
    Ok(*key)
}

/// S51: two concurrent first calls of a function get one coalescer, so one of them executes.
#[test]
fn two_first_calls_of_a_function_get_one_coalescer() {
    let endings = ["followed", "hit"];
    Model::new("a new function of a manager, 2", endings).exhaustive().explore(move |seen| {
        let settings = Settings::new().clock(ManualClock::new()).shards(1);
        let manager = Manager::with_defaults(settings.window(Duration::MAX));
        let threads = [(); 2].map(|()| {
            let manager = manager.clone();
            thread::spawn(move || {
                manager.coalescer(number).call(&1).outcome().expect("nothing fails")
            })
        });
        let [one, other] = threads.map(|thread| thread.join().expect("no panic"));
        assert!(Arc::ptr_eq(&one.value, &other.value), "each call has its own coalescer");
        let stats = manager.stats();
        assert_eq!((stats.total.total_requests, stats.total.executed_requests), (2, 1));
        assert_eq!(stats.coalescers.len(), 1);
        let followed = [one, other].iter().any(|outcome| outcome.role == Role::Follower);
        seen.note(if followed { "followed" } else { "hit" });
    });
}

//! Destructors and other user code that call the group that runs them.
//!
//! Every group here has a single shard. If the library held the shard's lock during such code, the code
//! would wait for its own thread, and the test would hang.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use coalescer::{Builder, ForGroup, Group, ManualClock, ToKey};

use crate::support::{MS, Numbers, watched};

type Caller = Group<Key, Value, Failure>;

/// The group under test, which its values can find, and the number of calls by these values.
#[derive(Default)]
struct Reach {
    group: OnceLock<Caller>,
    calls: AtomicUsize,
}

impl Reach {
    /// Calls the group that runs this code, as user code can.
    fn call(&self) {
        let Some(group) = self.group.get() else { return };
        let _ = (group.stats(), group.forget(&Probe(u32::MAX, None)));
        let inner = group.execute(&Probe(u32::MAX, None), || Err(Failure(None)));
        assert!(inner.is_err());
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

fn call(reach: &Option<Arc<Reach>>) {
    if let Some(reach) = reach {
        reach.call();
    }
}

/// A value that calls the group when it is dropped, if the group still exists.
struct Key(u32, Option<Arc<Reach>>);
struct Value(Option<Arc<Reach>>);
struct Failure(Option<Arc<Reach>>);

impl Drop for Key {
    fn drop(&mut self) {
        call(&self.1);
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        call(&self.0);
    }
}

impl Drop for Failure {
    fn drop(&mut self) {
        call(&self.0);
    }
}

/// A borrowed key that calls the group when an owned key is made from it.
struct Probe(u32, Option<Arc<Reach>>);

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl ToKey<Key> for Probe {
    fn is_key(&self, key: &Key) -> bool {
        self.0 == key.0
    }

    fn to_key(&self) -> Key {
        call(&self.1);
        Key(self.0, self.1.clone())
    }
}

/// A group that its own keys, values and errors can reach.
fn reachable(builder: Builder<ForGroup, Key, Value>) -> (Caller, Arc<Reach>) {
    let group: Caller = builder.shards(1).build();
    let reach = Arc::new(Reach::default());
    assert!(reach.group.set(group.clone()).is_ok());
    (group, reach)
}

/// Executes a key whose value or error calls the group when it is dropped.
fn execute(group: &Caller, reach: &Arc<Reach>, key: u32) {
    let reach = || Some(Arc::clone(reach));
    let fails = key % 2 == 1;
    let run = || if fails { Err(Failure(reach())) } else { Ok(Value(reach())) };
    drop(group.execute(&Probe(key, reach()), run));
}

/// Runs a step that drops results, and checks that they called the group.
fn calls_from<R>(reach: &Reach, step: impl FnOnce() -> R) -> usize {
    let before = reach.calls.load(Ordering::SeqCst);
    step();
    reach.calls.load(Ordering::SeqCst) - before
}

fn kept() -> Builder<ForGroup, Key, Value> {
    Group::builder().window(Duration::MAX).error_window(Duration::MAX)
}

#[test]
fn what_nobody_keeps_may_call_the_group_when_it_goes() {
    // S2 S47: the creation of the key, the key, and the value or error call the group.
    watched(|| {
        let (group, reach) = reachable(Group::builder());
        assert_eq!(calls_from(&reach, || execute(&group, &reach, 2)), 3);
        assert_eq!(calls_from(&reach, || execute(&group, &reach, 3)), 3);
    });
}

#[test]
fn what_is_forgotten_may_call_the_group_when_it_goes() {
    // S2 S47
    watched(|| {
        let (group, reach) = reachable(kept());
        (0..4).for_each(|key| execute(&group, &reach, key));
        let forgets = || (0..2).for_each(|key| assert!(group.forget(&Probe(key, None))));
        assert_eq!(calls_from(&reach, forgets), 4);
        assert_eq!(calls_from(&reach, || group.forget_all()), 4);
    });
}

#[test]
fn what_expires_may_call_the_group_when_it_goes() {
    // S2 S47
    watched(|| {
        let clock = ManualClock::new();
        let settings = Group::builder().window(MS).error_window(MS).clock(clock.clone());
        let (group, reach) = reachable(settings);
        (0..4).for_each(|key| execute(&group, &reach, key));
        clock.advance(MS);
        let work =
            || (0..10).for_each(|_| drop(group.execute(&Probe(9, None), || Ok(Value(None)))));
        assert_eq!(calls_from(&reach, work), 8);
    });
}

#[test]
fn what_is_evicted_may_call_the_group_when_it_goes() {
    // S2 S47
    watched(|| {
        let (group, reach) = reachable(kept().max_retained(2));
        (0..2).for_each(|key| execute(&group, &reach, key));
        let work = || {
            (10..12).for_each(|key| {
                drop(group.execute(&Probe(key, None), || Ok(Value(None))));
            })
        };
        // The results of the calls from inside are not kept either: their errors are evicted.
        assert!(calls_from(&reach, work) >= 2);
        assert!(calls_from(&reach, || group.forget_all()) <= 2);
        assert_eq!(reach.calls.load(Ordering::SeqCst), 6);
    });
}

#[test]
fn what_is_superseded_may_call_the_group_when_it_goes() {
    // S2 S47
    watched(|| {
        let (group, reach) = reachable(kept().max_requests(1));
        execute(&group, &reach, 2);
        let again = || drop(group.execute(&Probe(2, None), || Ok(Value(None))));
        assert_eq!(calls_from(&reach, again), 2);
    });
}

#[test]
fn share_if_may_call_the_group_that_asks_it() {
    // S2
    watched(|| {
        static GROUP: OnceLock<Numbers> = OnceLock::new();
        let rule = |value: &u32| {
            let group = GROUP.get().unwrap();
            *value > 10 || *group.execute("inner", || Ok(11)).unwrap() == 11
        };
        let group: Numbers =
            Group::builder().window(Duration::MAX).shards(1).share_if(rule).build();
        GROUP.set(group.clone()).unwrap();
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
        assert_eq!(group.forget_all(), 2);
    });
}

/// Calls its group when it is dropped.
struct CallsNumbers(Numbers, Arc<AtomicUsize>);

impl Drop for CallsNumbers {
    fn drop(&mut self) {
        let _ = self.0.stats();
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_function_that_is_dropped_unrun_may_call_the_group() {
    // S2 S3
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).shards(1).build();
        let drops = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let held = CallsNumbers(group.clone(), Arc::clone(&drops));
            let run = move || {
                let _held = held;
                Ok(1)
            };
            group.execute("k", run).unwrap();
        }
        assert_eq!(drops.load(Ordering::SeqCst), 3);
    });
}

/// A result that calls its own key when it is dropped, and reports the result of that call.
struct Needy {
    group: Group<u32, Needy, ()>,
    answer: Option<Arc<OnceLock<bool>>>,
}

impl Drop for Needy {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            let inner = self.group.execute(&1, || Err(()));
            answer.set(inner.is_err_and(|error| error.would_deadlock())).ok();
        }
    }
}

#[test]
fn a_destructor_that_asks_for_its_own_key_finds_the_result_that_replaced_it() {
    // S47: the expired result is dropped when the next flight of the same key has published.
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<u32, Needy, ()> =
            Group::builder().window(MS).clock(clock.clone()).shards(1).build();
        let refused = Arc::new(OnceLock::new());
        let needy = |answer| Ok(Needy { group: group.clone(), answer });
        assert!(group.execute(&1, || needy(Some(refused.clone()))).is_ok());
        clock.advance(MS);
        assert!(group.execute(&1, || needy(None)).is_ok());
        assert_eq!(refused.get(), Some(&false));
        group.forget_all();
    });
}

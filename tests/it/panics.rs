//! Panics of user code: of the function, of hooks, of keys, and of destructors.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook, take_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use coalescer::{Error, Group, ToKey};

use crate::support::{Numbers, follow, lead, start, text, watched};

#[derive(Debug, PartialEq)]
struct Payload(u32);

/// Runs a function that panics, and returns the panic's message.
fn panic_of<R>(code: impl FnOnce() -> R) -> Box<dyn std::any::Any + Send> {
    catch_unwind(AssertUnwindSafe(code)).err().expect("it panics")
}

#[test]
fn a_panic_goes_through_the_leader_unchanged() {
    // S21
    watched(|| {
        let group = Numbers::new();
        let alone = panic_of(|| group.execute("k", || panic_any(Payload(1))));
        assert_eq!(*alone.downcast::<Payload>().unwrap(), Payload(1));

        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 1);
        let panic = leader.panics(|| panic_any(Payload(2)));
        assert_eq!(*panic.downcast::<Payload>().unwrap(), Payload(2));
        followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
    });
}

#[test]
fn the_panic_hook_runs_once() {
    // S21. The hook is the process's, so it counts only the panic of this test.
    struct Counted;
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    watched(|| {
        let others = take_hook();
        set_hook(Box::new(move |info| match info.payload().is::<Counted>() {
            true => drop(REPORTS.fetch_add(1, Ordering::SeqCst)),
            false => others(info),
        }));
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 3);
        leader.panics(|| panic_any(Counted));
        followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
        assert_eq!(REPORTS.load(Ordering::SeqCst), 1);
    });
}

type Panics = Box<dyn FnOnce() + Send>;

#[test]
fn followers_are_told_the_text_of_the_panic_where_it_has_one() {
    // S22
    watched(|| {
        let number = 7;
        let panics: [(Panics, Option<&str>); 3] = [
            (Box::new(|| panic!("a literal")), Some("a literal")),
            (Box::new(move || panic!("number {number}")), Some("number 7")),
            (Box::new(|| panic_any(Payload(1))), None),
        ];
        for (panic, expected) in panics {
            let group = Numbers::new();
            let leader = lead(&group, "k");
            let followers = follow(&group, "k", 3);
            leader.panics(panic);
            for follower in followers {
                match follower.join_unrun().unwrap_err() {
                    Error::LeaderPanicked { message } => assert_eq!(message.as_deref(), expected),
                    other => panic!("not told of the panic but: {other}"),
                }
            }
            let stats = group.stats();
            assert_eq!((stats.panicked, stats.executed_requests, stats.followers), (1, 1, 3));
        }
    });
}

#[test]
fn a_panic_poisons_nothing_and_is_not_kept() {
    // S23
    watched(|| {
        let group: Numbers =
            Group::builder().window(Duration::MAX).error_window(Duration::MAX).build();
        for n in 0..3 {
            panic_of(|| group.execute("k", || panic!("on purpose")));
            assert!(!group.forget("k"));
            assert_eq!(*group.execute("other", || Ok(n)).unwrap(), 0);
        }
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    });
}

#[test]
fn a_panic_of_share_if_counts_as_the_leaders() {
    // S24
    watched(|| {
        let group: Numbers = Group::builder()
            .window(Duration::MAX)
            .share_if(|value: &u32| if *value == 13 { panic!("no 13") } else { true })
            .build();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 2);
        let leader = leader.ends(|| Ok(13)).try_join();
        assert_eq!(text(&*leader.unwrap_err()), "no 13");
        for follower in followers {
            match follower.join_unrun().unwrap_err() {
                Error::LeaderPanicked { message } => assert_eq!(message.as_deref(), Some("no 13")),
                other => panic!("not told of the panic but: {other}"),
            }
        }
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    });
}

/// A key whose methods panic on demand.
#[derive(Debug)]
struct Touchy {
    text: &'static str,
    panics_in: Method,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    None,
    Hash,
    Eq,
    ToKey,
}

impl Touchy {
    fn new(text: &'static str, panics_in: Method) -> Self {
        Self { text, panics_in }
    }

    fn touch(&self, method: Method) {
        assert!(self.panics_in != method, "{method:?} panics");
    }
}

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.touch(Method::Hash);
        self.text.hash(state);
    }
}

impl ToKey<String> for Touchy {
    fn is_key(&self, key: &String) -> bool {
        self.touch(Method::Eq);
        self.text == key
    }

    fn to_key(&self) -> String {
        self.touch(Method::ToKey);
        self.text.to_owned()
    }
}

#[test]
fn a_panic_of_a_key_reaches_its_caller_and_nobody_else() {
    // S24 S23: before there is a flight, no other call can be affected.
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).shards(1).build();
        for method in [Method::Hash, Method::ToKey] {
            let key = Touchy::new("new", method);
            let panic = panic_of(|| group.execute(&key, || Ok(1)));
            assert_eq!(text(&*panic), format!("{method:?} panics"));
        }
        assert_eq!(group.stats().total_requests, 0);

        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 1);
        for method in [Method::Hash, Method::Eq] {
            let key = Touchy::new("k", method);
            panic_of(|| group.execute(&key, || Ok(1)));
            panic_of(|| group.execute_fresh(&key, || Ok(1)));
            panic_of(|| group.try_execute(&key, || Ok(1)));
            panic_of(|| group.forget(&key));
        }
        leader.returns(Ok(2)).unwrap();
        for follower in followers {
            assert_eq!(*follower.join_unrun().unwrap().value, 2);
        }
        let fine = Touchy::new("k", Method::None);
        assert_eq!(*group.execute(&fine, || Ok(3)).unwrap(), 2);
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.in_flight), (3, 0));
    });
}

#[test]
fn a_fresh_call_whose_key_panics_leaves_no_successor() {
    // S24 S50
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        panic_of(|| group.execute_fresh(&Touchy::new("k", Method::ToKey), || Ok(1)));
        assert_eq!(group.in_flight().len(), 1);
        leader.returns(Ok(2)).unwrap();
        assert!(group.in_flight().is_empty());
    });
}

/// A key whose clones panic.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Fragile(u32);

static FRAGILE: AtomicBool = AtomicBool::new(false);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!FRAGILE.load(Ordering::SeqCst), "Clone panics");
        Self(self.0)
    }
}

#[test]
fn a_panic_of_a_keys_clone_changes_no_outcome() {
    // S24
    watched(|| {
        let group: Group<Fragile, u32, ()> = Group::builder().shards(1).build();
        let handle = group.clone();
        let leader = start(move |function| handle.execute(&Fragile(1), function)).begun();
        FRAGILE.store(true, Ordering::SeqCst);
        assert_eq!(text(&*panic_of(|| group.in_flight())), "Clone panics");
        assert_eq!(text(&*panic_of(|| group.execute(&Fragile(2), || Ok(2)))), "Clone panics");
        assert_eq!(*leader.returns(Ok(1)).unwrap(), 1);
        FRAGILE.store(false, Ordering::SeqCst);
        assert_eq!(*group.execute(&Fragile(2), || Ok(2)).unwrap(), 2);
        assert!(group.in_flight().is_empty());
    });
}

/// Calls a group when it is dropped.
struct CallsWhenDropped<'g>(&'g Numbers);

impl Drop for CallsWhenDropped<'_> {
    fn drop(&mut self) {
        assert_eq!(*self.0.execute("other", || Ok(1)).unwrap(), 1);
        let panic = panic_of(|| self.0.execute("third", || panic!("inner")));
        assert_eq!(text(&*panic), "inner");
    }
}

#[test]
fn a_destructor_may_call_while_its_thread_unwinds() {
    // S21 S23
    watched(|| {
        let group = Numbers::new();
        let panic = panic_of(|| {
            group.execute("k", || {
                let _caller = CallsWhenDropped(&group);
                panic!("outer")
            })
        });
        assert_eq!(text(&*panic), "outer");
        assert_eq!((group.stats().executed_requests, group.stats().panicked), (3, 2));
    });
}

/// A value whose destructor panics if it is armed.
#[derive(Debug)]
struct Explosive {
    armed: bool,
}

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(!self.armed, "Drop panics");
    }
}

#[test]
fn followers_get_their_value_even_if_dropping_what_made_room_for_it_panics() {
    // S6 S24: the outcome is published before the destructor of what was evicted runs.
    watched(|| {
        let group: Group<String, Explosive, ()> =
            Group::builder().window(Duration::MAX).max_retained(1).build();
        drop(group.execute("old", || Ok(Explosive { armed: true })));
        let leader = lead(&group, "new");
        let followers = follow(&group, "new", 2);
        let leader = leader.returns(Ok(Explosive { armed: false })).unwrap();
        assert!(!leader.value.armed, "S24: a panic after publication changes no outcome");
        for follower in followers {
            assert!(!follower.join_unrun().unwrap().value.armed);
        }
        assert!(group.in_flight().is_empty());
        assert_eq!(group.stats().in_flight, 0);
        assert_eq!(group.forget_all(), 1, "the new value is kept");
    });
}

#[test]
fn followers_return_even_if_an_expired_value_panics_when_it_is_dropped() {
    // S6 S24: what has expired is dropped after publication, and its panic ends there.
    watched(|| {
        let clock = coalescer::ManualClock::new();
        let group: Group<u32, Arc<Explosive>, ()> = Group::builder()
            .window(Duration::from_millis(1))
            .shards(1)
            .clock(clock.clone())
            .build();
        drop(group.execute(&1, || Ok(Arc::new(Explosive { armed: true }))));
        clock.advance(Duration::from_millis(1));
        let calm = || Ok(Arc::new(Explosive { armed: false }));
        assert!(!group.execute(&2, calm).unwrap().armed);
        assert!(group.in_flight().is_empty());
        assert!(!group.execute(&2, calm).unwrap().armed);
    });
}

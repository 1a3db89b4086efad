//! Calls by a borrowed form of the key.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Parts, ToKey};

use crate::support::{MS, Numbers, lead, watched};

/// A borrowed key that counts how many owned keys are made from it.
struct Borrowed<'a> {
    text: &'a str,
    made: AtomicUsize,
}

impl<'a> Borrowed<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, made: AtomicUsize::new(0) }
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl ToKey<String> for Borrowed<'_> {
    fn is_key(&self, key: &String) -> bool {
        self.text == key
    }

    fn to_key(&self) -> String {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.text.to_owned()
    }
}

#[test]
fn an_owned_key_is_made_only_when_a_flight_is_started() {
    // S1
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(MS).max_wait(MS).clock(clock.clone()).build();
        let key = Borrowed::new("k");
        assert!(!group.forget(&key));
        assert_eq!(key.made(), 0);

        let leader = lead(&group, "k");
        group.try_execute(&key, || Ok(2)).unwrap_err();
        group.execute_timeout(&key, Duration::ZERO, || Ok(2)).unwrap_err();
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*group.execute(&key, || Ok(2)).unwrap(), 1);
        assert_eq!(key.made(), 0);

        clock.advance(MS);
        assert_eq!(*group.execute(&key, || Ok(2)).unwrap(), 2);
        assert_eq!(key.made(), 1);
        assert!(group.forget(&key));
        assert_eq!(key.made(), 1);
    });
}

#[test]
fn a_follower_makes_no_owned_key() {
    // S1
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let handle = group.clone();
        let follower = std::thread::spawn(move || {
            let key = Borrowed::new("k");
            let value = handle.execute(&key, || Ok(2)).unwrap();
            (*value, key.made())
        });
        crate::support::wait_until(|| group.in_flight()[0].followers == 1);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(follower.join().unwrap(), (1, 0));
    });
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct UserKey {
    tenant: String,
    id: u64,
}

#[derive(Hash)]
struct UserRef<'a> {
    tenant: &'a str,
    id: u64,
}

impl ToKey<UserKey> for UserRef<'_> {
    fn is_key(&self, key: &UserKey) -> bool {
        self.tenant == key.tenant && self.id == key.id
    }

    fn to_key(&self) -> UserKey {
        UserKey { tenant: self.tenant.to_owned(), id: self.id }
    }
}

#[test]
fn a_key_of_several_parts_is_called_by_its_borrowed_parts() {
    // S1: and by itself, which is the same key.
    watched(|| {
        let users = Coalescer::builder()
            .window(Duration::MAX)
            .build(|key: &UserKey| Ok::<String, ()>(format!("{}/{}", key.tenant, key.id)));
        assert_eq!(*users.execute(&UserRef { tenant: "acme", id: 7 }).unwrap(), "acme/7");
        let owned = UserKey { tenant: "acme".into(), id: 7 };
        assert_eq!(*users.execute(&owned).unwrap(), "acme/7");
        assert_eq!(*users.execute(&UserRef { tenant: "acme", id: 8 }).unwrap(), "acme/8");
        assert_eq!(users.stats().executed_requests, 2);
        assert!(users.forget(&UserRef { tenant: "acme", id: 7 }));
    });
}

#[test]
fn whatever_can_be_owned_is_a_borrowed_key() {
    // S1
    watched(|| {
        let by_text = Coalescer::new(|key: &String| Ok::<usize, ()>(key.len()));
        assert_eq!(*by_text.execute("four").unwrap(), 4);
        assert_eq!(*by_text.execute(&String::from("four")).unwrap(), 4);
        let by_bytes = Coalescer::new(|key: &Vec<u8>| Ok::<usize, ()>(key.len()));
        assert_eq!(*by_bytes.execute(&[1, 2, 3][..]).unwrap(), 3);
        let by_pair = Coalescer::new(|key: &(u8, char)| Ok::<String, ()>(format!("{key:?}")));
        assert_eq!(*by_pair.execute(&(1, 'x')).unwrap(), "(1, 'x')");
        let by_nothing = Coalescer::new(|(): &()| Ok::<u8, ()>(1));
        assert_eq!(*by_nothing.execute(&()).unwrap(), 1);
    });
}

/// A borrowed form of a number that takes time to make the owned key.
struct Slow<'a> {
    clock: &'a ManualClock,
    made: AtomicUsize,
}

impl Hash for Slow<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        7_u64.hash(state);
    }
}

impl ToKey<u64> for Slow<'_> {
    fn is_key(&self, key: &u64) -> bool {
        *key == 7
    }

    fn to_key(&self) -> u64 {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.clock.advance(MS);
        7
    }
}

#[test]
fn a_number_that_a_type_of_the_user_stands_for_is_made_by_a_leader_only() {
    // S7 too: the start is that of the slot, which is made when the key has been.
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<u64, u32, ()> = Group::builder().window(MS).clock(clock.clone()).build();
        let key = Slow { clock: &clock, made: AtomicUsize::new(0) };
        let led = group.call(&key).outcome(|| Ok(1)).unwrap();
        assert_eq!(led.waited, Duration::ZERO, "making a key is no waiting");
        for _ in 0..3 {
            assert_eq!(*group.execute(&key, || Ok(2)).unwrap(), 1);
        }
        assert_eq!(key.made.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_tuple_with_text_is_found_by_its_borrowed_form() {
    // S1
    watched(|| {
        let runs = |key: &(String, u64)| Ok::<String, ()>(format!("{}/{}", key.0, key.1));
        let users = Coalescer::builder().window(Duration::MAX).build(runs);
        let owned = ("acme".to_owned(), 7);
        assert_eq!(*users.execute(&("acme", 7)).unwrap(), "acme/7");
        assert_eq!(*users.execute(&owned).unwrap(), "acme/7");
        assert_eq!(*users.execute(&Parts((&owned.0[..], &7))).unwrap(), "acme/7");
        assert_eq!(users.stats().executed_requests, 1);
        assert!(users.forget(&("acme", 7)));

        let by_three = Coalescer::new(|key: &(u8, String, String)| Ok::<_, ()>(format!("{key:?}")));
        assert_eq!(*by_three.execute(&(1, "a", "b")).unwrap(), r#"(1, "a", "b")"#);
        let by_four = Coalescer::new(|key: &(String, u8, String, i32)| Ok::<_, ()>(key.3));
        assert_eq!(*by_four.execute(&("a", 1, "b", -4)).unwrap(), -4);
    });
}

#[test]
fn parts_of_every_form_find_a_tuple() {
    // S1
    watched(|| {
        type Key = (PathBuf, Vec<u8>, Option<String>, Arc<str>, u32);
        let group: Group<Key, u32, ()> = Group::builder().window(Duration::MAX).build();
        let path = Path::new("/etc");
        let name = Some("ada");
        let key = Parts((path, &[1, 2][..], &Parts(name), "tea", &7));
        assert_eq!(*group.execute(&key, || Ok(1)).unwrap(), 1);
        let owned = (path.to_owned(), vec![1, 2], Some("ada".to_owned()), "tea".into(), 7);
        assert_eq!(*group.execute(&owned, || Ok(2)).unwrap(), 1);
        let none = Parts((path, &[1, 2][..], &Parts(None::<&str>), "tea", &7));
        assert!(!group.forget(&none));
        assert!(group.forget(&key));
    });
}

//! [`Targets`]: the keys of the pages that are made now or retained, found by their path.
//!
//! A group finds a page by its whole key. A write knows the path, and not the `Accept-Encoding` of each
//! client. So each leader adds its key here before its handler begins. A write that is done finds every
//! page whose handler may have begun before it.
//!
//! The handles are weak. The flight and the retained page have the key, so a handle is dead when the page
//! is gone. Dead handles are removed when their number may be half of all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::key::{Key, KeyParts};
use crate::location::normal_path;

/// The number of handles below which dead ones stay.
const FEW: usize = 64;

#[derive(Debug)]
pub(crate) struct Targets(Mutex<Handles>);

#[derive(Debug)]
struct Handles {
    by_path: HashMap<Box<str>, Vec<Weak<KeyParts>>>,
    count: usize,
    /// The count at which the dead ones are removed.
    limit: usize,
}

impl Targets {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Handles { by_path: HashMap::new(), count: 0, limit: FEW }))
    }

    /// Adds a key, before its handler begins.
    pub(crate) fn add(&self, key: &Key) {
        let path = normal_path(key.path());
        let mut handles = self.lock();
        if handles.count >= handles.limit {
            handles.remove_dead();
        }
        handles.count += 1;
        handles.by_path.entry(path.into()).or_default().push(key.downgrade());
    }

    /// Returns the keys of a path, which is in its normal form.
    pub(crate) fn at(&self, path: &str) -> Vec<Key> {
        let handles = self.lock();
        handles.by_path.get(path).into_iter().flatten().filter_map(Key::upgrade).collect()
    }

    /// Returns the keys of all paths.
    pub(crate) fn all(&self) -> Vec<Key> {
        self.lock().by_path.values().flatten().filter_map(Key::upgrade).collect()
    }

    /// The lock is held for look-ups only. A key's last handle is dropped after it is released.
    fn lock(&self) -> MutexGuard<'_, Handles> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handles {
    fn remove_dead(&mut self) {
        self.by_path.retain(|_, handles| {
            handles.retain(|handle| handle.strong_count() > 0);
            handles.shrink_to_fit();
            !handles.is_empty()
        });
        self.count = self.by_path.values().map(Vec::len).sum();
        self.limit = FEW.max(2 * self.count);
        self.by_path.shrink_to(self.limit);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use http::Request;

    use super::*;
    use crate::gates::Gates;
    use crate::verdict::RequestVerdict;

    fn key(path: &str) -> Key {
        let request = Request::get(path).body(()).unwrap().into_parts().0;
        match Gates::new().request(&request) {
            RequestVerdict::Shared(key) => key,
            other => panic!("{other:?}"),
        }
    }

    /// H17: the keys that are found are those that somebody has.
    #[test]
    fn a_key_is_found_as_long_as_somebody_has_it() {
        let targets = Targets::new();
        let held = [key("/a?b"), key("/a"), key("/c")];
        held.iter().for_each(|key| targets.add(key));
        targets.add(&key("/a"));
        assert_eq!(
            (targets.at("/a").len(), targets.at("/b").len(), targets.all().len()),
            (2, 0, 3)
        );
    }

    /// H17: what is gone takes no memory for long.
    #[test]
    fn the_dead_are_removed() {
        let targets = Targets::new();
        let held: Vec<_> = (0..100).map(|number| key(&format!("/held/{number}"))).collect();
        held.iter().for_each(|key| targets.add(key));
        for number in 0..10_000 {
            targets.add(&key(&format!("/gone/{number}")));
            assert!(targets.lock().count <= 2 * 100 + FEW);
        }
        assert_eq!(targets.all().len(), 100);
    }
}

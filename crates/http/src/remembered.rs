//! [`Remembered`]: the keys whose last response was for its own request alone, for a reason of the page.
//!
//! Requests of such a key would wait for a page that they do not get. While the key is remembered they wait for nothing.
//! Entries are hashes, so a stranger's long keys take no memory. Two keys with one hash are passed through together, which
//! is safe. The hash is keyed, so nobody can choose them.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;

use crate::clock::Clock;
use crate::key::Key;
use crate::location::normal_path;
use crate::tags;
use crate::verdict::{ResponseVerdict, Unshared};

const SHARDS: usize = 16;
/// The number of keys that a shard has at most. All of them are 1024.
const MOST: usize = 64;

/// The keys that are remembered.
#[derive(Debug)]
pub(crate) struct Remembered {
    lasts: Duration,
    clock: Clock,
    hasher: RandomState,
    /// The number of all entries: most layers have none, and look no further.
    count: AtomicUsize,
    shards: [Mutex<Vec<Entry>>; SHARDS],
}

#[derive(Debug)]
struct Entry {
    key: u64,
    path: u64,
    why: Why,
    since: Instant,
}

/// Facts about the response for which a key is remembered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Why {
    has_tags: bool,
    /// Its body was the reason, and not its fields.
    is_by_body: bool,
}

impl Why {
    pub(crate) fn of(headers: &HeaderMap, verdict: ResponseVerdict) -> Self {
        let by_body = [Unshared::TooLong, Unshared::UnknownEnd, Unshared::Trailers];
        let by_body = by_body.map(ResponseVerdict::Unshared);
        Self { has_tags: tags::has_fields(headers), is_by_body: by_body.contains(&verdict) }
    }
}

impl Remembered {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            lasts: Duration::ZERO,
            clock,
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            shards: Default::default(),
        }
    }

    /// Sets for how long a key is remembered.
    pub(crate) fn lasting(self, lasts: Duration) -> Self {
        Self { lasts, ..self }
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        if self.is_empty() {
            return false;
        }
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if shard.is_empty() {
            return false;
        }
        self.remove_old(&mut shard);
        shard.iter().any(|entry| entry.key == hash)
    }

    /// Remembers a key from now on.
    pub(crate) fn note(&self, key: &Key, why: Why) {
        if self.lasts.is_zero() {
            return;
        }
        let (hash, since) = (self.hasher.hash_one(key), self.clock.now());
        let mut shard = self.shard(hash);
        if let Some(entry) = shard.iter_mut().find(|entry| entry.key == hash) {
            (entry.since, entry.why) = (since, why);
            return;
        }
        self.remove_old(&mut shard);
        if shard.len() == MOST {
            let first = shard.iter().enumerate().min_by_key(|(_, entry)| entry.since);
            let first = first.map_or(0, |(place, _)| place);
            self.removed(1);
            shard.swap_remove(first);
        }
        let path = self.hasher.hash_one(&*normal_path(key.path()));
        shard.push(Entry { key: hash, path, why, since });
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.forget_of(key, |_| true);
    }

    /// Forgets a key if the fields of its response were the reason.
    pub(crate) fn forget_unless_by_body(&self, key: &Key) {
        self.forget_of(key, |why| !why.is_by_body);
    }

    fn forget_of(&self, key: &Key, fits: impl Fn(Why) -> bool) {
        if !self.is_empty() {
            let hash = self.hasher.hash_one(key);
            self.retain(&mut self.shard(hash), |entry| entry.key != hash || !fits(entry.why));
        }
    }

    /// Forgets the keys of some paths, in their normal form.
    pub(crate) fn forget_paths(&self, paths: &[String]) {
        if !self.is_empty() {
            let paths: Vec<_> = paths.iter().map(|path| self.hasher.hash_one(&**path)).collect();
            self.retain_everywhere(|entry| !paths.contains(&entry.path));
        }
    }

    /// Forgets the keys whose response had tags.
    pub(crate) fn forget_tagged(&self) {
        self.retain_everywhere(|entry| !entry.why.has_tags);
    }

    pub(crate) fn forget_all(&self) {
        self.retain_everywhere(|_| false);
    }

    fn is_empty(&self) -> bool {
        // A thread that does not see an entry yet waits once more for a page that it does not get.
        self.count.load(Ordering::Relaxed) == 0
    }

    fn remove_old(&self, shard: &mut Vec<Entry>) {
        let now = self.clock.now();
        self.retain(shard, |entry| now.saturating_duration_since(entry.since) < self.lasts);
    }

    fn retain_everywhere(&self, keeps: impl Fn(&Entry) -> bool) {
        if !self.is_empty() {
            for shard in &self.shards {
                self.retain(&mut lock(shard), &keeps);
            }
        }
    }

    fn retain(&self, shard: &mut Vec<Entry>, keeps: impl Fn(&Entry) -> bool) {
        let before = shard.len();
        shard.retain(keeps);
        self.removed(before - shard.len());
    }

    fn removed(&self, count: usize) {
        self.count.fetch_sub(count, Ordering::Relaxed);
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Vec<Entry>> {
        lock(&self.shards[hash as usize % SHARDS])
    }
}

fn lock(shard: &Mutex<Vec<Entry>>) -> MutexGuard<'_, Vec<Entry>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use coalescer::{ManualClock, Settings};

    use super::*;
    use crate::gates::Gates;
    use crate::verdict::RequestVerdict;

    const SECOND: Duration = Duration::from_secs(1);

    fn remembered() -> (Remembered, ManualClock) {
        let clock = ManualClock::new();
        (
            Remembered::new(Clock::of(&Settings::new().clock(clock.clone()))).lasting(10 * SECOND),
            clock,
        )
    }

    fn key(path: &str) -> Key {
        let request = http::Request::get(path).body(()).expect("a path");
        match Gates::new().request(&request.into_parts().0) {
            RequestVerdict::Shared(key) => key,
            verdict => panic!("{verdict:?}"),
        }
    }

    /// H51
    #[test]
    fn a_key_is_remembered_for_its_time_and_no_longer() {
        let (remembered, clock) = remembered();
        remembered.note(&key("/a"), Why::default());
        clock.advance(5 * SECOND);
        remembered.note(&key("/b"), Why::default());
        assert!(remembered.has(&key("/a")) && !remembered.has(&key("/a?b")));
        clock.advance(5 * SECOND);
        assert!(!remembered.has(&key("/a")) && remembered.has(&key("/b")));
        remembered.note(&key("/b"), Why::default());
        clock.advance(10 * SECOND - Duration::from_nanos(1));
        assert!(remembered.has(&key("/b")), "noted once more");
        clock.advance(Duration::from_nanos(1));
        assert!(!remembered.has(&key("/b")) && remembered.is_empty());
    }

    /// H52: what forgets a page forgets its entry, and the count of entries is right.
    #[test]
    fn each_way_to_forget_removes_its_entries() {
        let (remembered, _clock) = remembered();
        let keys = ["/a", "/a?b", "/%61?c", "/b", "/tagged"].map(key);
        let left = |forget: &dyn Fn()| -> Vec<_> {
            remembered.forget_all();
            for key in &keys {
                let has_tags = key.path() == "/tagged";
                remembered.note(key, Why { has_tags, is_by_body: key.path() == "/b" });
            }
            forget();
            let left: Vec<_> = keys.iter().filter(|key| remembered.has(key)).collect();
            assert_eq!(remembered.count.load(Ordering::Relaxed), left.len());
            left.into_iter().map(Key::path_and_query).collect()
        };
        let all = ["/a", "/a?b", "/%61?c", "/b", "/tagged"];
        assert_eq!(left(&|| remembered.forget(&key("/c"))), all);
        assert_eq!(left(&|| remembered.forget(&keys[0])), all[1..]);
        assert_eq!(left(&|| remembered.forget_unless_by_body(&keys[0])), all[1..]);
        assert_eq!(left(&|| remembered.forget_unless_by_body(&keys[3])), all);
        assert_eq!(left(&|| remembered.forget_paths(&["/a".into(), "/c".into()])), all[3..]);
        assert_eq!(left(&|| remembered.forget_tagged()), all[..4]);
        assert_eq!(left(&|| remembered.forget_all()), [""; 0]);
    }

    /// H52: the number of entries is bounded, and the last ones are there.
    #[test]
    fn so_many_keys_are_remembered_and_no_more() {
        let (remembered, clock) = remembered();
        for number in 0..10 * MOST * SHARDS {
            clock.advance(Duration::from_nanos(1));
            remembered.note(&key(&format!("/{number}")), Why::default());
            assert!(remembered.has(&key(&format!("/{number}"))));
        }
        assert_eq!(remembered.count.load(Ordering::Relaxed), MOST * SHARDS);
        let lengths = remembered.shards.iter().map(|shard| lock(shard).len());
        assert_eq!(lengths.sum::<usize>(), MOST * SHARDS);
        clock.advance(10 * SECOND);
        assert!(!remembered.has(&key("/0")));
    }

    /// H51: zero switches it off.
    #[test]
    fn nothing_is_remembered_for_no_time() {
        let remembered = Remembered::new(Clock::of(&Settings::new()));
        remembered.note(&key("/a"), Why::default());
        assert!(!remembered.has(&key("/a")) && remembered.is_empty());
        let endless = Remembered::new(Clock::of(&Settings::new())).lasting(Duration::MAX);
        endless.note(&key("/a"), Why::default());
        assert!(endless.has(&key("/a")));
    }
}

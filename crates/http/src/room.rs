//! [`Budget`]: the bytes of the pages that a layer may retain, and [`Room`], the part of one page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::HeaderMap;

/// The bytes that retained pages may have, and those that they have.
///
/// A page has its bytes before it is there, and gives them back when it is dropped, so the sum is never above the limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    /// How many pages without room go by before the next search for pages whose time is over.
    skips: AtomicUsize,
}

/// For this many pages that a search has looked at in vain, one page goes without a search.
const PAGES_FOR_A_SKIP: usize = 64;

/// The part of a page in a budget. Its bytes are free again when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Room(Option<(Arc<Budget>, u64)>);

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0), skips: AtomicUsize::new(0) })
    }

    /// The bytes of the pages that are there.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes these bytes, or `None` if not all of them are free.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Option<Room> {
        let more = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit);
        // The number alone is shared, and no other memory depends on it.
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then(|| Room(Some((Arc::clone(self), bytes))))
    }

    /// Returns `true` if this many bytes can ever be free.
    pub(crate) fn could_take(&self, bytes: u64) -> bool {
        bytes <= self.limit
    }

    /// Returns `true` if the caller is to search for pages whose time is over. It then calls
    /// [`has_searched`](Self::has_searched).
    pub(crate) fn begins_search(&self) -> bool {
        let less = |skips: usize| skips.checked_sub(1);
        self.skips.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err()
    }

    /// Notes a search that has looked at `pages`, and has found one or not. So searches cost each page a constant
    /// time, however many pages there are.
    pub(crate) fn has_searched(&self, pages: usize, has_found: bool) {
        let skips = if has_found { 0 } else { pages / PAGES_FOR_A_SKIP };
        self.skips.store(skips, Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some((budget, bytes)) = self.0.take() {
            budget.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// The bytes of a page: its body, and the names and values of its fields.
pub(crate) fn size(headers: &HeaderMap, body: usize) -> u64 {
    let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (fields + body) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// H45: threads that take and give back at once never have more than the limit, and leave nothing.
    #[test]
    fn the_sum_is_never_above_the_limit() {
        const THREADS: u64 = 8;
        let budget = Budget::new(100);
        let start = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for thread in 1..=THREADS {
                let (budget, start) = (&budget, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut rooms = Vec::new();
                    for turn in 0..10_000_u64 {
                        match budget.take(thread * 7 + turn % 3) {
                            Some(room) => rooms.push(room),
                            None => drop(rooms.pop()),
                        }
                        assert!(budget.used() <= 100);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn all_bytes_can_be_taken_and_not_one_more() {
        let budget = Budget::new(10);
        let rooms = [budget.take(7), budget.take(3), budget.take(0)];
        assert!(rooms.iter().all(Option::is_some));
        assert!(budget.take(1).is_none() && budget.take(u64::MAX).is_none());
        drop(rooms);
        assert!(budget.take(11).is_none() && budget.take(10).is_some());
    }

    #[test]
    fn a_search_in_vain_lets_some_pages_go_without() {
        let budget = Budget::new(0);
        for (pages, has_found, skips) in
            [(63, false, 0), (64, false, 1), (200, false, 3), (200, true, 0)]
        {
            assert!(budget.begins_search());
            budget.has_searched(pages, has_found);
            for _ in 0..skips {
                assert!(!budget.begins_search(), "{pages}");
            }
        }
    }
}

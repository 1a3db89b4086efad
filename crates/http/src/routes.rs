//! [`Routes`]: the counters of a layer by route.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::route_stats::{RouteStats, Visit};
use crate::served::Served;

/// The number of routes that have counters of their own.
pub(crate) const MOST_ROUTES: usize = 1000;

/// The longest name of a route, in bytes. A longer one is counted with the others.
const LONGEST: usize = 256;

/// More places than routes, so that a search ends soon.
const PLACES: usize = MOST_ROUTES.next_power_of_two() * 2;

/// The name of the routes that have no counters of their own.
const OTHER: &str = "other";

/// The counters by route. They are found and counted without a lock: a place is written once, by the first request of its
/// route, and never given back.
pub(crate) struct Routes {
    places: Box<[OnceLock<Arc<Route>>]>,
    /// The routes that have a place, and for a moment those that try to get one.
    taken: AtomicUsize,
    other: Arc<Route>,
    /// A handler may take a part of the path for a route, which clients choose.
    hasher: RandomState,
}

pub(crate) struct Route {
    name: Box<str>,
    counts: [AtomicU64; Visit::ALL.len()],
    requests: AtomicU64,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self {
            places: (0..PLACES).map(|_| OnceLock::new()).collect(),
            taken: AtomicUsize::new(0),
            other: Arc::new(Route::new(OTHER)),
            hasher: RandomState::new(),
        }
    }

    /// Begins to count a request of this route.
    pub(crate) fn begin(&self, name: Option<&str>) -> RouteVisit {
        let route = name.and_then(|name| self.find(name)).unwrap_or(&self.other);
        route.requests.fetch_add(1, Ordering::Relaxed);
        RouteVisit { route: Arc::clone(route), how: Visit::Unanswered }
    }

    /// The route of this name. `None` if it has no counters of its own.
    fn find(&self, name: &str) -> Option<&Arc<Route>> {
        if name.len() > LONGEST || name == OTHER {
            return None;
        }
        let mut has_reserved = false;
        let mut found = None;
        for place in self.places_of(name) {
            if place.get().is_none() {
                has_reserved = has_reserved || self.reserve();
                // Another request may have been quicker, for this route or for another one.
                if has_reserved && place.set(Arc::new(Route::new(name))).is_ok() {
                    return place.get();
                }
            }
            match place.get() {
                Some(route) if *route.name == *name => {
                    found = Some(route);
                    break;
                }
                Some(_) => {}
                None => break,
            }
        }
        if has_reserved {
            self.taken.fetch_sub(1, Ordering::Relaxed);
        }
        found
    }

    /// The places where a route may be, in the order of the search.
    fn places_of(&self, name: &str) -> impl Iterator<Item = &OnceLock<Arc<Route>>> {
        // The low bits are as good as any.
        #[expect(clippy::cast_possible_truncation, reason = "a mask takes the low bits")]
        let first = self.hasher.hash_one(name) as usize;
        (0..PLACES).map(move |step| &self.places[first.wrapping_add(step) & (PLACES - 1)])
    }

    fn reserve(&self) -> bool {
        let one_more = |taken| (taken < MOST_ROUTES).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// The counters of all routes that have had requests: by name, and the others at the end.
    pub(crate) fn stats(&self) -> Vec<RouteStats> {
        let routes = self.places.iter().filter_map(OnceLock::get);
        let mut stats: Vec<_> = routes.map(|route| route.stats()).collect();
        stats.sort_unstable_by(|one, other| one.route.cmp(&other.route));
        stats.push(self.other.stats());
        stats.retain(|route| route.requests > 0);
        stats
    }
}

impl Route {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            counts: [const { AtomicU64::new(0) }; Visit::ALL.len()],
            requests: AtomicU64::new(0),
        }
    }

    fn stats(&self) -> RouteStats {
        // Acquired before the requests are read: a snapshot shows no more answers than requests.
        let counts = std::array::from_fn(|index| self.counts[index].load(Ordering::Acquire));
        RouteStats::new(&self.name, self.requests.load(Ordering::Relaxed), counts)
    }
}

/// A request of a route. If it is dropped without an answer, the handler has panicked, or a guard was dropped.
pub(crate) struct RouteVisit {
    route: Arc<Route>,
    how: Visit,
}

impl RouteVisit {
    pub(crate) fn end(mut self, served: Option<&Served>) {
        self.how = served.map_or(Visit::Failed, Visit::of);
    }
}

impl Drop for RouteVisit {
    fn drop(&mut self) {
        for (count, how) in self.route.counts.iter().zip(Visit::ALL) {
            if how == self.how {
                // Released with the request, which has been counted before.
                count.fetch_add(1, Ordering::Release);
            }
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("taken", &self.taken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// H58
    #[test]
    fn the_number_of_routes_is_bounded_and_no_request_is_lost() {
        const THREADS: usize = 8;
        const NAMES: usize = 3000;
        let (routes, start) = (Routes::new(), Barrier::new(THREADS));
        thread::scope(|s| {
            for thread in 0..THREADS {
                let (routes, start) = (&routes, &start);
                s.spawn(move || {
                    start.wait();
                    for number in 0..NAMES {
                        // Half of the threads go the other way.
                        let number = if thread % 2 == 0 { number } else { NAMES - 1 - number };
                        routes.begin(Some(&format!("/{number}"))).end(None);
                    }
                });
            }
        });
        let stats = routes.stats();
        assert_eq!(routes.taken.load(Ordering::Relaxed), MOST_ROUTES);
        assert_eq!(stats.len(), MOST_ROUTES + 1);
        let sum: u64 = stats.iter().map(|route| route.requests).sum();
        assert_eq!(sum, (THREADS * NAMES) as u64);
        assert!(stats.iter().all(|route| route.failed == route.requests));
        let names: std::collections::HashSet<_> = stats.iter().map(|route| &route.route).collect();
        assert_eq!(names.len(), stats.len(), "each name is there once");
    }

    /// H58
    #[test]
    fn a_long_name_and_none_are_counted_with_the_others() {
        let routes = Routes::new();
        for name in [None, Some("other"), Some(&*"a".repeat(257)), Some(&*"b".repeat(256))] {
            routes.begin(name).end(None);
        }
        let stats = routes.stats();
        assert_eq!(stats.len(), 2);
        assert_eq!((stats[0].route.len(), stats[0].requests), (256, 1));
        assert_eq!((&*stats[1].route, stats[1].requests), ("other", 3));
    }
}

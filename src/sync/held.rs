//! How many locks of the library a thread holds, in builds with debug assertions.
//!
//! The library holds no lock while user code runs, except for `Eq` of keys (S2). The tests' own types ask
//! for the count wherever the library calls them. And a shard is locked only by a thread that holds
//! nothing: so an `Eq` that calls a coalescer, which would wait for itself, is named instead.
//!
//! In other builds nothing is counted, and nothing is left of the guard. The threads of a model share one
//! thread of the system, so nothing is counted there either.

#[cfg(all(debug_assertions, not(any(loom, shuttle))))]
pub(crate) use counting::*;
#[cfg(not(all(debug_assertions, not(any(loom, shuttle)))))]
pub(crate) use nothing::*;

/// Returns how many locks of the library this thread holds, for the library's tests. It is zero in builds
/// without debug assertions.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer::locks_held(), 0);
/// ```
#[must_use]
pub fn locks_held() -> usize {
    #[cfg(all(debug_assertions, not(any(loom, shuttle))))]
    let held = counting::locks();
    #[cfg(not(all(debug_assertions, not(any(loom, shuttle)))))]
    let held = 0;
    held
}

#[cfg(all(debug_assertions, not(any(loom, shuttle))))]
mod counting {
    use std::cell::Cell;

    thread_local! {
        static LOCKS: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::sync) fn locks() -> usize {
        LOCKS.get()
    }

    /// Counts one lock of its thread until it is dropped.
    pub(crate) struct Held(());

    impl Held {
        pub(crate) fn count() -> Self {
            LOCKS.set(LOCKS.get() + 1);
            Self(())
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            LOCKS.set(LOCKS.get() - 1);
        }
    }

    /// Checks that the calling thread holds no lock, before it locks a shard.
    #[track_caller]
    pub(crate) fn assert_unlocked() {
        assert!(
            locks() == 0,
            "a key's `Eq`, or `is_key` of its `ToKey`, calls a coalescer: it runs under a lock of the \
             library, and this call would wait for that lock; compare keys without calling one"
        );
    }

    /// Runs a step of the library that locks what comes after the caller's own lock.
    pub(crate) fn below<R>(step: impl FnOnce() -> R) -> R {
        let locks = LOCKS.replace(0);
        let result = step();
        LOCKS.set(locks);
        result
    }
}

#[cfg(not(all(debug_assertions, not(any(loom, shuttle)))))]
mod nothing {
    pub(crate) struct Held(());

    impl Held {
        #[inline(always)]
        pub(crate) fn count() -> Self {
            Self(())
        }
    }

    #[inline(always)]
    pub(crate) fn assert_unlocked() {}

    #[inline(always)]
    pub(crate) fn below<R>(step: impl FnOnce() -> R) -> R {
        step()
    }
}

//! The settings of a builder that are for a batcher alone.

use std::time::Duration;

use crate::builder::Builder;
use crate::many::collector::Gathering;
use crate::wait::clock::nanos;

/// The builder makes a [`Batcher`](crate::Batcher).
///
/// # Examples
///
/// ```
/// use coalescer::{Batcher, Builder, ForBatcher};
///
/// fn bounded<K, V>() -> Builder<ForBatcher, K, V> {
///     Batcher::builder().max_batch(100).max_retained(10_000)
/// }
///
/// let squares = bounded()
///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
/// assert_eq!(*squares.execute(&7).unwrap(), 49);
/// ```
#[derive(Debug)]
pub enum ForBatcher {}

impl<K, V, S, R> Builder<ForBatcher, K, V, S, R> {
    /// Sets how many keys one run of the function has at most.
    ///
    /// Default: any number. A call with more keys runs the function several times, one after the other, and publishes
    /// each run before the next begins. Use the limit of your backend, such as the number of parameters of a query.
    /// Set it before [`share_error_with`](Self::share_error_with).
    ///
    /// # Panics
    ///
    /// If `keys` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .max_batch(2)
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute_many(&[1, 2, 3, 4, 5]);
    /// assert_eq!(squares.stats().batches, 3);
    /// ```
    #[track_caller]
    pub fn max_batch(mut self, keys: usize) -> Self {
        assert!(
            keys > 0,
            "max_batch(0): no run could have a key; use 1 to run each key by itself, or leave max_batch unset for \
             no limit"
        );
        self.batching.max_batch = keys;
        self
    }

    /// Lets calls of one key wait for each other while the function runs: their keys are asked for together.
    ///
    /// A call that would start a flight while no run of the batcher is under way runs at once, without a delay. While one
    /// is under way, such a call waits, and so do those that come after it: as Nagle's algorithm (RFC 896) gathers what
    /// is to be sent. Their keys are asked for in one run, by one of these calls, at the first of these:
    ///
    /// - the last run that was under way has ended;
    /// - [`max_batch`](Self::max_batch) keys are there;
    /// - `max_delay` is over, since the first of them came;
    /// - the deadline of the call that came first.
    ///
    /// Late calls and followers do not wait for a run that their key is not in. Calls of many keys run at once, and so
    /// does `try_execute`. The window of a value, and [`leader_timeout`](Self::leader_timeout), count from the call of its
    /// key. A call whose deadline comes before its run has ended gets [`TimedOut`](crate::Error::TimedOut); the key is asked
    /// for, and kept, all the same. If the function panics, the panic goes on in the call that runs it, and the
    /// others get [`LeaderPanicked`](crate::Error::LeaderPanicked).
    ///
    /// Default: off, each call of one key runs for that key alone. It replaces [`gather_for`](Self::gather_for). Set it before
    /// [`share_error_with`](Self::share_error_with).
    ///
    /// # Panics
    ///
    /// If `max_delay` is zero or [`Duration::MAX`]. Building panics if it is not shorter than `leader_timeout`.
    ///
    /// # Deadlocks
    ///
    /// A call that waits for a run to begin waits for `max_delay` at most, whatever other threads do. While the run is
    /// under way its wait is searched for cycles as any other is. A thread that runs the function gathers nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// # fn select_any(ids: &[i64]) -> Result<Vec<(i64, String)>, String> {
    /// #     Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect())
    /// # }
    /// let users = Batcher::builder()
    ///     .gather_while_busy(Duration::from_millis(5))
    ///     .max_batch(500)
    ///     .build(|ids: &[i64]| select_any(ids));
    /// std::thread::scope(|threads| {
    ///     for id in 0..20 {
    ///         let users = &users;
    ///         threads.spawn(move || assert_eq!(*users.execute(&id).unwrap(), format!("user {id}")));
    ///     }
    /// });
    /// assert!(users.stats().batches <= 20);
    /// ```
    #[track_caller]
    pub fn gather_while_busy(mut self, max_delay: Duration) -> Self {
        let delay = delay("gather_while_busy", max_delay);
        self.batching.gathers = Some(Gathering::WhileBusy(delay));
        self
    }

    /// Lets each call of one key wait for others, for `delay`, whether the function runs or not.
    ///
    /// As [`gather_while_busy`](Self::gather_while_busy), but every call that would start a flight waits, and the end of
    /// a run does not end its wait. So there are fewer runs, and each key takes longer. It replaces `gather_while_busy`.
    ///
    /// # Panics
    ///
    /// As [`gather_while_busy`](Self::gather_while_busy).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .gather_for(Duration::from_millis(1))
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute(&7).unwrap(), 49);
    /// ```
    #[track_caller]
    pub fn gather_for(mut self, delay: Duration) -> Self {
        let delay = self::delay("gather_for", delay);
        self.batching.gathers = Some(Gathering::For(delay));
        self
    }
}

#[track_caller]
fn delay(setting: &str, delay: Duration) -> u64 {
    assert!(
        !delay.is_zero(),
        "{setting}(0): no call would wait for another; leave it unset for that, or use a time such as 2 ms"
    );
    assert!(
        delay != Duration::MAX,
        "{setting}(Duration::MAX): a call could wait forever; use the longest time that a call may wait, such as 2 ms"
    );
    nanos(delay)
}

//! The setting of a builder that is for a batcher alone.

use crate::builder::Builder;

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
        self.max_batch = keys;
        self
    }
}

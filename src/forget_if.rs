//! `forget_if`, which forgets the keys that a function chooses.

use crate::coalescer::Coalescer;
use crate::group::Group;

impl<K: Eq, V, E, S> Coalescer<K, V, E, S> {
    /// Forgets every key for which `fits` returns true, and returns for how many of them there was a flight
    /// or a result.
    ///
    /// For each of these keys it does what [`forget`](Self::forget) does: a call that starts after
    /// `forget_if` has returned never gets the outcome of an execution that started before `forget_if`, and
    /// no such outcome is retained. This includes executions under way. So commit a write first, then
    /// forget. A flight that starts meanwhile is forgotten or not. It forgets in this process alone, also
    /// with [`shared`](crate::Builder::shared).
    ///
    /// `fits` is called once for each key that is retained or under way, in no order. It runs under no lock
    /// and may call any coalescer. Calls of the coalescer go on meanwhile.
    ///
    /// It costs a step for each key that is retained or under way, so it is for writes that many keys
    /// depend on, in a coalescer of bounded size. The parts of the table are locked in turn, each for as
    /// long as it takes to list its keys. It blocks for no execution. A key that was listed has a place of
    /// its own in the heap from then on.
    ///
    /// # Panics
    ///
    /// A panic of `fits` passes through. Some of the keys that fit are forgotten then. If the destructor of
    /// a value panics, all keys that fit are forgotten and all their values are dropped, and then the panic
    /// goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let prices = Coalescer::new(|(shop, id): &(String, u64)| Ok::<_, ()>(format!("{shop} {id}")));
    /// for id in 0..3 {
    ///     prices.execute(&("north", id)).unwrap();
    ///     prices.execute(&("south", id)).unwrap();
    /// }
    /// // The shop has changed its prices.
    /// assert_eq!(prices.forget_if(|(shop, _)| shop == "north"), 3);
    /// assert!(prices.forget(&("south", 0)));
    /// ```
    #[doc(alias = "invalidate_entries_if")]
    #[doc(alias = "retain")]
    pub fn forget_if(&self, fits: impl FnMut(&K) -> bool) -> usize {
        self.group.forget_if(fits)
    }
}

impl<K: Eq, V, E, S> Group<K, V, E, S> {
    /// As [`Coalescer::forget_if`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<u32, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// for key in 0..10 {
    ///     group.execute(&key, || Ok(key)).unwrap();
    /// }
    /// assert_eq!(group.forget_if(|key| key % 2 == 1), 5);
    /// assert_eq!(group.forget_all(), 5);
    /// ```
    #[doc(alias = "invalidate_entries_if")]
    #[doc(alias = "retain")]
    pub fn forget_if(&self, fits: impl FnMut(&K) -> bool) -> usize {
        self.core.table.forget_if(fits)
    }
}

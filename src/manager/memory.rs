//! Forgetting, and giving memory back, in all coalescers of a manager.

use crate::manager::Manager;
use crate::manager::report::AnyGroup;
use crate::wait::contain::FirstPanic;

impl Manager {
    /// Forgets every key of every coalescer, and returns how many flights and results there were.
    ///
    /// See [`Coalescer::forget_all`](crate::Coalescer::forget_all). A panic of a destructor goes on when all
    /// coalescers have forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// manager.execute(|n: &u64| Ok::<u64, ()>(n * n), &3).unwrap();
    /// assert_eq!(manager.forget_all(), 1);
    /// ```
    pub fn forget_all(&self) -> usize {
        let mut forgotten = 0;
        self.each_to_the_end(|coalescer| forgotten += coalescer.forget_all());
        forgotten
    }

    /// Drops every result of every coalescer whose window is over, and returns how many there were.
    ///
    /// See [`Coalescer::purge_expired`](crate::Coalescer::purge_expired).
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// manager.execute(|n: &u64| Ok::<u64, ()>(n * n), &3).unwrap();
    /// assert_eq!(manager.purge_expired(), 0); // its window is 100 ms
    /// ```
    pub fn purge_expired(&self) -> usize {
        let mut purged = 0;
        self.each_to_the_end(|coalescer| purged += coalescer.purge_expired());
        purged
    }

    /// Gives back memory that no flight and no result uses, in every coalescer.
    ///
    /// See [`Coalescer::shrink_to_fit`](crate::Coalescer::shrink_to_fit).
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// manager.forget_all();
    /// manager.shrink_to_fit();
    /// ```
    pub fn shrink_to_fit(&self) {
        self.for_each(|_, coalescer| coalescer.shrink_to_fit());
    }

    /// Calls `act` for every coalescer, also if it panics for one. Resumes the first panic at the end.
    fn each_to_the_end(&self, mut act: impl FnMut(&dyn AnyGroup)) {
        let mut panic = FirstPanic::default();
        self.for_each(|_, coalescer| panic.catch(|| act(coalescer)));
        panic.resume();
    }
}

//! `purge_expired` and `shrink_to_fit`, which give memory back.

use crate::coalescer::Coalescer;
use crate::group::Group;

impl<K, V, E, S> Coalescer<K, V, E, S> {
    /// Drops every result whose window is over, and returns how many there were.
    ///
    /// Calls do this step by step, each for a few results. Call this method where no calls come for a
    /// long time, from a timer of yours: an idle coalescer holds its last results otherwise. Running
    /// flights are not affected. It blocks for no execution. It locks one part of the table at a time,
    /// for a few hundred results, and drops them after that. If a destructor panics, the others of its
    /// part are dropped first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let squares = Coalescer::builder()
    ///     .window(Duration::from_secs(1))
    ///     .clock(clock.clone())
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(squares.purge_expired(), 1);
    /// ```
    pub fn purge_expired(&self) -> usize {
        self.group.purge_expired()
    }

    /// Gives memory back that no flight and no result uses.
    ///
    /// A part of the table that becomes empty gives back by itself what a burst of keys took. This
    /// method also shrinks parts that hold something. It locks one part at a time, for as long as it
    /// takes to copy what is there. Call it seldom: after a burst, or at night.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Coalescer;
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// squares.forget_all();
    /// squares.shrink_to_fit();
    /// ```
    pub fn shrink_to_fit(&self) {
        self.group.shrink_to_fit();
    }
}

impl<K, V, E, S> Group<K, V, E, S> {
    /// Drops every result whose window is over, and returns how many there were.
    ///
    /// Calls do this step by step, each for a few results. Call this method where no calls come for a
    /// long time, from a timer of yours: an idle coalescer holds its last results otherwise. Running
    /// flights are not affected. It blocks for no execution. It locks one part of the table at a time,
    /// for a few hundred results, and drops them after that. If a destructor panics, the others of its
    /// part are dropped first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let squares: Group<u64, u64, ()> =
    ///     Group::builder().window(Duration::from_secs(1)).clock(clock.clone()).build();
    /// squares.execute(&7, || Ok(49)).unwrap();
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(squares.purge_expired(), 1);
    /// ```
    pub fn purge_expired(&self) -> usize {
        self.core.table.purge_expired()
    }

    /// Gives memory back that no flight and no result uses.
    ///
    /// A part of the table that becomes empty gives back by itself what a burst of keys took. This
    /// method also shrinks parts that hold something. It locks one part at a time, for as long as it
    /// takes to copy what is there. Call it seldom: after a burst, or at night.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Group;
    /// let squares: Group<u64, u64, ()> = Group::new();
    /// squares.execute(&7, || Ok(49)).unwrap();
    /// squares.shrink_to_fit();
    /// ```
    pub fn shrink_to_fit(&self) {
        self.core.table.shrink_to_fit();
    }
}

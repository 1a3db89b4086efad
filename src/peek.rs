//! `peek` and `peek_outcome`: the kept value of a key, by a look that is no call.

use std::hash::BuildHasher;

use crate::coalescer::Coalescer;
use crate::group::Group;
use crate::key::ToKey;
use crate::outcome::Outcome;
use crate::sync::Handle;

impl<K, V, E, S: BuildHasher> Coalescer<K, V, E, S> {
    /// Returns the value that the window keeps for this key, if a call would be served it now.
    ///
    /// A peek is no call: it runs nothing, waits for nothing, changes no counter, and takes no place of
    /// [`max_requests`](crate::Builder::max_requests). It returns `None` if there is no value, if the window
    /// of the value is over, or if the value has served `max_requests` calls. It never returns an error that
    /// [`error_window`](crate::Builder::error_window) keeps. With [`shared`](crate::Builder::shared) it sees
    /// the copy of this process alone.
    ///
    /// It blocks for a few steps of another thread only, and cannot deadlock. Panics of the key's `Hash` and
    /// of [`ToKey::is_key`] pass through.
    ///
    /// # Examples
    ///
    /// The last value, for a page that must not wait:
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Coalescer;
    ///
    /// let lengths = Coalescer::builder()
    ///     .window(Duration::MAX)
    ///     .build(|word: &String| Ok::<usize, ()>(word.len()));
    /// assert!(lengths.peek("four").is_none());
    /// lengths.execute("four").unwrap();
    /// assert_eq!(*lengths.peek("four").unwrap(), 4);
    /// assert_eq!(lengths.stats().total_requests, 1);
    /// ```
    #[doc(alias = "get_if_present")]
    #[doc(alias = "get")]
    pub fn peek<Q>(&self, key: &Q) -> Option<Handle<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.peek(key)
    }

    /// As [`peek`](Self::peek), with the age of the value and the role of a late call.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let prices = Coalescer::builder()
    ///     .window(Duration::from_secs(60))
    ///     .clock(clock.clone())
    ///     .build(|id: &u64| Ok::<u64, ()>(id * 10));
    /// prices.execute(&7).unwrap();
    /// clock.advance(Duration::from_secs(5));
    /// let price = prices.peek_outcome(&7).unwrap();
    /// assert_eq!((*price.value, price.age), (70, Duration::from_secs(5)));
    /// ```
    pub fn peek_outcome<Q>(&self, key: &Q) -> Option<Outcome<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.peek_outcome(key)
    }
}

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    /// As [`Coalescer::peek`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// assert!(group.peek("price").is_none());
    /// group.execute("price", || Ok(10)).unwrap();
    /// assert_eq!(group.peek("price").as_deref(), Some(&10));
    /// ```
    #[doc(alias = "get_if_present")]
    pub fn peek<Q>(&self, key: &Q) -> Option<Handle<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        Some(self.core.table.peek(self.core.hash(key), key)?.value)
    }

    /// As [`Coalescer::peek_outcome`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Role};
    ///
    /// let group: Group<String, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// group.execute("price", || Ok(10)).unwrap();
    /// assert_eq!(group.peek_outcome("price").unwrap().role, Role::Late);
    /// ```
    pub fn peek_outcome<Q>(&self, key: &Q) -> Option<Outcome<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let table = &self.core.table;
        Some(table.peek(self.core.hash(key), key)?.into_outcome(&table.clock))
    }
}

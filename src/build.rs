//! The `build` methods of a builder, which make a [`Group`] or a [`Coalescer`].

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::builder::{Builder, ForCoalescer, ForGroup};
use crate::coalescer::Coalescer;
use crate::group::Group;

impl<K, V, S: BuildHasher> Builder<ForGroup, K, V, S> {
    /// Makes the group.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::builder().build();
    /// assert_eq!(*group.execute(&1, || Ok(10)).unwrap(), 10);
    /// ```
    #[must_use]
    pub fn build<E>(self) -> Group<K, V, E, S> {
        Group::from_core(self.into_core())
    }
}

impl<K, V, S: BuildHasher> Builder<ForCoalescer, K, V, S> {
    /// Makes the coalescer of `load`.
    ///
    /// # Examples
    ///
    /// ```
    /// let squares = coalescer::Coalescer::builder().build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    pub fn build<E, F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    {
        Coalescer::from_parts(Group::from_core(self.into_core()), Arc::new(load))
    }
}

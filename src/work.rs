//! [`Work`]: the function that a call brings, with or without its key.

use crate::refresh::Old;
use crate::sync::Handle;

/// The function that a call brings.
pub(crate) trait Work<K, V, E> {
    /// True if the function takes the key. A leader then needs an owned key outside the locks.
    const TAKES_KEY: bool;

    /// `old` is the value that the run would replace.
    fn run(self, key: Option<&K>, old: &dyn Old<V>) -> Result<Handle<V>, E>;
}

/// A function without arguments, brought by a call of a group.
pub(crate) struct WithoutKey<F>(pub(crate) F);

/// The function of a coalescer, which takes the key.
pub(crate) struct WithKey<F>(pub(crate) F);

impl<K, V, E, F: FnOnce() -> Result<V, E>> Work<K, V, E> for WithoutKey<F> {
    const TAKES_KEY: bool = false;

    #[inline]
    fn run(self, _: Option<&K>, _: &dyn Old<V>) -> Result<Handle<V>, E> {
        (self.0)().map(Handle::new)
    }
}

impl<K, V, E, F> Work<K, V, E> for WithKey<F>
where
    F: FnOnce(&K, &dyn Old<V>) -> Result<Handle<V>, E>,
{
    const TAKES_KEY: bool = true;

    #[inline]
    fn run(self, key: Option<&K>, old: &dyn Old<V>) -> Result<Handle<V>, E> {
        (self.0)(key.expect("a leader creates the key that its function takes"), old)
    }
}

//! [`Work`]: the function that a call brings, with or without its key.

use std::sync::Arc;

use crate::refresh::Load;
use crate::sync::Handle;

/// The function that a call brings.
pub(crate) trait Work<K, V, E> {
    /// True if the function takes the key. A leader then needs an owned key outside the locks.
    const TAKES_KEY: bool;

    fn run(self, key: Option<&K>) -> Result<Handle<V>, E>;

    /// Runs a function that sees the value which its run would replace.
    fn run_seeing(self, key: Option<&K>, old: Option<Handle<V>>) -> Result<Handle<V>, E>;
}

/// A function without arguments, brought by a call of a group.
pub(crate) struct WithoutKey<F>(pub(crate) F);

/// The function of a coalescer, which takes the key.
// By its `Arc`: a hit would pay for the address of what is in it.
pub(crate) struct WithKey<'a, K, V, E>(pub(crate) &'a Arc<dyn Load<K, V, E>>);

const HAS_KEY: &str = "a leader creates the key that its function takes";

impl<K, V, E, F: FnOnce() -> Result<V, E>> Work<K, V, E> for WithoutKey<F> {
    const TAKES_KEY: bool = false;

    #[inline]
    fn run(self, _: Option<&K>) -> Result<Handle<V>, E> {
        (self.0)().map(Handle::new)
    }

    fn run_seeing(self, key: Option<&K>, _: Option<Handle<V>>) -> Result<Handle<V>, E> {
        self.run(key)
    }
}

impl<K, V, E> Work<K, V, E> for WithKey<'_, K, V, E> {
    const TAKES_KEY: bool = true;

    #[inline]
    fn run(self, key: Option<&K>) -> Result<Handle<V>, E> {
        self.0.run(key.expect(HAS_KEY))
    }

    fn run_seeing(self, key: Option<&K>, old: Option<Handle<V>>) -> Result<Handle<V>, E> {
        self.0.run_seeing(key.expect(HAS_KEY), old)
    }
}

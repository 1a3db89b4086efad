//! [`Function`]: the function of a submitted call.

use std::sync::Arc;

use crate::refresh::Load;
use crate::sync::Handle;

/// A function that can move to another thread.
pub(crate) enum Function<K, V, E> {
    /// The function of a coalescer, which all its calls share.
    Shared(Arc<dyn Load<K, V, E>>),
    /// The function that one call of a group brought.
    Once(Box<dyn FnOnce() -> Result<V, E> + Send>),
}

impl<K, V, E> Function<K, V, E> {
    pub(crate) fn run(self, key: &K, old: Option<Handle<V>>) -> Result<Handle<V>, E> {
        match self {
            Self::Shared(load) => load.run_seeing(key, old),
            Self::Once(function) => function().map(Handle::new),
        }
    }
}

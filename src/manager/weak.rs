//! [`WeakManager`]: a handle for functions that use their own manager.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::Weak;

use crate::manager::{Manager, Shared};

impl Manager {
    /// A handle that does not keep the coalescers alive; for functions that use their manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Manager;
    ///
    /// let manager = Manager::new();
    /// let weak = manager.downgrade();
    /// let status = manager.named("status", move |_: &()| {
    ///     let manager = weak.upgrade().ok_or("the manager is gone")?;
    ///     Ok::<usize, &str>(manager.in_flight().len())
    /// });
    /// assert_eq!(*status.unwrap().execute(&()).unwrap(), 1);
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakManager {
        WeakManager { shared: Arc::downgrade(&self.shared) }
    }
}

/// A handle to a [`Manager`] that does not keep it alive; from [`Manager::downgrade`].
///
/// # Examples
///
/// ```
/// let manager = coalescer::Manager::new();
/// let weak = manager.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(manager);
/// assert!(weak.upgrade().is_none());
/// ```
#[derive(Clone)]
pub struct WeakManager {
    shared: Weak<Shared>,
}

impl WeakManager {
    /// The manager; `None` if its last handle has been dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// let weak = manager.downgrade();
    /// assert_eq!(weak.upgrade().unwrap().stats().coalescers.len(), 0);
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<Manager> {
        self.shared.upgrade().map(|shared| Manager { shared })
    }
}

impl fmt::Debug for WeakManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakManager")
    }
}

impl UnwindSafe for WeakManager {}
impl RefUnwindSafe for WeakManager {}

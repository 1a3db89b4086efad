//! [`ShareWith`]: the calls that may share a value.

use std::any::TypeId;
use std::sync::Arc;

/// Decides which calls share a value.
pub(crate) type ShareRule<V> = dyn Fn(&V) -> ShareWith + Send + Sync;

/// The calls with which a leader shares its value; see [`share_with`](crate::Builder::share_with).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, Role, ShareWith};
///
/// let prices = Coalescer::builder()
///     .window(Duration::MAX)
///     .share_with(|price: &u32| match price {
///         0 => ShareWith::Followers, // not yet known: ask again
///         _ => ShareWith::Everyone,
///     })
///     .build(|id: &u32| Ok::<u32, ()>(id * 10));
///
/// prices.execute(&0).unwrap();
/// assert_eq!(prices.call(&0).outcome().unwrap().role, Role::Leader); // not kept
/// prices.execute(&1).unwrap();
/// assert_eq!(prices.call(&1).outcome().unwrap().role, Role::Late);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum ShareWith {
    /// The value is shared with the calls that wait for it, and with late calls until its window ends.
    Everyone,
    /// The value is shared with the calls that wait for it. It is not kept, so the next call executes.
    Followers,
    /// Only the leader gets the value. Every follower is released at once and runs its own function.
    /// The value is not kept.
    Nobody,
}

/// The rule of a builder, and the type of its function. Two rules are compared by this type alone.
pub(crate) struct Sharing<V> {
    pub(crate) rule: Arc<ShareRule<V>>,
    pub(crate) function: TypeId,
}

impl<V> Sharing<V> {
    /// A rule made of a function of type `F`.
    pub(crate) fn of<F: 'static>(rule: impl Fn(&V) -> ShareWith + Send + Sync + 'static) -> Self {
        Self { rule: Arc::new(rule), function: TypeId::of::<F>() }
    }
}

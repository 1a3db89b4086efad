//! With whom a value is shared.

use std::any::TypeId;
use std::sync::Arc;

/// Says of a value with whom it is shared.
pub(crate) type ShareRule<V> = dyn Fn(&V) -> ShareWith + Send + Sync;

/// With whom the leader of a flight shares its value; see [`share_with`](crate::Builder::share_with).
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
    /// With those who wait for it, and for the length of the window with those who come late.
    Everyone,
    /// With those who wait for it. It is not kept, so the next call executes.
    Followers,
    /// With nobody: every follower is released at once to run its own function. It is not kept.
    Nobody,
}

/// The rule of a builder, and the type of its function, which is all that tells two rules apart.
pub(crate) struct Sharing<V> {
    pub(crate) rule: Arc<ShareRule<V>>,
    pub(crate) function: TypeId,
}

impl<V> Sharing<V> {
    /// A rule that comes of the function `F`.
    pub(crate) fn of<F: 'static>(rule: impl Fn(&V) -> ShareWith + Send + Sync + 'static) -> Self {
        Self { rule: Arc::new(rule), function: TypeId::of::<F>() }
    }
}

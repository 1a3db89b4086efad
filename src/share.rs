//! [`ShareWith`]: the calls that may share a value.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

/// Decides which calls share a value, or an error.
pub(crate) type ShareRule<R> = dyn Fn(&R) -> ShareWith + Send + Sync;

/// The calls with which a leader shares its value or its error; see
/// [`share_with`](crate::Builder::share_with) and
/// [`share_error_with`](crate::Builder::share_error_with).
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
///         1..10 => ShareWith::For(Duration::from_secs(60)), // it changes often
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
    /// The result is shared with the calls that wait for it, and with late calls until its window ends.
    Everyone,
    /// The result is shared with the calls that wait for it, and with late calls until this time after
    /// its start, or until its window ends if that is earlier.
    ///
    /// Use it where a result knows how long it is good: a token that expires, a page with `max-age`, an
    /// error that passes soon. Set the window to the longest such time. A late call that comes after the
    /// time runs the function, as if the window were over. The result then takes memory, and a place of
    /// [`max_retained`](crate::Builder::max_retained), until another one replaces it or its window ends.
    ///
    /// Zero is the same as [`Followers`](Self::Followers). A time of at most eight decimal digits is exact,
    /// and any other is rounded down to as many.
    For(Duration),
    /// The result is shared with the calls that wait for it. It is not kept, so the next call executes.
    Followers,
    /// Only the leader gets the result, and it is not kept. After a value, every follower is released at
    /// once and runs its own function. After an error, one follower leads next, and the others follow
    /// it: the leader is the only owner of its error then, so `Arc::try_unwrap` gives it back.
    Nobody,
}

/// The answer of a rule in one word: true is [`Everyone`](ShareWith::Everyone), false is
/// [`Nobody`](ShareWith::Nobody).
///
/// # Examples
///
/// ```
/// use coalescer::ShareWith;
///
/// assert_eq!([true, false].map(ShareWith::from), [ShareWith::Everyone, ShareWith::Nobody]);
/// ```
impl From<bool> for ShareWith {
    fn from(may_share: bool) -> Self {
        if may_share { Self::Everyone } else { Self::Nobody }
    }
}

/// The rules of a coalescer: with which calls a leader shares its result.
pub(crate) struct ShareRules<V, E> {
    pub(crate) value: Option<Arc<ShareRule<V>>>,
    pub(crate) error: Option<Arc<ShareRule<E>>>,
}

impl<V, E> ShareRules<V, E> {
    #[inline]
    pub(crate) fn of_value(&self, value: &V) -> ShareWith {
        self.value.as_ref().map_or(ShareWith::Everyone, |rule| rule(value))
    }

    #[inline]
    pub(crate) fn of_error(&self, error: &E) -> ShareWith {
        self.error.as_ref().map_or(ShareWith::Everyone, |rule| rule(error))
    }
}

/// The rule of a builder over errors, of a type that the builder's own type names, and the type of its
/// function.
pub(crate) struct ErrorSharing {
    /// An `Arc<ShareRule<E>>`.
    rule: Box<dyn Any + Send + Sync>,
    pub(crate) function: TypeId,
}

impl ErrorSharing {
    pub(crate) fn of<E: 'static, F>(rule: F) -> Self
    where
        F: Fn(&E) -> ShareWith + Send + Sync + 'static,
    {
        let rule: Arc<ShareRule<E>> = Arc::new(rule);
        Self { rule: Box::new(rule), function: TypeId::of::<F>() }
    }

    /// The rule over errors of this type.
    pub(crate) fn rule<E: 'static>(&self) -> Option<Arc<ShareRule<E>>> {
        self.rule.downcast_ref::<Arc<ShareRule<E>>>().cloned()
    }
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

//! With whom a value is shared, as the builder's third type parameter.
//!
//! A builder does not know its values' type until `build`, and a rule about values does. So the rule
//! is carried in a type of its own, and `build` checks that the two agree.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use crate::execute::ShareRule;

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
/// assert_eq!(prices.execute_outcome(&0).unwrap().role, Role::Leader); // not kept
/// prices.execute(&1).unwrap();
/// assert_eq!(prices.execute_outcome(&1).unwrap().role, Role::Late);
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

/// Every value is shared: a builder without a rule.
///
/// # Examples
///
/// ```
/// use coalescer::{Builder, Coalescer, DefaultHashBuilder, ForCoalescer, ShareAll};
///
/// let settings: Builder<ForCoalescer, DefaultHashBuilder, ShareAll> = Coalescer::builder();
/// # drop(settings);
/// ```
#[derive(Debug, Default)]
pub struct ShareAll;

/// A function says of each value with whom it is shared: a builder with
/// [`share_if`](crate::Builder::share_if) or [`share_with`](crate::Builder::share_with).
///
/// # Examples
///
/// A function that returns such a builder says for values of which type it is:
///
/// ```
/// use coalescer::{Builder, Coalescer, DefaultHashBuilder, ForCoalescer, ShareIfFn};
///
/// fn settings() -> Builder<ForCoalescer, DefaultHashBuilder, ShareIfFn<String>> {
///     Coalescer::builder().share_if(|page: &String| !page.is_empty())
/// }
///
/// let pages = settings().build(|path: &String| Ok::<String, ()>(path.clone()));
/// assert_eq!(*pages.execute("/").unwrap(), "/");
/// ```
pub struct ShareIfFn<V> {
    share_with: Arc<ShareRule<V>>,
    /// The type of the function, which is all that tells two of them apart.
    function: TypeId,
}

impl<V> ShareIfFn<V> {
    pub(crate) fn new<F: Fn(&V) -> ShareWith + Send + Sync + 'static>(share_with: F) -> Self {
        Self { share_with: Arc::new(share_with), function: TypeId::of::<F>() }
    }
}

/// With whom values of type `V` are shared; implemented by [`ShareAll`] and [`ShareIfFn`] only.
///
/// # Examples
///
/// A function that takes any builder:
///
/// ```
/// use coalescer::{Builder, DefaultHashBuilder, ForGroup, Group, SharePolicy};
///
/// fn squares<P>(settings: Builder<ForGroup, DefaultHashBuilder, P>) -> Group<u64, u64, ()>
/// where
///     P: SharePolicy<u64>,
/// {
///     settings.name("squares").build()
/// }
///
/// assert_eq!(squares(Group::builder().share_if(|n| *n > 0)).name(), Some("squares"));
/// ```
pub trait SharePolicy<V>: sealed::Sealed {
    #[doc(hidden)]
    fn into_policy(self, _: sealed::Token) -> Option<Arc<ShareRule<V>>>;

    #[doc(hidden)]
    fn function(&self, _: sealed::Token) -> Option<TypeId>;
}

pub(crate) use sealed::Token;

mod sealed {
    #[derive(Debug)]
    pub struct Token;
    pub trait Sealed {}
    impl Sealed for super::ShareAll {}
    impl<V> Sealed for super::ShareIfFn<V> {}
}

impl<V> SharePolicy<V> for ShareAll {
    fn into_policy(self, _: sealed::Token) -> Option<Arc<ShareRule<V>>> {
        None
    }

    fn function(&self, _: sealed::Token) -> Option<TypeId> {
        None
    }
}

impl<V> SharePolicy<V> for ShareIfFn<V> {
    fn into_policy(self, _: sealed::Token) -> Option<Arc<ShareRule<V>>> {
        Some(self.share_with)
    }

    fn function(&self, _: sealed::Token) -> Option<TypeId> {
        Some(self.function)
    }
}

impl<V> fmt::Debug for ShareIfFn<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareIfFn")
    }
}

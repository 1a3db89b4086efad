//! Which values may be shared, as the builder's third type parameter.
//!
//! A builder does not know its values' type until `build`, and a rule about values does. So the rule
//! is carried in a type of its own, and `build` checks that the two agree.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use crate::flight::ShareIf;

/// Every value may be shared: a builder without [`share_if`](crate::Builder::share_if).
#[derive(Debug, Default)]
pub struct ShareAll;

/// Values that the function names may be shared: a builder with [`share_if`](crate::Builder::share_if).
pub struct ShareIfFn<V> {
    may_share: Arc<ShareIf<V>>,
    /// The type of the function, which is all that tells two of them apart.
    function: TypeId,
}

impl<V> ShareIfFn<V> {
    pub(crate) fn new<F: Fn(&V) -> bool + Send + Sync + 'static>(may_share: F) -> Self {
        Self { may_share: Arc::new(may_share), function: TypeId::of::<F>() }
    }
}

/// Which values of type `V` may be shared; implemented by [`ShareAll`] and [`ShareIfFn`] only.
pub trait SharePolicy<V>: sealed::Sealed {
    #[doc(hidden)]
    fn into_policy(self, _: sealed::Token) -> Option<Arc<ShareIf<V>>>;

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
    fn into_policy(self, _: sealed::Token) -> Option<Arc<ShareIf<V>>> {
        None
    }

    fn function(&self, _: sealed::Token) -> Option<TypeId> {
        None
    }
}

impl<V> SharePolicy<V> for ShareIfFn<V> {
    fn into_policy(self, _: sealed::Token) -> Option<Arc<ShareIf<V>>> {
        Some(self.may_share)
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

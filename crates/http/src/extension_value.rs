//! [`ExtensionValue`]: a value of any type that can be compared, as a part of a key.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};

/// An extension of a request.
pub(crate) struct ExtensionValue(Box<dyn Comparable>);

/// A value whose type is not known where it is compared.
trait Comparable: Any + Send + Sync {
    fn is_equal(&self, other: &dyn Any) -> bool;
    fn feed(&self, hasher: &mut dyn Hasher);
    fn as_any(&self) -> &dyn Any;
}

impl<T: Eq + Hash + Send + Sync + 'static> Comparable for T {
    fn is_equal(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }

    fn feed(&self, mut hasher: &mut dyn Hasher) {
        self.hash(&mut hasher);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl ExtensionValue {
    pub(crate) fn new<T: Eq + Hash + Send + Sync + 'static>(value: T) -> Self {
        Self(Box::new(value))
    }
}

impl PartialEq for ExtensionValue {
    fn eq(&self, other: &Self) -> bool {
        (*self.0).is_equal((*other.0).as_any())
    }
}

impl Eq for ExtensionValue {}

impl Hash for ExtensionValue {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (*self.0).feed(hasher);
    }
}

/// Shows no value, because it may be a secret.
impl fmt::Debug for ExtensionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExtensionValue")
    }
}

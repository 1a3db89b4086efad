//! How a call finds an owned key by a borrowed one, and makes an owned one if it must.

use std::hash::Hash;

pub use hashbrown::Equivalent;

/// A borrowed form of a key: enough to look it up, and to make the key when a flight starts.
///
/// Everything that is [`ToOwned`] has it already: call a coalescer of `String` keys with `"ada"`,
/// one of `Vec<u8>` with a slice, and one of any `K: Clone` with `&K`. The owned key is made when
/// a call finds no flight to join and no result: late callers never make one, and followers only when
/// another call starts the flight just then.
///
/// For a key of several parts, implement it by hand for a struct of borrows. Its `Hash` must give
/// what the key's own `Hash` gives, or calls will not find each other.
///
/// # Examples
///
/// ```
/// use coalescer::{Coalescer, Equivalent, ToKey};
///
/// #[derive(Clone, Hash, PartialEq, Eq)]
/// struct UserKey { tenant: String, id: u64 }
///
/// #[derive(Hash)] // fields in the same order: the same hash
/// struct UserRef<'a> { tenant: &'a str, id: u64 }
///
/// impl Equivalent<UserKey> for UserRef<'_> {
///     fn equivalent(&self, key: &UserKey) -> bool {
///         self.tenant == key.tenant && self.id == key.id
///     }
/// }
///
/// impl ToKey<UserKey> for UserRef<'_> {
///     fn to_key(&self) -> UserKey {
///         UserKey { tenant: self.tenant.to_owned(), id: self.id }
///     }
/// }
///
/// let users = Coalescer::new(|key: &UserKey| Ok::<_, ()>(format!("{}/{}", key.tenant, key.id)));
/// assert_eq!(*users.execute(&UserRef { tenant: "acme", id: 7 }).unwrap(), "acme/7");
/// ```
pub trait ToKey<K>: Hash + Equivalent<K> {
    /// Makes the owned key. Called on the caller's thread while no lock is held.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ToKey;
    ///
    /// let key: String = "ada".to_key();
    /// assert_eq!(key, "ada");
    /// ```
    fn to_key(&self) -> K;
}

impl<Q> ToKey<Q::Owned> for Q
where
    Q: ?Sized + ToOwned + Hash + Eq,
{
    fn to_key(&self) -> Q::Owned {
        self.to_owned()
    }
}

/// Whether both are the same number type, `bool` or `char` of the language. Making such a key runs no
/// user code and costs nothing.
///
/// Told by the name, as keys need not be `'static`. No other type has these names: that of a user's
/// type begins with its crate's. Should a compiler ever name them otherwise, calls that lead get a
/// little slower, and that is all.
#[inline]
pub(crate) fn is_plain_number<Q: ?Sized, K>() -> bool {
    let name = std::any::type_name::<K>();
    let names =
        ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    let is_number = names.contains(&name) || name == "bool" || name == "char";
    is_number && std::any::type_name::<Q>() == name
}

//! How a call finds an owned key by a borrowed one, and makes an owned one if it must.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A form of a key that a call can use: enough to find the key, and to make it when a flight starts.
///
/// | keys of type | are found by |
/// |---|---|
/// | any `K: Hash + Eq + Clone` | `&K` |
/// | `String`, `Box<str>`, `Arc<str>` | `"ada"` |
/// | `Vec<T>`, `Box<[T]>`, `Arc<[T]>` | a slice |
/// | `PathBuf`, `OsString`, `CString` | `&Path`, `&OsStr`, `&CStr` |
/// | `(String, u64)` and other tuples of two to four parts with a `String` | `&("acme", 7)` |
/// | other tuples, of up to twelve parts | [`&Parts((tenant, &id, path))`](Parts) |
/// | a type of your own | any type that implements this trait |
///
/// The owned key is made when a call finds no flight to join and no result. A late call never makes
/// one, and a follower only when another call starts the flight just then.
///
/// # Rules for implementations
///
/// `Hash` must give what the key's own `Hash` gives, or calls do not find each other. `is_key` must
/// say the same as `Eq` between the key and `to_key`. It runs under a lock of the library.
///
/// # Examples
///
/// A key of two parts:
///
/// ```
/// use coalescer::Coalescer;
///
/// let users =
///     Coalescer::new(|(tenant, id): &(String, u64)| Ok::<_, ()>(format!("{tenant}/{id}")));
/// assert_eq!(*users.execute(&("acme", 7)).unwrap(), "acme/7");
/// ```
///
/// A key type of your own, found by its borrowed parts:
///
/// ```
/// use coalescer::{Coalescer, ToKey};
///
/// #[derive(Clone, Hash, PartialEq, Eq)]
/// struct UserKey { tenant: String, id: u64 }
///
/// #[derive(Hash)] // fields in the same order: the same hash
/// struct UserRef<'a> { tenant: &'a str, id: u64 }
///
/// impl ToKey<UserKey> for UserRef<'_> {
///     fn is_key(&self, key: &UserKey) -> bool {
///         self.tenant == key.tenant && self.id == key.id
///     }
///
///     fn to_key(&self) -> UserKey {
///         UserKey { tenant: self.tenant.to_owned(), id: self.id }
///     }
/// }
///
/// let users = Coalescer::new(|key: &UserKey| Ok::<_, ()>(format!("{}/{}", key.tenant, key.id)));
/// assert_eq!(*users.execute(&UserRef { tenant: "acme", id: 7 }).unwrap(), "acme/7");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find keys of type `{K}`",
    label = "the keys here are `{K}`",
    note = "a key of several parts is found by `&(\"acme\", 7)`, or by `&Parts((tenant, &id))`",
    note = "any other type has to implement `coalescer::ToKey<{K}>`"
)]
pub trait ToKey<K>: Hash {
    /// Whether this is a form of `key`. Called under a lock: compare, and do nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ToKey;
    ///
    /// assert!("ada".is_key(&String::from("ada")));
    /// ```
    fn is_key(&self, key: &K) -> bool;

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

impl<K: Hash + Eq + Clone> ToKey<K> for K {
    #[inline]
    fn is_key(&self, key: &K) -> bool {
        self == key
    }

    #[inline]
    fn to_key(&self) -> K {
        self.clone()
    }
}

/// Forms that a key derefs to. `From` makes the key.
macro_rules! borrowed {
    ($($borrowed:ty => $($owned:ty),+;)+) => {$($(
        impl ToKey<$owned> for $borrowed {
            #[inline]
            fn is_key(&self, key: &$owned) -> bool {
                *self == **key
            }

            fn to_key(&self) -> $owned {
                self.into()
            }
        }
    )+)+};
}

borrowed! {
    str => String, Box<str>, Arc<str>;
    Path => PathBuf, Box<Path>, Arc<Path>;
    OsStr => OsString, Box<OsStr>, Arc<OsStr>;
    CStr => CString, Box<CStr>, Arc<CStr>;
}

macro_rules! slices {
    ($($owned:ident),+) => {$(
        impl<T: Hash + Eq + Clone> ToKey<slices!(@ $owned T)> for [T] {
            #[inline]
            fn is_key(&self, key: &slices!(@ $owned T)) -> bool {
                *self == **key
            }

            fn to_key(&self) -> slices!(@ $owned T) {
                self.into()
            }
        }
    )+};
    (@ Vec $T:ident) => { Vec<$T> };
    (@ $owned:ident $T:ident) => { $owned<[$T]> };
}

slices!(Vec, Box, Arc);

/// A tuple of two to four parts: a `String` is found by a `&str`, and every other part by itself.
/// `@` marks the parts that are text.
macro_rules! with_text {
    ($(($($part:tt)+);)+) => {$(
        with_text!(@parse [] [] [] $($part)+);
    )+};
    (@parse [$($generic:ident)*] [$(($form:ty, $owned:ty, $at:tt, $make:ident))*] []) => {
        impl<$($generic: Hash + Eq + Clone),*> ToKey<($($owned,)*)> for ($($form,)*) {
            #[inline]
            fn is_key(&self, key: &($($owned,)*)) -> bool {
                $(self.$at == key.$at)&&*
            }

            fn to_key(&self) -> ($($owned,)*) {
                ($(self.$at.$make(),)*)
            }
        }
    };
    (@parse [$($g:ident)*] [$($p:tt)*] [] @$at:tt $($rest:tt)*) => {
        with_text!(@parse [$($g)*] [$($p)* (&str, String, $at, to_owned)] [] $($rest)*);
    };
    (@parse [$($g:ident)*] [$($p:tt)*] [] $T:ident $at:tt $($rest:tt)*) => {
        with_text!(@parse [$($g)* $T] [$($p)* ($T, $T, $at, clone)] [] $($rest)*);
    };
}

with_text! {
    (@0 B 1); (A 0 @1); (@0 @1);
    (@0 B 1 C 2); (A 0 @1 C 2); (A 0 B 1 @2); (@0 @1 C 2); (@0 B 1 @2); (A 0 @1 @2); (@0 @1 @2);
    (@0 B 1 C 2 D 3); (A 0 @1 C 2 D 3); (A 0 B 1 @2 D 3); (A 0 B 1 C 2 @3);
    (@0 @1 C 2 D 3); (@0 B 1 @2 D 3); (@0 B 1 C 2 @3); (A 0 @1 @2 D 3); (A 0 @1 C 2 @3);
    (A 0 B 1 @2 @3); (@0 @1 @2 D 3); (@0 @1 C 2 @3); (@0 B 1 @2 @3); (A 0 @1 @2 @3);
    (@0 @1 @2 @3);
}

/// A key of several parts, each by reference in any form that its type has: a tuple of references,
/// or an `Option` of one.
///
/// # Examples
///
/// ```
/// use std::path::{Path, PathBuf};
/// use coalescer::{Coalescer, Parts};
///
/// let sizes = Coalescer::new(|(disk, path, block): &(u8, PathBuf, Vec<u64>)| {
///     Ok::<_, ()>(format!("{disk}:{}:{}", path.display(), block.len()))
/// });
/// let (path, blocks) = (Path::new("/etc"), [7, 8]);
/// assert_eq!(*sizes.execute(&Parts((&1, path, &blocks[..]))).unwrap(), "1:/etc:2");
///
/// let pages = Coalescer::new(|user: &Option<String>| Ok::<_, ()>(user.is_some()));
/// assert!(*pages.execute(&Parts(Some("ada"))).unwrap());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Parts<T>(pub T);

/// A reference hashes as its target does, and so do a tuple and an `Option` of them.
impl<T: Hash> Hash for Parts<T> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<Q: ?Sized + ToKey<K>, K> ToKey<Option<K>> for Parts<Option<&Q>> {
    #[inline]
    fn is_key(&self, key: &Option<K>) -> bool {
        match (self.0, key) {
            (Some(part), Some(key)) => part.is_key(key),
            (part, key) => part.is_none() && key.is_none(),
        }
    }

    fn to_key(&self) -> Option<K> {
        self.0.map(Q::to_key)
    }
}

macro_rules! parts {
    ($(($($Q:ident $K:ident $at:tt)+))+) => {$(
        impl<$($Q: ?Sized + ToKey<$K>, $K),+> ToKey<($($K,)+)> for Parts<($(&$Q,)+)> {
            #[inline]
            fn is_key(&self, key: &($($K,)+)) -> bool {
                $(self.0.$at.is_key(&key.$at))&&+
            }

            fn to_key(&self) -> ($($K,)+) {
                ($(self.0.$at.to_key(),)+)
            }
        }
    )+};
}

// As many as a tuple may have that is `Hash` and `Eq`.
parts! {
    (A KA 0)
    (A KA 0 B KB 1)
    (A KA 0 B KB 1 C KC 2)
    (A KA 0 B KB 1 C KC 2 D KD 3)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5 H KH 6)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5 H KH 6 I KI 7)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5 H KH 6 I KI 7 J KJ 8)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5 H KH 6 I KI 7 J KJ 8 L KL 9)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5 H KH 6 I KI 7 J KJ 8 L KL 9 M KM 10)
    (A KA 0 B KB 1 C KC 2 D KD 3 F KF 4 G KG 5 H KH 6 I KI 7 J KJ 8 L KL 9 M KM 10 N KN 11)
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

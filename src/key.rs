//! The borrowed forms of keys: a call finds a key by one, and makes an owned key only if it must.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A borrowed form of a key: a call can find the key by it, and make the key when a flight starts.
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
/// A call makes the owned key when it finds neither a flight to join nor a result. A late call never
/// makes one. A follower makes one only if another call starts the flight at the same moment.
///
/// # Rules for implementations
///
/// `Hash` must agree with the key's own `Hash`, or calls do not find each other. `is_key` must return
/// the same as `Eq` between the key and `to_key`. It runs under a lock of the library.
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
    /// Returns true if this is a form of `key`. It runs under a lock: compare, and do nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ToKey;
    ///
    /// assert!("ada".is_key(&String::from("ada")));
    /// ```
    fn is_key(&self, key: &K) -> bool;

    /// Makes the owned key. It runs on the caller's thread, under no lock.
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

/// Types to which a key derefs. `From` makes the key.
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

/// Tuples of two to four parts: a `&str` finds a `String`, and every other part has its own type. `@`
/// marks the parts that are text.
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

/// A key of several parts, as a tuple of references or as an `Option` of one. Each reference can be
/// of any borrowed form of its part.
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

/// A reference hashes as its target does. So do a tuple of references and an `Option` of one.
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

// Up to the longest tuple for which std implements `Hash` and `Eq`.
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

/// Returns true if both are the same primitive number type, `bool` or `char`. Making such a key runs
/// no user code and costs nothing.
///
/// The type's name decides, because keys need not be `'static`. No other type has such a name: the
/// name of a user's type begins with its crate. If a compiler changes these names, leading calls get
/// a little slower, and nothing else changes.
#[inline]
pub(crate) fn is_plain_number<Q: ?Sized, K>() -> bool {
    let name = std::any::type_name::<K>();
    let names =
        ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    let is_number = names.contains(&name) || name == "bool" || name == "char";
    is_number && std::any::type_name::<Q>() == name
}

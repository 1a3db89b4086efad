//! The items that the expansion of `#[coalesce]` uses. They may change with any version.
//!
//! A key is made of a function's arguments: one argument is the key itself, several make a tuple. A
//! call looks up the key by references, and makes an owned key only when it starts a flight.

use std::any::{Any, TypeId};
use std::convert::Infallible;
use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;

use crate::error::Error;
use crate::group::Group;
use crate::key::{Parts, ToKey};
use crate::manager::type_map::TypeMap;
use crate::sync::Handle;

/// An argument that can be part of a key. The key owns it as a `K`.
///
/// The bounds stand on the impl alone. So the compiler prints the message below, with the
/// alternatives, for a type that lacks one of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of the key that `#[coalesce]` makes of the arguments",
    label = "has to be `Hash`, `Eq` and `Clone`, and a `{K}` when it is owned",
    note = "leave this argument out of the key with `skip(..)`, so that calls share whatever it is",
    note = "or give the key: `#[coalesce(key: Type = expression)]`"
)]
pub trait KeyPart<K>: ToKey<K> {}

#[diagnostic::do_not_recommend]
impl<Q: ?Sized + ToKey<K>, K> KeyPart<K> for Q {}

/// An argument to be cloned for the body, which may consume it while the key borrows the original.
#[derive(Debug)]
pub struct Again<'a, T>(pub &'a T);

impl<T: ToOwned<Owned = T>> Again<'_, T> {
    #[inline]
    #[must_use]
    pub fn owned(&self) -> T {
        self.0.to_owned()
    }
}

/// Fallback for types that are not `Clone`, so that rustc reports the missing bound of the key only.
pub trait Unfit<T> {
    fn owned(&self) -> T {
        unreachable!("such an argument does not compile")
    }
}

impl<T> Unfit<T> for Again<'_, T> {}

/// A type that threads can share. Its bounds stand on the impl alone, as those of [`KeyPart`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared by threads, as the keys and results of `#[coalesce]` are",
    label = "has to be `Send`, `Sync` and `'static`"
)]
pub trait Shared: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Shared for T {}

/// An operation on a key, in any borrowed form of the key.
pub trait Verb<K, V, E, S> {
    type Output;

    fn call<Q>(self, group: &Group<K, V, E, S>, key: &Q) -> Self::Output
    where
        Q: ?Sized + ToKey<K>;
}

/// Runs this function, or shares the outcome of another call.
#[derive(Debug)]
pub struct Execute<F>(pub F);

impl<K, V, E, S, F> Verb<K, V, E, S> for Execute<F>
where
    S: BuildHasher,
    F: FnOnce() -> Result<V, E>,
{
    type Output = Result<Handle<V>, Error<E>>;

    #[inline]
    fn call<Q>(self, group: &Group<K, V, E, S>, key: &Q) -> Self::Output
    where
        Q: ?Sized + ToKey<K>,
    {
        group.execute(key, self.0)
    }
}

/// Forgets the key.
#[derive(Debug)]
pub struct Forget;

impl<K, V, E, S: BuildHasher> Verb<K, V, E, S> for Forget {
    type Output = bool;

    fn call<Q>(self, group: &Group<K, V, E, S>, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        group.forget(key)
    }
}

/// The key has no parts: all calls share it.
#[inline]
pub fn by_0<V, E, S, W: Verb<(), V, E, S>>(group: &Group<(), V, E, S>, verb: W) -> W::Output {
    verb.call(group, &())
}

/// One argument is the key.
#[inline]
pub fn by_1<A, K, V, E, S, W>(group: &Group<K, V, E, S>, a: &A, verb: W) -> W::Output
where
    A: ?Sized + KeyPart<K>,
    W: Verb<K, V, E, S>,
{
    verb.call(group, a)
}

/// The attribute gives the key as an expression of the key's type, or of a borrowed form of it.
#[inline]
pub fn by_key<Q, K, V, E, S, W>(group: &Group<K, V, E, S>, key: &Q, verb: W) -> W::Output
where
    Q: ?Sized + ToKey<K>,
    W: Verb<K, V, E, S>,
{
    verb.call(group, key)
}

/// The key is a tuple of this many arguments.
macro_rules! by_several {
    ($($by:ident: $($Q:ident $K:ident $q:ident)+;)+) => {$(
        #[inline]
        #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
        pub fn $by<$($Q, $K,)+ V, E, S, W>(
            group: &Group<($($K,)+), V, E, S>,
            $($q: &$Q,)+
            verb: W,
        ) -> W::Output
        where
            $($Q: ?Sized + KeyPart<$K>,)+
            W: Verb<($($K,)+), V, E, S>,
        {
            verb.call(group, &Parts(($($q,)+)))
        }
    )+};
}

// Up to the longest tuple for which std implements `Hash` and `Eq`.
by_several! {
    by_2: A KA a B KB b;
    by_3: A KA a B KB b C KC c;
    by_4: A KA a B KB b C KC c D KD d;
    by_5: A KA a B KB b C KC c D KD d F KF f;
    by_6: A KA a B KB b C KC c D KD d F KF f G KG g;
    by_7: A KA a B KB b C KC c D KD d F KF f G KG g H KH h;
    by_8: A KA a B KB b C KC c D KD d F KF f G KG g H KH h I KI i;
    by_9: A KA a B KB b C KC c D KD d F KF f G KG g H KH h I KI i J KJ j;
    by_10: A KA a B KB b C KC c D KD d F KF f G KG g H KH h I KI i J KJ j
        L KL l;
    by_11: A KA a B KB b C KC c D KD d F KF f G KG g H KH h I KI i J KJ j
        L KL l M KM m;
    by_12: A KA a B KB b C KC c D KD d F KF f G KG g H KH h I KI i J KJ j
        L KL l M KM m N KN n;
}

/// Turns a function that returns no `Result` into one that cannot fail.
#[inline]
pub fn unfailing<T>(f: impl FnOnce() -> T) -> impl FnOnce() -> Result<T, Infallible> {
    || Ok(f())
}

/// A `Result` or an alias of it, such as `io::Result<T>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called `Result` and is not the `Result` of the standard library",
    label = "`#[coalesce]` takes this for a value or an error"
)]
pub trait Returned {
    type Value;
    type Error;
}

impl<V, E> Returned for Result<V, E> {
    type Value = V;
    type Error = E;
}

/// Detects at build time a type that is a `Result` under another name.
///
/// The compiler prefers a type's own constant to that of a trait, so a `Result` has the own one.
pub struct Probe<T>(PhantomData<T>);

impl<V, E> Probe<Result<V, E>> {
    pub const IS_RESULT: bool = true;
}

/// The constant of every other type.
pub trait NoResult {
    const IS_RESULT: bool = false;
}

impl<T> NoResult for Probe<T> {}

impl<T> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// The group of one function, in a static whose type does not name the group's type. With the group's
/// type, the compiler's error for a type that threads cannot share would list the group's internals.
pub struct Flights(Box<dyn Any + Send + Sync>);

impl Flights {
    #[must_use]
    pub fn of<K, V, E, S>(group: Group<K, V, E, S>) -> Self
    where
        K: Shared,
        V: Shared,
        E: Shared,
        S: Shared,
    {
        Self(Box::new(group))
    }

    #[inline]
    #[must_use]
    pub fn group<K, V, E, S>(&self) -> &Group<K, V, E, S>
    where
        K: 'static,
        V: 'static,
        E: 'static,
        S: 'static,
    {
        self.0.downcast_ref().expect("it is taken out as what was put in")
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flights")
    }
}

/// The groups of one generic function, or of a function in a generic `impl`.
///
/// The type of a closure identifies each group, since it depends on the function's type parameters.
pub struct FlightsByType(TypeMap<Flights>);

impl FlightsByType {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "called by one expansion, by this name")]
    pub fn new() -> Self {
        Self(TypeMap::new())
    }

    /// The group for this closure's type; `build` makes it if it is missing. Takes no lock if it exists.
    #[inline]
    pub fn group<K, V, E, S>(
        &self,
        build: impl FnOnce() -> Group<K, V, E, S> + 'static,
    ) -> &Group<K, V, E, S>
    where
        K: Shared,
        V: Shared,
        E: Shared,
        S: Shared,
    {
        self.0.get_or_add(type_of(&build), || Flights::of(build())).group()
    }
}

#[inline]
fn type_of<T: 'static>(_: &T) -> TypeId {
    TypeId::of::<T>()
}

impl fmt::Debug for FlightsByType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlightsByType")
    }
}

//! The `build` methods of a builder, which make a [`Group`] or a [`Coalescer`], and the rule over errors,
//! with which the builder knows their type before that.

use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use crate::builder::{Builder, ForCoalescer, ForGroup};
use crate::coalescer::Coalescer;
use crate::core::Core;
use crate::engine::rules::Rules;
use crate::engine::table::Table;
use crate::group::Group;
use crate::observe::Observer;
use crate::refresh::{Background, Load, Plain, Shares};
use crate::share::{ErrorSharing, ShareRule, ShareRules, ShareWith};
use crate::shared::{Attachment, SharedBy};

/// The builder has a rule over errors of type `E`, from
/// [`share_error_with`](Builder::share_error_with), and makes what `T` says.
///
/// # Examples
///
/// ```
/// use coalescer::{Builder, Coalescer, ForCoalescer, ShareWith, WithErrorRule};
///
/// type Careful = Builder<WithErrorRule<ForCoalescer, String>, u32, u32>;
///
/// fn careful() -> Careful {
///     Coalescer::builder().share_error_with(|_: &String| ShareWith::Followers)
/// }
///
/// let halves = careful().build(|n: &u32| match n % 2 {
///     0 => Ok(n / 2),
///     _ => Err(format!("{n} is odd")),
/// });
/// assert!(halves.execute(&7).is_err());
/// ```
#[derive(Debug)]
pub struct WithErrorRule<T, E>(PhantomData<fn() -> (T, E)>);

/// A builder's `T` that makes coalescers whose errors can be of type `E`: [`ForCoalescer`], or
/// [`WithErrorRule`] around it.
///
/// [`Manager::named_with`](crate::Manager::named_with) takes a builder with or without a rule over errors.
/// It is implemented for these two only.
///
/// # Examples
///
/// ```
/// use coalescer::{Builder, Coalescer, ForCoalescer, MakesCoalescer};
///
/// fn bounded<T: MakesCoalescer<String>>(builder: Builder<T, u32, u32>) -> Builder<T, u32, u32> {
///     builder.max_requests(1_000)
/// }
///
/// let halves = bounded(Coalescer::builder()).build(|n: &u32| match n % 2 {
///     0 => Ok(n / 2),
///     _ => Err(format!("{n} is odd")),
/// });
/// assert_eq!(*halves.execute(&8).unwrap(), 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "a coalescer with errors of type `{E}` cannot be made by a builder for `{Self}`",
    note = "the rule given to `share_error_with` takes a reference to the function's own type of errors"
)]
pub trait MakesCoalescer<E>: sealed::Sealed {}

impl<E> MakesCoalescer<E> for ForCoalescer {}
impl<E> MakesCoalescer<E> for WithErrorRule<ForCoalescer, E> {}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ForCoalescer {}
    impl<E> Sealed for super::WithErrorRule<super::ForCoalescer, E> {}
}

impl<K, V, S: BuildHasher, R> Builder<ForGroup, K, V, S, R> {
    /// Makes the group.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::builder().build();
    /// assert_eq!(*group.execute(&1, || Ok(10)).unwrap(), 10);
    /// ```
    #[must_use]
    pub fn build<E>(self) -> Group<K, V, E, S>
    where
        R: SharedBy<K, V, E, S>,
    {
        Group::from_core(self.into_core(None))
    }
}

impl<K, V, E, S, R> Builder<WithErrorRule<ForGroup, E>, K, V, S, R>
where
    E: 'static,
    S: BuildHasher,
    R: SharedBy<K, V, E, S>,
{
    /// Makes the group.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, ShareWith};
    ///
    /// let group: Group<u32, u32, String> =
    ///     Group::builder().share_error_with(|_: &String| ShareWith::Nobody).build();
    /// assert_eq!(*group.execute(&1, || Ok(10)).unwrap(), 10);
    /// ```
    #[must_use]
    pub fn build(self) -> Group<K, V, E, S> {
        let rule = self.error_sharing.as_ref().and_then(ErrorSharing::rule);
        Group::from_core(self.into_core(rule))
    }
}

impl<K, V, S: BuildHasher, R> Builder<ForCoalescer, K, V, S, R> {
    /// Makes the coalescer of `load`.
    ///
    /// # Examples
    ///
    /// ```
    /// let squares = coalescer::Coalescer::builder().build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    pub fn build<E, F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        R: SharedBy<K, V, E, S>,
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    {
        Coalescer::from_parts(Group::from_core(self.into_core(None)), Arc::new(Plain(load)))
    }
}

impl<K, V, E, S, R> Builder<WithErrorRule<ForCoalescer, E>, K, V, S, R>
where
    E: 'static,
    S: BuildHasher,
    R: SharedBy<K, V, E, S>,
{
    /// Makes the coalescer of `load`, whose errors have the type of the rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, ShareWith};
    ///
    /// let squares = Coalescer::builder()
    ///     .share_error_with(|_: &String| ShareWith::Nobody)
    ///     .build(|n: &u64| n.checked_mul(*n).ok_or("too large".to_owned()));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    pub fn build<F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    {
        self.build_coalescer(load)
    }
}

impl<T, K, V, S: BuildHasher, R> Builder<T, K, V, S, R> {
    /// Makes the coalescer of `load`, with the rule over errors if there is one.
    pub(crate) fn build_coalescer<E, F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        T: MakesCoalescer<E>,
        E: 'static,
        R: SharedBy<K, V, E, S>,
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    {
        self.make_coalescer(Arc::new(Plain(load)), |_, _| None)
    }

    /// Makes the coalescer of `load`, with the part that refreshes in the background if there is one.
    #[track_caller]
    pub(crate) fn make_coalescer<E>(
        self,
        load: Arc<dyn Load<K, V, E>>,
        background: impl FnOnce(
            &Weak<Core<K, V, E, S>>,
            Arc<dyn Load<K, V, E>>,
        ) -> Option<Background<K, V, E>>,
    ) -> Coalescer<K, V, E, S>
    where
        T: MakesCoalescer<E>,
        E: 'static,
        R: SharedBy<K, V, E, S>,
    {
        let rule = self.error_sharing.as_ref().and_then(ErrorSharing::rule);
        let sees_old = load.sees_old();
        let core = self.into_core_with(rule, sees_old, |core| background(core, Arc::clone(&load)));
        Coalescer::from_parts(Group::from_core(core), load)
    }
}

impl<T, K, V, S, R> Builder<T, K, V, S, R> {
    #[track_caller]
    pub(crate) fn into_core<E>(self, error_rule: Option<Arc<ShareRule<E>>>) -> Arc<Core<K, V, E, S>>
    where
        R: SharedBy<K, V, E, S>,
    {
        self.into_core_with(error_rule, false, |_| None)
    }

    #[track_caller]
    pub(crate) fn into_core_with<E>(
        self,
        error_rule: Option<Arc<ShareRule<E>>>,
        sees_old: bool,
        background: impl FnOnce(&Weak<Core<K, V, E, S>>) -> Option<Background<K, V, E>>,
    ) -> Arc<Core<K, V, E, S>>
    where
        R: SharedBy<K, V, E, S>,
    {
        let Self { settings, name, sharing, on_slow, hasher, shared, .. } = self;
        settings.assert_that_refreshes_fit();
        let rules = Rules::new(&settings, on_slow.as_ref().map(|slow| slow.after));
        let observer = Observer::new(name.clone(), on_slow.map(|slow| slow.hook));
        let mut table = Table::new(rules, settings.clock.clock(), settings.shards, observer);
        let share_rules =
            ShareRules { value: sharing.map(|sharing| sharing.rule), error: error_rule };
        Arc::new_cyclic(|core| {
            let tier = shared.attach(Attachment::new(core, &settings, name.as_deref()));
            let background = background(core);
            table.rules.sees_old = sees_old;
            table.rules.refreshes_in_background = background.is_some();
            let sharing = Shares { rules: share_rules, tier, background };
            Core { table, sharing, name, executor: settings.executor, hasher }
        })
    }

    /// Shares results with other processes, by the tier that `shared` makes; see
    /// [`shared`](crate::shared). `None` of an `Option` shares with nobody, so that a configuration
    /// can decide.
    ///
    /// Default: each process for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    /// use coalescer::shared::Alone;
    ///
    /// let cluster: Option<Alone> = None; // or the tier of a crate that connects processes
    /// let squares = Coalescer::builder().shared(cluster).build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    pub fn shared<R2>(self, shared: R2) -> Builder<T, K, V, S, R2> {
        self.with(|hasher, _| (hasher, shared))
    }

    /// Sets which calls share an error. The library calls the function once for each error, on the
    /// thread whose function returned it. The type of errors is fixed from here on.
    ///
    /// Default: [`ShareWith::Everyone`]: an error goes to all calls that wait, and
    /// [`error_window`](Self::error_window) keeps it.
    ///
    /// - [`ShareWith::Followers`] is for errors that pass soon, such as "no connection in the pool":
    ///   the calls that wait get it, and the next call runs the function, whatever `error_window` says.
    /// - [`ShareWith::For`] keeps an error for a time of its own, within `error_window`.
    /// - [`ShareWith::Nobody`] is for errors that are the leader's own, such as its cancelled token or
    ///   its own deadline: only the leader gets it. If calls wait, exactly one of them leads next, with
    ///   its own function, and the others follow it. So each of them gets an answer after at most as
    ///   many executions as there are calls.
    ///
    /// A panic in this function counts as a panic of the leader.
    ///
    /// # Examples
    ///
    /// "Not found" is kept for a second, and a pool that is exhausted is asked again:
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Role, ShareWith};
    ///
    /// #[derive(Debug)]
    /// enum DbError { NotFound, PoolTimedOut }
    ///
    /// let names = Coalescer::builder()
    ///     .error_window(Duration::from_secs(1))
    ///     .share_error_with(|error: &DbError| match error {
    ///         DbError::NotFound => ShareWith::Everyone,
    ///         DbError::PoolTimedOut => ShareWith::Followers,
    ///     })
    ///     .build(|id: &u64| match id {
    ///         0 => Err::<String, _>(DbError::NotFound),
    ///         _ => Err(DbError::PoolTimedOut),
    ///     });
    /// for id in [0, 0, 1, 1] {
    ///     assert!(names.execute(&id).is_err());
    /// }
    /// assert_eq!(names.stats().executed_requests, 3); // once for 0, twice for 1
    /// ```
    pub fn share_error_with<E, F>(self, rule: F) -> Builder<WithErrorRule<T, E>, K, V, S, R>
    where
        E: 'static,
        F: Fn(&E) -> ShareWith + Send + Sync + 'static,
    {
        self.with_error_rule(ErrorSharing::of::<E, F>(rule))
    }
}

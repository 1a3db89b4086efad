//! The words of a refresh: the function that sees the old value, and the part that runs it in the background.

use std::sync::Arc;

use crate::engine::queued::Queued;
use crate::share::ShareRules;
use crate::sync::Handle;
use crate::tier::Tier;

/// The answer of a function that sees the old value; see
/// [`build_refreshing_with`](crate::Builder::build_refreshing_with).
///
/// # Examples
///
/// A table that is read again only if it has changed:
///
/// ```
/// use coalescer::Refreshed;
///
/// fn rates(old: Option<&u64>, version: u64) -> Refreshed<u64> {
///     if old == Some(&version) { Refreshed::Unchanged } else { Refreshed::New(version) }
/// }
/// assert_eq!(rates(Some(&3), 3), Refreshed::Unchanged);
/// assert_eq!(rates(None, 3), Refreshed::New(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refreshed<V> {
    /// There is a new value.
    New(V),
    /// The old value is still good. It is kept as if it were new: its window counts from the start of this
    /// run, and all calls go on to get the same `Arc`.
    Unchanged,
}

/// The function of a coalescer.
pub(crate) trait Load<K, V, E>: Send + Sync {
    fn run(&self, key: &K) -> Result<Handle<V>, E>;

    /// Runs it with the value that the run would replace, if there is one.
    fn run_seeing(&self, key: &K, _old: Option<Handle<V>>) -> Result<Handle<V>, E> {
        self.run(key)
    }

    /// True if it looks at the old value.
    fn sees_old(&self) -> bool {
        false
    }
}

/// A function that makes each value anew.
pub(crate) struct Plain<F>(pub(crate) F);

/// A function that sees the old value.
pub(crate) struct Seeing<F>(pub(crate) F);

impl<K, V, E, F> Load<K, V, E> for Plain<F>
where
    F: Fn(&K) -> Result<V, E> + Send + Sync,
{
    #[inline]
    fn run(&self, key: &K) -> Result<Handle<V>, E> {
        (self.0)(key).map(Handle::new)
    }
}

impl<K, V, E, F> Load<K, V, E> for Seeing<F>
where
    F: Fn(&K, Option<&Handle<V>>) -> Result<Refreshed<V>, E> + Send + Sync,
{
    fn run(&self, key: &K) -> Result<Handle<V>, E> {
        self.run_seeing(key, None)
    }

    fn sees_old(&self) -> bool {
        true
    }

    fn run_seeing(&self, key: &K, old: Option<Handle<V>>) -> Result<Handle<V>, E> {
        Ok(match (self.0)(key, old.as_ref())? {
            Refreshed::New(value) => Handle::new(value),
            Refreshed::Unchanged => old.expect(
                "Refreshed::Unchanged: there is no old value; return Refreshed::New if `old` is None",
            ),
        })
    }
}

/// The part that gives refreshes to the executor.
pub(crate) enum Background<K, V, E> {
    OneByOne(Box<dyn RefreshOne<K, V, E>>),
    Together(Box<dyn RefreshTogether<K, V, E>>),
}

/// Each refresh is a job.
pub(crate) trait RefreshOne<K, V, E>: Send + Sync {
    /// Has the function run for a flight that has been queued. It waits for no execution, unless its thread
    /// must run the job itself. It does not panic.
    fn run(&self, queued: Queued<V, E>, key: Arc<K>);
}

/// A job refreshes all keys that have fallen due before it begins.
pub(crate) trait RefreshTogether<K, V, E>: Send + Sync {
    /// Has the function run for flights that have been queued. As [`RefreshOne::run`]. `hurries` is the number from
    /// before these flights began.
    fn run(&self, due: Vec<(K, Queued<V, E>)>, hurries: u64);

    /// Has the function run for what is gathered without more delay, since the call is about to wait for a flight that
    /// nobody leads.
    fn hurry(&self);

    /// The number of hurries so far.
    fn hurries(&self) -> u64;
}

/// With whom a table shares, and who refreshes: the parts of a table that the engine does not know.
pub(crate) struct Shares<K, V, E> {
    pub(crate) rules: ShareRules<V, E>,
    /// The other processes.
    pub(crate) tier: Option<Arc<dyn Tier<K, V, E>>>,
    /// `None` if the calls run refreshes themselves.
    pub(crate) background: Option<Background<K, V, E>>,
}

impl<K, V, E> Shares<K, V, E> {
    /// The part that refreshes keys together.
    pub(crate) fn together(&self) -> Option<&dyn RefreshTogether<K, V, E>> {
        match &self.background {
            Some(Background::Together(background)) => Some(&**background),
            Some(Background::OneByOne(_)) | None => None,
        }
    }
}

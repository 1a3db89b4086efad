//! How one table is shared: the argument of `Builder::shared`.

use std::fmt;
use std::time::Duration;

use crate::codec::Postcard;
use crate::wire::{KeyWriter, ReadBack, Schema, With};

use super::carry::{CheckedBy, OwnErrors, SharedErrors, Unchecked};
use super::cluster::Cluster;
use super::table::Form;

const NESTED_WAIT: Duration = Duration::from_secs(1);

/// The sharing of one table with other processes: give it to [`Builder::shared`](coalescer::Builder::shared).
/// [`Cluster::named`] makes one.
///
/// Processes share if they agree on namespace, name, schema, codec and windows. Processes that differ in one of
/// them form groups of their own.
///
/// # What must be told
///
/// - **Keys** are written by serde and read back. A key that does not come back equal is never shared: in builds
///   with debug assertions the call panics, in others it stays in its process, and is counted. Write keys that serde cannot read,
///   such as `&'static str`, by [`key_with`](Self::key_with).
/// - **Values** are written by serde. What serde leaves out, as a field with `#[serde(skip)]`, is missing in
///   the other processes. [`check_with`](Self::check_with) finds that.
/// - **Errors** stay in their process unless you say [`share_errors`](Self::share_errors). Then an
///   `error_window` keeps no error either, because other processes could not take it back.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, Role};
/// use coalescer_cluster::{Cluster, Memory};
///
/// let engine = Memory::new(); // in earnest: Redis, PostgreSQL, or the files of a host
/// let [here, there] = [(); 2].map(|()| {
///     let cluster = Cluster::over(engine.clone()).namespace("shop").open().unwrap();
///     Coalescer::builder()
///         .window(Duration::from_secs(60))
///         .shared(cluster.named("users").schema("1"))
///         .build(|id: &u64| Ok::<_, std::io::Error>(format!("user {id}")))
/// });
/// assert_eq!(here.call(&7).outcome().unwrap().role, Role::Leader);
/// assert_eq!(there.call(&7).outcome().unwrap().role, Role::Shared);
/// ```
#[must_use]
pub struct Shared<C = Postcard, X = OwnErrors, D = ReadBack, Q = Unchecked> {
    pub(super) cluster: Cluster,
    pub(super) name: Box<str>,
    pub(super) schema: Option<Schema>,
    pub(super) form: Form<C, X, D, Q>,
    pub(super) max_value: Option<usize>,
    pub(super) copies: Option<bool>,
    pub(super) max_remote_wait: Option<Duration>,
    pub(super) nested_wait: Duration,
}

impl Shared {
    pub(super) fn new(cluster: Cluster, name: &str) -> Self {
        let form = Form { codec: Postcard, errors: OwnErrors, keys: ReadBack, check: Unchecked };
        let (schema, max_value, copies, max_remote_wait) = Default::default();
        let (name, nested_wait) = (name.into(), NESTED_WAIT);
        Self { cluster, name, schema, form, max_value, copies, max_remote_wait, nested_wait }
    }
}

impl<C, X, D, Q> Shared<C, X, D, Q> {
    fn with_form<C2, X2, D2, Q2>(
        self,
        change: impl FnOnce(Form<C, X, D, Q>) -> Form<C2, X2, D2, Q2>,
    ) -> Shared<C2, X2, D2, Q2> {
        let Self { cluster, name, schema, form, max_value, copies, max_remote_wait, nested_wait } =
            self;
        let form = change(form);
        Shared { cluster, name, schema, form, max_value, copies, max_remote_wait, nested_wait }
    }

    /// Writes values and shared errors by this codec. Default: [`Postcard`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::{Cluster, Memory, codec::Bytes};
    ///
    /// let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let pages = coalescer::Coalescer::builder()
    ///     .shared(cluster.named("pages").schema("1").codec(Bytes))
    ///     .build(|path: &String| Ok::<Vec<u8>, ()>(path.clone().into_bytes()));
    /// ```
    pub fn codec<C2>(self, codec: C2) -> Shared<C2, X, D, Q> {
        self.with_form(|Form { errors, keys, check, .. }| Form { codec, errors, keys, check })
    }

    /// Lets processes of different builds share. Change the name whenever the type of a key, value or
    /// shared error changes.
    ///
    /// Default: only processes of one program file share. It is read by the first table that needs it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("users").schema("3");
    /// ```
    pub fn schema(mut self, name: &str) -> Self {
        self.schema = Some(Schema::named(name));
        self
    }

    /// Shares errors as values, by the same codec, and keeps them for the `error_window`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let users = coalescer::Coalescer::builder()
    ///     .error_window(std::time::Duration::from_secs(1))
    ///     .shared(cluster.named("users").schema("1").share_errors())
    ///     .build(|id: &u64| Err::<String, String>(format!("there is no user {id}")));
    /// ```
    pub fn share_errors(self) -> Shared<C, SharedErrors, D, Q> {
        self.errors_by(SharedErrors)
    }

    /// Writes keys by a function. It must write all that `Eq` compares: keys with the same bytes share a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::{Cluster, Memory, wire::KeyWriter};
    ///
    /// let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let key = |currency: &&'static str, out: &mut KeyWriter| { out.text(currency); };
    /// let rates = coalescer::Coalescer::builder()
    ///     .shared(cluster.named("rates").schema("1").key_with(key))
    ///     .build(|currency: &&'static str| Ok::<usize, ()>(currency.len()));
    /// assert_eq!(*rates.execute(&"EUR").unwrap(), 3);
    /// ```
    pub fn key_with<K, F>(self, write: F) -> Shared<C, X, With<F>, Q>
    where
        F: Fn(&K, &mut KeyWriter) + Send + Sync + 'static,
    {
        self.key_writer(With(write))
    }

    /// Writes keys by a type of your own, which can also say that a key
    /// [stays in its process](crate::wire::KeyError::by_choice). For a function there is
    /// [`key_with`](Self::key_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::wire::{KeyError, KeyWriter, WriteKey};
    /// use coalescer_cluster::{Cluster, Memory};
    ///
    /// struct Public;
    /// impl WriteKey<String> for Public {
    ///     fn write(&self, path: &String, out: &mut KeyWriter) -> Result<(), KeyError> {
    ///         if path.starts_with("/me/") { return Err(KeyError::by_choice("it is for one person")) }
    ///         out.text(path);
    ///         Ok(())
    ///     }
    /// }
    /// let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let pages = coalescer::Coalescer::builder()
    ///     .shared(cluster.named("pages").schema("1").key_writer(Public))
    ///     .build(|path: &String| Ok::<_, ()>(path.len()));
    /// pages.execute("/me/7").unwrap();
    /// assert_eq!((cluster.stats().own_keys, cluster.stats().leads), (1, 0));
    /// ```
    pub fn key_writer<D2>(self, keys: D2) -> Shared<C, X, D2, Q> {
        self.with_form(|Form { codec, errors, check, .. }| Form { codec, errors, keys, check })
    }

    /// Carries errors and panics by a type of your own. For the usual case there is
    /// [`share_errors`](Self::share_errors).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory, sharing::SharedErrors};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("users").errors_by(SharedErrors); // as share_errors
    /// ```
    pub fn errors_by<X2>(self, errors: X2) -> Shared<C, X2, D, Q> {
        self.with_form(|Form { codec, keys, check, .. }| Form { codec, errors, keys, check })
    }

    /// Reads each value back before others get it, and asks this function if it is the same: made first, read
    /// second. If not, other processes run their own functions, and it is counted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("users").check_with(|made: &String, read| made == read);
    /// ```
    pub fn check_with<V, F>(self, accepts: F) -> Shared<C, X, D, CheckedBy<F>>
    where
        F: Fn(&V, &V) -> bool + Send + Sync + 'static,
    {
        self.with_form(|Form { codec, errors, keys, .. }| Form {
            codec,
            errors,
            keys,
            check: CheckedBy(accepts),
        })
    }

    /// Keeps larger values in their process, and counts them: calls of other processes that waited run their own
    /// functions. In bytes, with the envelope of 52 or 60. Default: 1 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("reports").max_value(16 << 20);
    /// ```
    pub fn max_value(mut self, bytes: usize) -> Self {
        self.max_value = Some(bytes);
        self
    }

    /// Does the same unless [`max_value`](Self::max_value) was said: for a library that is given a `Shared`, and knows how
    /// large its values can be.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::Shared;
    ///
    /// fn share_thumbnails(shared: Shared) -> Shared {
    ///     shared.max_value_unless_set(4 << 20) // a limit that the user has chosen stays
    /// }
    /// ```
    pub fn max_value_unless_set(mut self, bytes: usize) -> Self {
        self.max_value.get_or_insert(bytes);
        self
    }

    /// Sets if this process keeps results of the cluster, for late calls.
    ///
    /// Default: yes, if the engine can take copies back. With `false` each burst of late calls asks the engine once,
    /// and `forget` holds exactly, without a message. With `true` and an engine that cannot
    /// take copies back, a copy is served until its window ends, even if another process has forgotten it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("prices").local_copies(false);
    /// ```
    pub fn local_copies(mut self, keep: bool) -> Self {
        self.copies = Some(keep);
        self
    }

    /// Bounds the wait for another process. A call that has waited so long runs its own function.
    ///
    /// Default: no bound but the call's deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("users").max_remote_wait(std::time::Duration::from_secs(2));
    /// ```
    pub fn max_remote_wait(mut self, limit: Duration) -> Self {
        self.max_remote_wait = Some(limit);
        self
    }

    /// Bounds the wait for another process while the calling thread leads a further flight. Such a wait can be
    /// part of a cycle over processes, which no process sees: A leads 1 and asks for 2, B leads 2 and asks for 1.
    /// After that time the call runs its own function. Default: 1 s.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// let shared = cluster.named("users").nested_wait(std::time::Duration::from_millis(200));
    /// ```
    pub fn nested_wait(mut self, limit: Duration) -> Self {
        self.nested_wait = limit;
        self
    }
}

impl<C, X, D, Q> fmt::Debug for Shared<C, X, D, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

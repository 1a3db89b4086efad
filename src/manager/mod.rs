//! [`Manager`]: coalescers found by the function that they run, or by a name.
//!
//! ```text
//! execute(load_user, ..) ──▶ type of the function ──▶ registry ─┐
//!                                                               ├──▶ Coalescer
//! named("users", ..), get("users") ──────────────────▶ names ───┘
//! group::<Key, Value, Error>() ─────▶ types of a group ─▶ registry ──▶ Group
//! ```
//!
//! A coalescer is made outside the locks of both maps, because that moves and drops user values: the
//! hasher and the function. If two threads make one for the same entry, one of the two is dropped.

pub(crate) mod error;
mod grouped;
mod memory;
mod named;
mod names;
mod report;
pub(crate) mod type_map;
mod weak;

use std::any::{TypeId, type_name};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

pub use error::NameError;
pub use report::{ManagerStats, NamedInFlight, NamedStats};
pub use weak::WeakManager;

use crate::builder::{Builder, ForCoalescer};
use crate::coalescer::Coalescer;
use crate::error::Error;
use crate::key::ToKey;
use crate::manager::names::Names;
use crate::manager::report::{AnyGroup, Managed};
use crate::manager::type_map::TypeMap;
use crate::settings::Settings;
use crate::sync::Handle;

/// Makes coalescers on first use, and finds them again by their function or by a name.
///
/// ```
/// use coalescer::Manager;
///
/// # #[derive(Debug)] struct DbError;
/// fn load_user(id: &u64) -> Result<String, DbError> {
///     Ok(format!("user {id}")) // a query, in real life
/// }
///
/// let manager = Manager::new();
/// assert_eq!(*manager.execute(load_user, &7)?, "user 7");
/// # Ok::<(), coalescer::Error<DbError>>(())
/// ```
///
/// A manager knows the coalescers that it made, and those that it got by [`adopt`](Self::adopt). It is
/// a handle: clones share the coalescers. It never drops a coalescer. So use a fixed set of names, and
/// never one name for each tenant or request.
///
/// # A function that uses its manager
///
/// A manager owns its coalescers, and a coalescer owns its function. A function that owns a handle to
/// its own manager makes a reference cycle, which is never freed. Give the function a weak handle from
/// [`downgrade`](Self::downgrade) instead. A manager in a `static` lives as long as the program in
/// any case.
///
/// # Which coalescer
///
/// The type of a **function** identifies it, because every `fn` item and every closure has its own
/// type. The generic `load::<User>` and `load::<Order>` are two functions. Two closures with equal
/// text are two functions too. A closure that captures something does not compile here, because
/// another value of its type may have captured something else. Nor does a `fn` pointer. `cargo build`
/// reports this error; `cargo check` does not.
///
/// ```compile_fail
/// let factor = 3;
/// let manager = coalescer::Manager::new();
/// manager.execute(move |n: &u64| Ok::<u64, ()>(n * factor), &7).ok(); // needs a name
/// ```
///
/// A **group** is found by its types ([`group`](Self::group)), and takes any function with each call.
///
/// Use a **name** for such functions, and for a coalescer with its own settings. The same name with
/// other types, another function or other settings is an error, because one of the two callers would
/// get a coalescer that it did not ask for. Names and functions are separate: a named function is found
/// by its name only.
///
/// # Costs
///
/// A look-up by function takes no lock, only a few loads. A handle that you keep from
/// [`coalescer`](Self::coalescer) or [`get`](Self::get) needs no look-up at all. A look-up by name takes
/// a lock: do it once, at the start of the program.
///
/// # Examples
///
/// One manager for the program, with common settings for its coalescers:
///
/// ```
/// use std::sync::LazyLock;
/// use std::time::Duration;
/// use coalescer::{Manager, Settings};
///
/// static COALESCERS: LazyLock<Manager> = LazyLock::new(|| {
///     Manager::with_defaults(Settings::new().window(Duration::from_millis(20)))
/// });
///
/// let double = |n: &u64| Ok::<u64, ()>(2 * n);
/// COALESCERS.execute(double, &4).unwrap();
/// COALESCERS.execute(double, &4).unwrap();
/// assert_eq!(COALESCERS.stats().total.total_requests, 2);
/// ```
#[derive(Clone)]
pub struct Manager {
    shared: Arc<Shared>,
}

struct Shared {
    defaults: Settings,
    /// Coalescers by the types of their functions, and groups by their own.
    by_type: TypeMap<Box<dyn Managed>>,
    names: Names,
}

impl Manager {
    /// Makes a manager whose coalescers have the default window and no limits.
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// assert_eq!(*manager.execute(|n: &u64| Ok::<u64, ()>(n * n), &3).unwrap(), 9);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_defaults(Settings::new())
    }

    /// Makes a manager whose coalescers have these settings by default.
    ///
    /// Each coalescer has its own hasher and name.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Manager, Settings};
    ///
    /// let manager = Manager::with_defaults(Settings::new().max_requests(100));
    /// assert_eq!(*manager.execute(|n: &u64| Ok::<u64, ()>(n * n), &3).unwrap(), 9);
    /// ```
    #[must_use]
    pub fn with_defaults(defaults: Settings) -> Self {
        let shared = Shared { defaults, by_type: TypeMap::new(), names: Names::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Calls [`Coalescer::execute`] on the function's own coalescer.
    ///
    /// The function's first call makes the coalescer. For the other methods, use
    /// [`coalescer`](Self::coalescer).
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Panics
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Deadlocks
    ///
    /// As [`Coalescer::execute`]. The function may call its manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Manager;
    ///
    /// fn load_user(name: &String) -> Result<u64, std::io::Error> {
    ///     Ok(name.len() as u64)
    /// }
    ///
    /// let manager = Manager::new();
    /// assert_eq!(*manager.execute(load_user, "ada")?, 3);
    /// # Ok::<(), coalescer::Error<std::io::Error>>(())
    /// ```
    #[inline]
    pub fn execute<K, V, E, F, Q>(&self, load: F, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
        Q: ?Sized + ToKey<K>,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        const { has_a_type_of_its_own::<F>() }
        self.of(load).execute(key)
    }

    /// The function's own coalescer. It has the manager's settings, and its name is the function's
    /// path.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Manager;
    ///
    /// fn square(n: &u64) -> Result<u64, std::convert::Infallible> {
    ///     Ok(n * n)
    /// }
    ///
    /// let manager = Manager::new();
    /// let squares = manager.coalescer(square);
    /// assert_eq!(*squares.execute_timeout(&7, Duration::from_secs(1)).unwrap(), 49);
    /// assert_eq!(manager.coalescer(square).stats().total_requests, 1);
    /// ```
    #[must_use]
    pub fn coalescer<K, V, E, F>(&self, load: F) -> Coalescer<K, V, E>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        const { has_a_type_of_its_own::<F>() }
        self.of(load).clone()
    }

    /// The coalescer of a function whose type identifies it.
    #[inline]
    fn of<K, V, E, F>(&self, load: F) -> &Coalescer<K, V, E>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let make = || {
            let made = self.builder().name(type_name::<F>()).build(load);
            Box::new(made) as Box<dyn Managed>
        };
        let found = self.shared.by_type.get_or_add(TypeId::of::<F>(), make);
        found.as_any().downcast_ref().expect("a function takes one type and returns one")
    }

    fn builder<K, V>(&self) -> Builder<ForCoalescer, K, V> {
        Coalescer::builder().settings(self.shared.defaults.clone())
    }

    /// The counters of each coalescer, and their sums.
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// manager.execute(|n: &u64| Ok::<u64, ()>(n * n), &3).unwrap();
    /// assert_eq!(manager.stats().total.executed_requests, 1);
    /// ```
    #[must_use]
    pub fn stats(&self) -> ManagerStats {
        let mut coalescers = Vec::new();
        self.for_each(|name, coalescer| coalescers.push(NamedStats::new(name, coalescer.stats())));
        coalescers.sort_by(|one, other| one.name.cmp(&other.name));
        ManagerStats { total: coalescers.iter().map(|one| one.stats).sum(), coalescers }
    }

    /// Every flight under way, of all coalescers, the oldest first.
    ///
    /// Meant for a status page. It costs one [`Coalescer::in_flight`] for each coalescer. With the feature
    /// `serde`, the list serializes to JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "serde")] {
    /// let manager = coalescer::Manager::new();
    /// let weak = manager.downgrade();
    /// let page = manager.named("pages", move |_: &u64| {
    ///     let handle = weak.upgrade().expect("it is used below");
    ///     // {"flights":[{"name":"pages","age_seconds":0.0,"followers":0,"executions":1,
    ///     //   "leader":"main"}],"stats":{"total":{"total_requests":1, ..
    ///     let status = serde_json::json!({
    ///         "flights": handle.in_flight(),
    ///         "stats": handle.stats(),
    ///     });
    ///     Ok::<_, ()>(status)
    /// });
    /// let status = page.unwrap().execute(&1).unwrap();
    /// assert_eq!(status["flights"][0]["name"], "pages");
    /// assert_eq!(status["stats"]["total"]["in_flight"], 1);
    /// # }
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> Vec<NamedInFlight> {
        let mut flights = Vec::new();
        self.for_each(|name, coalescer| {
            let of_one = coalescer.in_flight().into_iter();
            flights.extend(of_one.map(|flight| NamedInFlight::new(name, flight)));
        });
        flights.sort_by(|one, other| other.age.cmp(&one.age).then(one.name.cmp(&other.name)));
        flights
    }

    /// Adds the changes since the last call to the metrics, for all coalescers; see
    /// [`metrics`](crate::metrics).
    ///
    /// # Examples
    ///
    /// ```
    /// let manager = coalescer::Manager::new();
    /// manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n)).unwrap().execute(&7).unwrap();
    /// manager.publish_metrics(); // coalescer_calls_total{name="squares",role="leader"} 1
    /// ```
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        self.for_each(|_, coalescer| coalescer.publish_metrics());
    }

    /// Calls `f` with the name and the group of every coalescer, and with every group, under no lock.
    fn for_each(&self, mut f: impl FnMut(&str, &dyn AnyGroup)) {
        self.shared.by_type.values().for_each(|found| f(found.group().name(), found.group()));
        self.shared.names.all().iter().for_each(|named| f(&named.name, named.coalescer.group()));
    }
}

/// Stops the build for a function that its type does not identify. Public methods call it directly, so
/// that the compiler's error names the user's line.
#[track_caller]
const fn has_a_type_of_its_own<F>() {
    assert!(
        size_of::<F>() == 0,
        "a manager identifies a function by its type, which is not possible for a closure that \
         captures something or a `fn` pointer: give it a name, as in \
         `manager.named(\"users\", load)?.execute(&key)`"
    );
}

impl Default for Manager {
    fn default() -> Self {
        Self::new()
    }
}

// As for `Coalescer`: each map changes in one step, and no user code runs during that step.
impl UnwindSafe for Manager {}
impl RefUnwindSafe for Manager {}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

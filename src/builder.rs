//! [`Builder`]: settings, and the options that depend on the types of keys and values.

use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::executor::Executor;
use crate::hasher::DefaultHashBuilder;
use crate::many::batching::Batching;
use crate::observe::{OnSlow, SlowFlight};
use crate::settings::{OnDeadlock, Settings};
use crate::share::{ErrorSharing, ShareWith, Sharing};
use crate::shared::Alone;
use crate::wait::manual_clock::ManualClock;

/// Builds a [`Coalescer`](crate::Coalescer) or a [`Group`](crate::Group); from
/// [`Coalescer::builder`](crate::Coalescer::builder) or [`Group::builder`](crate::Group::builder).
///
/// | setting | default | sets |
/// |---|---|---|
/// | **who shares** | | |
/// | [`max_requests`](Self::max_requests) | any number | how many calls one flight serves |
/// | [`max_join_age`](Self::max_join_age) | any age | the age from which a flight is no longer joined |
/// | [`share_if`](Self::share_if), [`share_with`](Self::share_with) | all values | which values are shared, with whom, and how long |
/// | [`share_error_with`](Self::share_error_with) | all errors | the same of errors |
/// | [`shared`](Self::shared) | this process alone | with which other processes |
/// | [`max_batch`](Builder::max_batch) | any number | of a [`Batcher`](crate::Batcher): how many keys one run has |
/// | [`gather_while_busy`](Builder::gather_while_busy), [`gather_for`](Builder::gather_for) | no | of a `Batcher`: which calls run together |
/// | **how long** | | |
/// | [`window`](Self::window) | 100 ms; zero for a group | how long a success is served |
/// | [`error_window`](Self::error_window) | zero | how long an error is served |
/// | [`refresh_after`](Self::refresh_after) | never | the age at which one call replaces a value while it is served |
/// | **waiting** | | |
/// | [`max_wait`](Self::max_wait) | no limit | how long a follower waits at most |
/// | [`leader_timeout`](Self::leader_timeout) | no take-over | the age at which another call takes over |
/// | [`max_leaders`](Self::max_leaders) | 2 | how many executions a flight may have |
/// | [`on_deadlock`](Self::on_deadlock) | refuse | the action of a call that would wait for itself |
/// | [`executor`](Self::executor) | none | where the functions of `submit` run |
/// | **memory** | | |
/// | [`max_retained`](Self::max_retained) | no limit | how many results are kept |
/// | [`shards`](Self::shards) | 64 | the number of locks of the table |
/// | [`hasher`](Self::hasher) | [`DefaultHashBuilder`] | how keys are hashed |
/// | **observing** | | |
/// | [`name`](Self::name) | none | the name in logs, metrics and spans |
/// | [`on_slow`](Self::on_slow) | no hook | a hook for flights that take too long |
/// | [`precise_clock`](Self::precise_clock), [`clock`](Self::clock) | the system's clocks | how time is read; a clock for tests |
/// | **all at once** | | |
/// | [`settings`](Self::settings) | | replaces every setting that a [`Settings`] has |
///
/// `T` is [`ForCoalescer`] or [`ForGroup`]. The types of keys `K` and values `V` are inferred from
/// `build`, and `S` is the hasher. A setter panics at once for a value that makes no sense. The panic
/// names the setting and the alternative.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::Coalescer;
///
/// let reports = Coalescer::builder()
///     .name("reports")
///     .window(Duration::from_millis(250))
///     .max_requests(10_000)
///     .leader_timeout(Duration::from_secs(5))
///     .max_wait(Duration::from_secs(20))
///     .share_if(|report: &String| !report.is_empty())
///     .build(|id: &u32| Ok::<String, std::io::Error>(format!("report {id}")));
/// assert_eq!(*reports.execute(&7).unwrap(), "report 7");
/// ```
#[must_use = "a builder does nothing until build is called"]
pub struct Builder<T, K, V, S = DefaultHashBuilder, R = Alone> {
    pub(crate) settings: Settings,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) sharing: Option<Sharing<V>>,
    /// The rule over errors, of a type that `T` names.
    pub(crate) error_sharing: Option<ErrorSharing>,
    pub(crate) on_slow: Option<OnSlow<K>>,
    pub(crate) hasher: S,
    pub(crate) shared: R,
    /// How a batcher runs.
    pub(crate) batching: Batching,
    pub(crate) product: PhantomData<fn() -> T>,
}

/// The builder makes a [`Coalescer`](crate::Coalescer).
///
/// # Examples
///
/// A function that sets common options for several coalescers:
///
/// ```
/// use coalescer::{Builder, Coalescer, ForCoalescer};
///
/// fn named<K, V>(name: &str) -> Builder<ForCoalescer, K, V> {
///     Coalescer::builder().name(format!("shop.{name}")).max_requests(1_000)
/// }
///
/// let squares = named("squares").build(|n: &u64| Ok::<u64, ()>(n * n));
/// assert_eq!(squares.name(), Some("shop.squares"));
/// ```
#[derive(Debug)]
pub enum ForCoalescer {}

/// The builder makes a [`Group`](crate::Group).
///
/// # Examples
///
/// ```
/// use coalescer::{Builder, ForGroup, Group};
///
/// fn bounded<K, V>() -> Builder<ForGroup, K, V> {
///     Group::builder().max_requests(1_000)
/// }
///
/// let group: Group<u64, u64, ()> = bounded().build();
/// assert_eq!(*group.execute(&7, || Ok(49)).unwrap(), 49);
/// ```
#[derive(Debug)]
pub enum ForGroup {}

impl<T, K, V> Builder<T, K, V> {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            name: None,
            sharing: None,
            error_sharing: None,
            on_slow: None,
            hasher: DefaultHashBuilder::default(),
            shared: Alone,
            batching: Batching::ALONE,
            product: PhantomData,
        }
    }
}

/// Forwards to the setters of [`Settings`], which have the documentation.
macro_rules! forward {
    ($($what:literal $name:ident($($value:ident: $ty:ty)?);)+) => {
        impl<T, K, V, S, R> Builder<T, K, V, S, R> {$(
            #[doc = concat!("Sets ", $what, ".")]
            #[doc = ""]
            #[doc = concat!("See [`Settings::", stringify!($name), "`] for the default, panics and an example.")]
            #[track_caller]
            pub fn $name(mut self $(, $value: $ty)?) -> Self {
                self.settings = self.settings.$name($($value)?);
                self
            }
        )+}
    };
}

forward! {
    "how long after its start a success is served" window(window: Duration);
    "how long after its start an error is served" error_window(window: Duration);
    "the age from which a kept value is refreshed while the window serves it" refresh_after(age: Duration);
    "how many calls one flight serves at most" max_requests(max: usize);
    "the age from which a running flight is no longer joined" max_join_age(age: Duration);
    "how long a follower waits at most" max_wait(wait: Duration);
    "the age of an execution at which another call takes over" leader_timeout(timeout: Duration);
    "how many executions of one key run at a time" max_leaders(max: usize);
    "how many calls wait for one key at most" max_followers(max: usize);
    "how many results are kept at most" max_retained(max: usize);
    "the action of a call that would wait for its own thread" on_deadlock(on_deadlock: OnDeadlock);
    "the number of parts of the table, each with a lock of its own" shards(shards: usize);
    "the system's precise clock as the clock of every call" precise_clock();
    "a clock that a test moves" clock(clock: ManualClock);
    "where the functions of `submit` run" executor(executor: impl Executor + Send + Sync + 'static);
}

impl<T, K, V, S, R> Builder<T, K, V, S, R> {
    /// Replaces every setting that a [`Settings`] has, including the window.
    ///
    /// A later setter changes a single one again. `name`, `hasher`, `share_if`, `share_with` and `on_slow`
    /// stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Settings};
    ///
    /// let defaults = Settings::new().max_wait(Duration::from_secs(5)).max_requests(2);
    /// let squares = Coalescer::builder()
    ///     .settings(defaults.clone())
    ///     .window(Duration::MAX)
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// for _ in 0..4 {
    ///     squares.execute(&7).unwrap();
    /// }
    /// assert_eq!(squares.stats().executed_requests, 2);
    /// ```
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the name that logs, status pages, metrics and spans show.
    ///
    /// Default: none. Metrics then have the name `unnamed`.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().name("users").build();
    /// assert_eq!(group.name(), Some("users"));
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(Arc::from(name.into()));
        self
    }

    /// Sets how keys are hashed.
    ///
    /// Default: foldhash with a random seed for each coalescer, which makes it hard for an attacker to
    /// choose keys that collide. If attackers can choose keys and measure response times, use std's
    /// `RandomState` (SipHash). If your program chooses all keys, an unkeyed hash such as
    /// `rustc_hash::FxBuildHasher` is enough.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, (), RandomState> =
    ///     Group::builder().hasher(RandomState::new()).build();
    /// assert_eq!(*group.execute("stock", || Ok(5)).unwrap(), 5);
    /// ```
    pub fn hasher<S2: BuildHasher>(self, hasher: S2) -> Builder<T, K, V, S2, R> {
        self.with(|_, shared| (hasher, shared))
    }

    /// Sets which values may be shared. The library calls the function once for each value, on the
    /// thread that computed it.
    ///
    /// Default: all. If the function returns false, only the leader gets the value, and the value is not
    /// kept. Every follower is released at once and runs its own function, all at the same time; for
    /// tickets, the executor runs them. A panic in this function counts as a panic of the leader.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Role};
    ///
    /// let pages = Coalescer::builder()
    ///     .share_if(|page: &String| !page.contains("Set-Cookie"))
    ///     .build(|path: &String| Ok::<String, ()>(format!("{path} Set-Cookie: id=1")));
    /// assert_eq!(pages.call("/login").outcome().unwrap().role, Role::Leader);
    /// assert_eq!(pages.call("/login").outcome().unwrap().role, Role::Leader); // not kept
    /// ```
    #[doc(alias = "should_cache")]
    pub fn share_if<F>(mut self, may_share: F) -> Self
    where
        F: Fn(&V) -> bool + Send + Sync + 'static,
    {
        self.sharing = Some(Sharing::of::<F>(move |value| may_share(value).into()));
        self
    }

    /// Sets which calls share a value. The library calls the function once for each value, on the
    /// thread that computed it.
    ///
    /// Like [`share_if`](Self::share_if), with two more answers. [`ShareWith::Followers`] shares a value
    /// with the calls that waited for it, and with no later call. [`ShareWith::For`] shares it with later
    /// calls too, for a time of its own within the window. The last one set of `share_if` and `share_with`
    /// holds.
    ///
    /// # Examples
    ///
    /// A server's error page serves the burst that waited for it, and the next call tries again:
    ///
    /// ```
    /// use coalescer::{Coalescer, Role, ShareWith};
    ///
    /// let pages = Coalescer::builder()
    ///     .share_with(|(status, _): &(u16, String)| match status {
    ///         500.. => ShareWith::Followers,
    ///         401 | 403 => ShareWith::Nobody,
    ///         _ => ShareWith::Everyone,
    ///     })
    ///     .build(|path: &String| Ok::<_, ()>((503, format!("{path}: try later"))));
    /// pages.execute("/").unwrap();
    /// assert_eq!(pages.call("/").outcome().unwrap().role, Role::Leader); // not kept
    /// ```
    pub fn share_with<F>(mut self, share_with: F) -> Self
    where
        F: Fn(&V) -> ShareWith + Send + Sync + 'static,
    {
        self.sharing = Some(Sharing::of::<F>(share_with));
        self
    }

    /// Sets a hook for each flight that has been under way for `after`.
    ///
    /// Default: none. The hook is for logs and alarms, and does not change the flight. See
    /// [`SlowFlight`] for its argument.
    ///
    /// **Once for each flight**, however many executions it has. The library has no thread that
    /// watches, so the first call that notices calls the hook: a follower, which wakes for it at that
    /// time; a call that arrives and does not wait; or the leader, when its function has returned. For
    /// submitted calls it is a thread that waits with a follower's ticket, a `submit` that arrives, or
    /// the job's thread when the job has ended in any way ([`Ticket`](crate::Ticket)). A call that runs
    /// the function only for itself ([`share_if`](Self::share_if), [`OnDeadlock::Bypass`]) is no flight.
    ///
    /// **On that call's thread**, under no lock. So the hook delays that call and no other: a leader
    /// publishes its outcome before it calls the hook, and a follower checks its deadline again when the
    /// hook has returned. The hook may call any coalescer, and then waits like any other caller. The
    /// library catches a panic of the hook, after the panic hook has reported it. It changes no call.
    ///
    /// # Panics
    ///
    /// If `after` is zero: every flight would be slow.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock, SlowFlight};
    ///
    /// let (clock, (reports, slow)) = (ManualClock::new(), channel());
    /// let group: Group<u64, String, ()> = Group::builder()
    ///     .on_slow(Duration::from_secs(5), move |slow: &SlowFlight<'_, u64>| {
    ///         reports.send(format!("user {} takes {:?}", slow.key, slow.age)).ok();
    ///     })
    ///     .clock(clock.clone())
    ///     .build();
    /// group.execute(&7, || { clock.advance(Duration::from_secs(6)); Ok("ada".into()) }).unwrap();
    /// assert_eq!(slow.recv().unwrap(), "user 7 takes 6s");
    /// ```
    #[track_caller]
    pub fn on_slow<F>(mut self, after: Duration, hook: F) -> Self
    where
        F: Fn(&SlowFlight<'_, K>) + Send + Sync + 'static,
    {
        assert!(
            !after.is_zero(),
            "on_slow(0): every flight would be slow; \
             use a time that no flight should take, or leave on_slow unset for no hook"
        );
        self.on_slow = Some(OnSlow::new(after, hook));
        self
    }

    pub(crate) fn with_error_rule<T2>(self, rule: ErrorSharing) -> Builder<T2, K, V, S, R> {
        let mut builder = self.with(|hasher, shared| (hasher, shared));
        builder.error_sharing = Some(rule);
        builder
    }

    /// The same settings with another hasher, tier or product.
    pub(crate) fn with<T2, S2, R2>(
        self,
        change: impl FnOnce(S, R) -> (S2, R2),
    ) -> Builder<T2, K, V, S2, R2> {
        let (hasher, shared) = change(self.hasher, self.shared);
        Builder {
            settings: self.settings,
            name: self.name,
            sharing: self.sharing,
            error_sharing: self.error_sharing,
            on_slow: self.on_slow,
            hasher,
            shared,
            batching: self.batching,
            product: PhantomData,
        }
    }
}

impl<T, K, V, S, R> Builder<T, K, V, S, R> {
    /// Panics if the builder has a name: a manager names its coalescers itself.
    #[track_caller]
    pub(crate) fn without_name(self) -> Self {
        assert!(
            self.name.is_none(),
            "name({:?}): a manager names its coalescers itself; leave name unset",
            self.name.as_deref().unwrap_or_default()
        );
        self
    }
}

impl<T, K, V, S, R> fmt::Debug for Builder<T, K, V, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

//! The settings of a group or a coalescer, checked as they are given.

use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::DefaultHashBuilder;
use crate::coalescer::Coalescer;
use crate::engine::rules::{OnDeadlock, Rules};
use crate::engine::table::Table;
use crate::executor::{Chosen, Executor};
use crate::group::{Core, Group};
use crate::observe::{NoHook, Observer, OnSlowFn, SlowFlight, SlowPolicy};
use crate::policy::{ShareAll, ShareIfFn, SharePolicy, ShareWith, Token};
use crate::settings::Settings;
use crate::wait::clock::{Clock, nanos};
use crate::wait::manual_clock::ManualClock;

/// Shards of a table unless the builder says otherwise. Twice as fast as one lock already with two
/// threads on different keys, and 24 KiB a coalescer.
const SHARDS: usize = 64;

/// More shards than this are a mistake in a unit, and would only cost memory.
const MOST_SHARDS: usize = 1 << 16;

/// Settings, from [`Coalescer::builder`] or [`Group::builder`].
///
/// Every setting has a default, which is what its method's text says it is without it. A value
/// that makes no sense is refused at once, by a panic that names the setting and the way out.
///
/// `T` says what will be built, `S` is the hasher, `P` says which values may be shared, and `H` who is
/// told of slow flights.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, OnDeadlock};
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
pub struct Builder<T, S = DefaultHashBuilder, P = ShareAll, H = NoHook> {
    rules: Rules,
    shards: usize,
    name: Option<Arc<str>>,
    clock: ClockChoice,
    executor: Option<Chosen>,
    hasher: S,
    policy: P,
    on_slow: H,
    product: PhantomData<T>,
}

/// Which clock the product reads.
#[derive(Clone, Debug)]
pub(crate) enum ClockChoice {
    System,
    PreciseSystem,
    Manual(ManualClock),
}

/// The builder makes a [`Coalescer`].
///
/// # Examples
///
/// Settings that several coalescers have in common:
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Builder, Coalescer, ForCoalescer};
///
/// fn settings() -> Builder<ForCoalescer> {
///     Coalescer::builder().window(Duration::from_millis(20)).max_wait(Duration::from_secs(5))
/// }
///
/// let squares = settings().build(|n: &u64| Ok::<u64, ()>(n * n));
/// assert_eq!(*squares.execute(&7).unwrap(), 49);
/// ```
#[derive(Debug)]
pub enum ForCoalescer {}

/// The builder makes a [`Group`].
///
/// # Examples
///
/// ```
/// use coalescer::{Builder, ForGroup, Group};
///
/// fn settings() -> Builder<ForGroup> {
///     Group::builder().max_requests(1_000)
/// }
///
/// let group: Group<u64, u64, ()> = settings().build();
/// assert_eq!(*group.execute(&7, || Ok(49)).unwrap(), 49);
/// ```
#[derive(Debug)]
pub enum ForGroup {}

impl<T> Builder<T> {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            shards: SHARDS,
            name: None,
            clock: ClockChoice::System,
            executor: None,
            hasher: DefaultHashBuilder::default(),
            policy: ShareAll,
            on_slow: NoHook,
            product: PhantomData,
        }
    }
}

impl<T, S, P, H> Builder<T, S, P, H> {
    /// How long after its start a success is served to calls that did not wait for it.
    ///
    /// Without it: [`DEFAULT_WINDOW`](crate::DEFAULT_WINDOW) for a [`Coalescer`], zero for a
    /// [`Group`]. Zero keeps nothing. The window counts from the *start* of the execution: a
    /// function that takes longer than the window is shared with those who waited, and kept for
    /// nobody. `Duration::MAX` keeps results until they are forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().window(Duration::from_millis(20)).build();
    /// # drop(group);
    /// ```
    pub fn window(mut self, window: Duration) -> Self {
        self.rules.window = nanos(window);
        self
    }

    /// How long after its start an error is served to calls that did not wait for it.
    ///
    /// Without it: zero, so an error reaches those who waited for it, and the next call tries anew.
    ///
    /// # Examples
    ///
    /// A server that is down is asked once a second, not once a call:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, &str> =
    ///     coalescer::Group::builder().error_window(Duration::from_secs(1)).build();
    /// assert!(group.execute(&1, || Err("down")).is_err());
    /// assert!(group.execute(&1, || Ok(1)).is_err()); // kept
    /// ```
    pub fn error_window(mut self, window: Duration) -> Self {
        self.rules.error_window = nanos(window);
        self
    }

    /// How many calls one flight serves at most: leader, followers and late ones together.
    ///
    /// Without it: any number. The next call starts a new flight, even while the old one runs. So
    /// `n` calls cost at least `n / max` executions, and 1 shares nothing and never waits. A number
    /// of 2^32 - 1 or more is no limit.
    ///
    /// # Panics
    ///
    /// If it is zero: a flight always serves its leader.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().window(Duration::MAX).max_requests(3).build();
    /// for _ in 0..10 {
    ///     group.execute(&1, || Ok(1)).unwrap();
    /// }
    /// assert_eq!(group.stats().executed_requests, 4);
    /// ```
    #[track_caller]
    pub fn max_requests(mut self, max: usize) -> Self {
        assert!(
            max > 0,
            "max_requests(0): a flight always serves its own leader; \
             use 1 to share nothing, or leave max_requests unset for no limit"
        );
        self.rules.max_requests = u32::try_from(max).unwrap_or(u32::MAX);
        self
    }

    /// The age from which on a running flight takes nobody on any more.
    ///
    /// Without it: none, a running flight can be joined however old it is. With it, a call that
    /// meets an older flight starts a new one, and the old one serves those that it has.
    ///
    /// # Examples
    ///
    /// Nobody waits for an execution that began more than two seconds ago:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().max_join_age(Duration::from_secs(2)).build();
    /// # drop(group);
    /// ```
    pub fn max_join_age(mut self, age: Duration) -> Self {
        self.rules.max_join_age = nanos(age);
        self
    }

    /// How long a follower of this coalescer waits at most, whatever its call says; then it gets
    /// [`TimedOut`](crate::Error::TimedOut).
    ///
    /// Without it: as long as the flight runs. It bounds what deadlock detection cannot see, and each
    /// wait with a [`Ticket`](crate::Ticket) as well, one for its own job too. It bounds no function
    /// that a call runs on its own thread, and no receiver made of a ticket.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().max_wait(Duration::from_secs(10)).build();
    /// # drop(group);
    /// ```
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.rules.max_wait = nanos(wait);
        self
    }

    /// The age of an execution from which on one other call takes over.
    ///
    /// Without it: nobody does. With it, when the youngest execution of a flight is that old,
    /// exactly one call, a waiting or a new one, runs its function beside it, and the first success
    /// of either goes to all. The stuck execution is not interrupted; its leader gets its own
    /// result when it comes. See [`max_leaders`](Self::max_leaders), and [`Ticket`](crate::Ticket) for
    /// calls that were submitted.
    ///
    /// # Panics
    ///
    /// If it is zero: every call would take over from the one before.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().leader_timeout(Duration::from_secs(2)).build();
    /// # drop(group);
    /// ```
    #[track_caller]
    pub fn leader_timeout(mut self, timeout: Duration) -> Self {
        assert!(
            !timeout.is_zero(),
            "leader_timeout(0): every call would take over from the one before; \
             use max_requests(1) to share nothing, or leave leader_timeout unset to never take over"
        );
        self.rules.leader_timeout = nanos(timeout);
        self
    }

    /// How many executions one flight may have, the first and the take-overs together.
    ///
    /// Without it: 2. It matters only with [`leader_timeout`](Self::leader_timeout).
    ///
    /// # Panics
    ///
    /// If it is zero: a flight always has its leader.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::builder()
    ///     .leader_timeout(Duration::from_secs(2))
    ///     .max_leaders(3)
    ///     .build();
    /// # drop(group);
    /// ```
    #[track_caller]
    pub fn max_leaders(mut self, max: usize) -> Self {
        assert!(
            max > 0,
            "max_leaders(0): a flight always has its first leader; \
             use 1, or leave leader_timeout unset, to never take over"
        );
        self.rules.max_leaders = max;
        self
    }

    /// How many results are kept at most, values and errors together.
    ///
    /// Without it: as many as the windows keep. When there is no room for a new result, an expired
    /// one goes, or else the oldest. Running flights are never evicted. Zero keeps nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().window(Duration::MAX).max_retained(2).build();
    /// for key in 1..=3 {
    ///     group.execute(&key, || Ok(key)).unwrap();
    /// }
    /// assert!(!group.forget(&1)); // made room for 3
    /// assert!(group.forget(&2) && group.forget(&3));
    /// ```
    pub fn max_retained(mut self, max: usize) -> Self {
        self.rules.max_retained = Some(max as u64);
        self
    }

    /// What a call does that would wait for its own thread.
    ///
    /// Without it: [`OnDeadlock::Refuse`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, OnDeadlock};
    ///
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().on_deadlock(OnDeadlock::Bypass).build();
    /// # drop(group);
    /// ```
    pub fn on_deadlock(mut self, on_deadlock: OnDeadlock) -> Self {
        self.rules.on_deadlock = on_deadlock;
        self
    }

    /// A name, for people who read logs and status pages; metrics and spans go by it, too.
    ///
    /// Without it: none, and metrics say `unnamed`.
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

    /// Into how many parts the table is divided, each with a lock of its own; rounded up to a
    /// power of two.
    ///
    /// Without it: 64. More help only where many cores start flights at once.
    ///
    /// # Panics
    ///
    /// If it is zero, or more than 65 536.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().shards(256).build();
    /// # drop(group);
    /// ```
    #[track_caller]
    pub fn shards(mut self, shards: usize) -> Self {
        assert!(
            shards > 0,
            "shards(0): a table has at least one part; \
             use 1 for a single lock, or leave shards unset for {SHARDS}"
        );
        assert!(
            shards <= MOST_SHARDS,
            "shards({shards}): more than {MOST_SHARDS} locks only cost memory; \
             use four for each core, or leave shards unset for {SHARDS}"
        );
        self.shards = shards;
        self
    }

    /// Where the functions of `submit` run; see [`Executor`].
    ///
    /// Without it: [`submit`](crate::Coalescer::submit) panics. Every other call runs the function on
    /// its own thread, with an executor or without.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let ticket = squares.submit(&3).unwrap();
    /// assert_eq!(*ticket.wait().unwrap(), 9);
    /// ```
    pub fn executor(mut self, executor: impl Executor + Send + Sync + 'static) -> Self {
        self.executor = Some(Chosen::new(executor));
        self
    }

    /// How keys are hashed.
    ///
    /// Without it: foldhash with a random seed for each coalescer, which makes it hard for a
    /// stranger to choose keys that collide. Where strangers choose keys and measure your answers,
    /// take std's `RandomState` (SipHash). Where all keys are your own, an unkeyed hash such as
    /// `rustc_hash::FxBuildHasher` will do.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, (), RandomState> =
    ///     Group::builder().hasher(RandomState::new()).build();
    /// # drop(group);
    /// ```
    pub fn hasher<S2: BuildHasher>(self, hasher: S2) -> Builder<T, S2, P, H> {
        Builder {
            rules: self.rules,
            shards: self.shards,
            name: self.name,
            clock: self.clock,
            executor: self.executor,
            hasher,
            policy: self.policy,
            on_slow: self.on_slow,
            product: PhantomData,
        }
    }

    /// Which values may be shared; asked once for each value, on the thread that computed it.
    ///
    /// Without it: all. If the function says no, the leader keeps its value, and every follower is
    /// released at once to run its own function, all at the same time; those of tickets are handed to
    /// the executor. Nothing is kept. A panic here counts as the leader's.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Role};
    ///
    /// let pages = Coalescer::builder()
    ///     .share_if(|page: &String| !page.contains("Set-Cookie"))
    ///     .build(|path: &String| Ok::<String, ()>(format!("{path} Set-Cookie: id=1")));
    /// assert_eq!(pages.execute_outcome("/login").unwrap().role, Role::Leader);
    /// assert_eq!(pages.execute_outcome("/login").unwrap().role, Role::Leader); // not kept
    /// ```
    pub fn share_if<V>(
        self,
        may_share: impl Fn(&V) -> bool + Send + Sync + 'static,
    ) -> Builder<T, S, ShareIfFn<V>, H> {
        self.share_with(move |value| match may_share(value) {
            true => ShareWith::Everyone,
            false => ShareWith::Nobody,
        })
    }

    /// With whom a value is shared; asked once for each value, on the thread that computed it.
    ///
    /// As [`share_if`](Self::share_if), with one answer more: a value that those who waited for it
    /// may have, and nobody who comes later ([`ShareWith::Followers`]). Of the two settings the one
    /// that was made last holds.
    ///
    /// # Examples
    ///
    /// A server's error page serves the burst that waited for it, and the next call tries anew:
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
    /// assert_eq!(pages.execute_outcome("/").unwrap().role, Role::Leader); // not kept
    /// ```
    pub fn share_with<V>(
        self,
        share_with: impl Fn(&V) -> ShareWith + Send + Sync + 'static,
    ) -> Builder<T, S, ShareIfFn<V>, H> {
        Builder {
            rules: self.rules,
            shards: self.shards,
            name: self.name,
            clock: self.clock,
            executor: self.executor,
            hasher: self.hasher,
            policy: ShareIfFn::new(share_with),
            on_slow: self.on_slow,
            product: PhantomData,
        }
    }

    /// Calls a function for each flight that has been under way for so long.
    ///
    /// Without it: nobody is told. It is for logs and alarms, and changes nothing: the flight goes on.
    /// See [`SlowFlight`] for what it is given.
    ///
    /// **Once a flight**, however many executions it comes to have, by whoever notices first. The
    /// library has no thread that would look, so that is a follower, which wakes for it at that time,
    /// a call that comes and does not wait, or the leader itself when its function has returned. Of
    /// submitted calls it is a thread that waits with a follower's ticket, a `submit` that comes, or the
    /// job's thread when the job has ended, by whatever ([`Ticket`](crate::Ticket)). A call that runs
    /// the function for itself alone ([`share_if`](Self::share_if), [`OnDeadlock::Bypass`]) is no flight.
    ///
    /// **On that call's thread**, under no lock. So it delays that call and no other: a leader has
    /// published its outcome by then, and a follower's deadline is looked at again when the hook has
    /// returned. The hook may call any coalescer, and then waits as any other caller does. A panic in
    /// it ends there, with the report that the panic hook makes, and no call has a part in it.
    ///
    /// # Panics
    ///
    /// If the time is zero: every flight would be slow.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, SlowFlight};
    ///
    /// let group: Group<u64, String, std::io::Error> = Group::builder()
    ///     .name("users")
    ///     .on_slow(Duration::from_secs(5), |slow: &SlowFlight<'_, u64>| {
    ///         eprintln!("user {} takes {:?}, {} wait", slow.key, slow.age, slow.followers);
    ///     })
    ///     .build();
    /// # drop(group);
    /// ```
    #[track_caller]
    pub fn on_slow<K>(
        self,
        after: Duration,
        hook: impl Fn(&SlowFlight<'_, K>) + Send + Sync + 'static,
    ) -> Builder<T, S, P, OnSlowFn<K>> {
        assert!(
            !after.is_zero(),
            "on_slow(0): every flight would be slow; \
             use a time that none should take, or leave on_slow unset to tell nobody"
        );
        Builder {
            rules: Rules { slow_after: nanos(after), ..self.rules },
            shards: self.shards,
            name: self.name,
            clock: self.clock,
            executor: self.executor,
            hasher: self.hasher,
            policy: self.policy,
            on_slow: OnSlowFn::new(hook),
            product: PhantomData,
        }
    }

    /// Reads the system's precise clock for every call.
    ///
    /// Without it, on Linux and with the feature `coarse-clock` (a default one), a late call is
    /// judged by the kernel's coarse clock as long as its window goes on for at least four of the
    /// kernel's timer ticks (4 x 4 ms on most machines), and by the precise clock from then on.
    /// That is exact unless the tick comes three ticks late, which a virtual machine can make
    /// happen by taking the processor that keeps the time away: by as much as it is late beyond
    /// that, a value may then be served after its window. With this setting that cannot be, and a
    /// late call takes about twice as long (20 ns more).
    ///
    /// Windows begin, and waits end, by the precise clock in either case.
    ///
    /// # Examples
    ///
    /// ```
    /// let prices = coalescer::Coalescer::builder()
    ///     .precise_clock()
    ///     .build(|id: &u32| Ok::<u32, ()>(id * 100));
    /// assert_eq!(*prices.execute(&7).unwrap(), 700);
    /// ```
    pub fn precise_clock(mut self) -> Self {
        self.clock = ClockChoice::PreciseSystem;
        self
    }

    /// Measures all time on a clock that a test moves.
    ///
    /// Without it: the system's monotonic clock. Meant for tests; see [`ManualClock`].
    ///
    /// # Examples
    ///
    /// ```
    /// let clock = coalescer::ManualClock::new();
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().clock(clock.clone()).build();
    /// # drop(group);
    /// ```
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = ClockChoice::Manual(clock);
        self
    }

    fn into_group<K, V, E>(self) -> Group<K, V, E, S>
    where
        S: BuildHasher,
        P: SharePolicy<V>,
        H: SlowPolicy<K>,
    {
        let clock = match self.clock {
            ClockChoice::System => Clock::system(),
            ClockChoice::PreciseSystem => Clock::precise_system(),
            ClockChoice::Manual(clock) => Clock::Manual(clock),
        };
        let observer = Observer::new(self.name.clone(), self.on_slow.into_hook(Token));
        Group::from_core(Core {
            table: Table::new(self.rules, clock, self.shards, observer),
            share_if: self.policy.into_policy(Token),
            name: self.name,
            executor: self.executor,
            hasher: self.hasher,
        })
    }
}

impl<S: BuildHasher, P, H> Builder<ForGroup, S, P, H> {
    /// Makes the group.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::builder().build();
    /// # drop(group);
    /// ```
    #[must_use]
    pub fn build<K, V, E>(self) -> Group<K, V, E, S>
    where
        P: SharePolicy<V>,
        H: SlowPolicy<K>,
    {
        self.into_group()
    }
}

impl<S: BuildHasher, P, H> Builder<ForCoalescer, S, P, H> {
    /// Makes the coalescer of `load`.
    ///
    /// # Examples
    ///
    /// ```
    /// let squares = coalescer::Coalescer::builder().build(|n: &u64| Ok::<u64, ()>(n * n));
    /// # drop(squares);
    /// ```
    pub fn build<K, V, E, F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
        P: SharePolicy<V>,
        H: SlowPolicy<K>,
    {
        Coalescer::from_parts(self.into_group(), Arc::new(load))
    }

    /// What a manager compares.
    pub(crate) fn settings<K, V>(&self) -> Settings
    where
        P: SharePolicy<V>,
        H: SlowPolicy<K>,
    {
        Settings {
            rules: self.rules.clone(),
            shards: self.shards.next_power_of_two(),
            clock: self.clock.clone(),
            share_if: self.policy.function(Token),
            executor: self.executor.clone(),
            on_slow: self.on_slow.function(Token),
        }
    }

    /// Panics if there is a name: a manager gives them.
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

impl Builder<ForCoalescer> {
    /// A builder with a hasher of its own.
    pub(crate) fn with_settings(settings: &Settings) -> Self {
        let Settings { rules, shards, clock, share_if: _, on_slow: _, executor } = settings;
        let fresh = Self::new(rules.clone());
        Self { shards: *shards, clock: clock.clone(), executor: executor.clone(), ..fresh }
    }
}

impl<T, S, P, H> fmt::Debug for Builder<T, S, P, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("rules", &self.rules)
            .field("shards", &self.shards)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

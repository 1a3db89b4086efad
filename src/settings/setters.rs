//! The setters of [`Settings`], with the documentation of each setting.

use std::time::Duration;

use crate::executor::{Chosen, Executor};
use crate::settings::{ClockChoice, MOST_SHARDS, OnDeadlock, SHARDS, Settings};
use crate::wait::clock::{FOREVER, nanos};
use crate::wait::manual_clock::ManualClock;

/// The duration as a bound; `None` if it is too long to be one.
fn bound(duration: Duration) -> Option<Duration> {
    (nanos(duration) != FOREVER).then_some(duration)
}

impl Settings {
    /// Sets how long after its start a success is served to calls that did not wait for it.
    ///
    /// Default: [`DEFAULT_WINDOW`](crate::DEFAULT_WINDOW), 100 ms; a builder from
    /// [`Group::builder`](crate::Group::builder) starts with zero.
    ///
    /// Zero keeps nothing. The window counts from the *start* of the execution. If a function takes
    /// longer than the window, its result reaches the calls that waited for it and is not kept.
    /// `Duration::MAX` keeps results until they are forgotten.
    ///
    /// The clock is monotonic, and on most systems it stands still while the machine is suspended, or
    /// a virtual machine is paused. The window does not count that time. If it matters, call
    /// [`forget_all`](crate::Coalescer::forget_all) after a resume.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock, Settings};
    ///
    /// let clock = ManualClock::new();
    /// let settings = Settings::new().window(Duration::from_millis(20)).clock(clock.clone());
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// group.execute(&1, || Ok(10)).unwrap();
    /// assert_eq!(*group.execute(&1, || Ok(11)).unwrap(), 10); // within the window
    /// clock.advance(Duration::from_millis(20));
    /// assert_eq!(*group.execute(&1, || Ok(12)).unwrap(), 12); // after it
    /// ```
    #[doc(alias = "ttl")]
    #[doc(alias = "time_to_live")]
    #[doc(alias = "expire_after")]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets how long after its start an error is served to calls that did not wait for it.
    ///
    /// Default: zero. An error then reaches the calls that waited for it, and the next call tries
    /// again.
    ///
    /// It keeps every error alike, also one that would be over soon, such as a pool without a free
    /// connection. [`share_error_with`](crate::Builder::share_error_with) tells such errors apart.
    ///
    /// # Examples
    ///
    /// The program asks a server that is down once a second, not once a call:
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Settings};
    ///
    /// let settings = Settings::new().error_window(Duration::from_secs(1));
    /// let group: Group<u32, u32, &str> = Group::builder().settings(settings).build();
    /// assert!(group.execute(&1, || Err("down")).is_err());
    /// assert!(group.execute(&1, || Ok(1)).is_err()); // the error is kept
    /// ```
    #[doc(alias = "negative_ttl")]
    pub fn error_window(mut self, window: Duration) -> Self {
        self.error_window = window;
        self
    }

    /// Sets how many calls one flight serves at most: leader, followers and late calls together.
    ///
    /// Default: any number. The call after the last one starts a new flight, even while the old
    /// one runs. So `n` calls cost at least `n / max` executions. With 1, calls share nothing and never
    /// wait. A number of 2^32 - 1 or more is no limit.
    ///
    /// # Panics
    ///
    /// If `max` is zero: a flight always serves its leader.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Settings};
    ///
    /// let settings = Settings::new().window(Duration::MAX).max_requests(3);
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
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
        self.max_requests = u32::try_from(max).ok().filter(|max| *max < u32::MAX);
        self
    }

    /// Sets the age from which a running flight can no longer be joined.
    ///
    /// Default: none; calls join a running flight of any age. With this setting, a call that finds an
    /// older flight starts a new one, and the old one serves the calls that have joined it.
    ///
    /// # Examples
    ///
    /// No call waits for an execution that began two seconds ago or earlier:
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock, Settings};
    ///
    /// let clock = ManualClock::new();
    /// let settings = Settings::new().max_join_age(Duration::from_secs(2)).clock(clock.clone());
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// group.execute(&1, || {
    ///     clock.advance(Duration::from_secs(2));
    ///     // A call of another thread runs its own function now; it does not wait for this one.
    ///     std::thread::scope(|s| { s.spawn(|| group.execute(&1, || Ok(2)).unwrap()); });
    ///     Ok(1)
    /// }).unwrap();
    /// assert_eq!(group.stats().executed_requests, 2);
    /// ```
    pub fn max_join_age(mut self, age: Duration) -> Self {
        self.max_join_age = bound(age);
        self
    }

    /// Sets how long a follower waits at most, even if its call allows more. The follower then gets
    /// [`TimedOut`](crate::Error::TimedOut).
    ///
    /// Default: as long as the flight runs. This limit also ends deadlocks that the library cannot
    /// detect. It bounds each wait with a [`Ticket`](crate::Ticket), even one for the ticket's own job.
    /// It bounds neither a function that a call runs on its own thread nor a receiver made from a
    /// ticket.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Barrier;
    /// use std::time::Duration;
    /// use coalescer::{Group, Settings};
    ///
    /// let settings = Settings::new().max_wait(Duration::from_millis(1));
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// let (started, finish) = (Barrier::new(2), Barrier::new(2));
    /// std::thread::scope(|s| {
    ///     s.spawn(|| group.execute(&1, || { started.wait(); finish.wait(); Ok(1) }));
    ///     started.wait();
    ///     assert!(group.execute(&1, || Ok(2)).unwrap_err().is_timeout());
    ///     finish.wait();
    /// });
    /// ```
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = bound(wait);
        self
    }

    /// Sets the age of an execution at which one other call takes over.
    ///
    /// Default: no call takes over. With this setting, when the youngest execution of a flight reaches
    /// that age, exactly one waiting or new call runs its function in parallel. The first success goes
    /// to all calls. So does a failure, if all other executions have reached that age. The stuck
    /// execution is not interrupted; its leader gets its own result when it returns. See [`max_leaders`](Self::max_leaders), and [`Ticket`](crate::Ticket) for submitted calls.
    ///
    /// # Panics
    ///
    /// If `timeout` is zero: every call would take over from the one before.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock, Settings};
    ///
    /// let clock = ManualClock::new();
    /// let settings = Settings::new().leader_timeout(Duration::from_secs(2)).clock(clock.clone());
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// group.execute(&1, || {
    ///     clock.advance(Duration::from_secs(2)); // This execution is stuck ..
    ///     std::thread::scope(|s| { s.spawn(|| group.execute(&1, || Ok(2)).unwrap()); });
    ///     Ok(1) // .. and another call has run its function by now.
    /// }).unwrap();
    /// assert_eq!(group.stats().takeovers, 1);
    /// ```
    #[track_caller]
    pub fn leader_timeout(mut self, timeout: Duration) -> Self {
        assert!(
            !timeout.is_zero(),
            "leader_timeout(0): every call would take over from the one before; \
             use max_requests(1) to share nothing, or leave leader_timeout unset to never take over"
        );
        self.leader_timeout = bound(timeout);
        self
    }

    /// Sets how many results are kept at most, values and errors together.
    ///
    /// Default: no limit. When there is no room for a new result, an expired one is evicted, or else
    /// the oldest. Running flights are never evicted. Zero keeps nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Settings};
    ///
    /// let settings = Settings::new().window(Duration::MAX).max_retained(2);
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// for key in 1..=3 {
    ///     group.execute(&key, || Ok(key)).unwrap();
    /// }
    /// assert!(!group.forget(&1)); // made room for 3
    /// assert!(group.forget(&2) && group.forget(&3));
    /// ```
    #[doc(alias = "evict")]
    #[doc(alias = "capacity")]
    #[doc(alias = "max_capacity")]
    pub fn max_retained(mut self, max: usize) -> Self {
        self.max_retained = Some(max as u64);
        self
    }

    /// Sets the action of a call that would wait for its own thread.
    ///
    /// Default: [`OnDeadlock::Refuse`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, OnDeadlock, Settings};
    ///
    /// let settings = Settings::new().on_deadlock(OnDeadlock::Bypass);
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// let outer = group.execute(&1, || group.execute(&1, || Ok(20)).map(|n| *n + 1).map_err(drop));
    /// assert_eq!(*outer.unwrap(), 21);
    /// ```
    pub fn on_deadlock(mut self, on_deadlock: OnDeadlock) -> Self {
        self.on_deadlock = on_deadlock;
        self
    }

    /// Sets the number of parts of the table, each with its own lock. It is rounded up to a power of
    /// two.
    ///
    /// Default: 64. More parts help only if many cores start flights at once.
    ///
    /// # Panics
    ///
    /// If `shards` is zero, or more than 65 536.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Settings;
    ///
    /// assert_eq!(Settings::new().shards(3), Settings::new().shards(4));
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
        self.shards = shards.next_power_of_two();
        self
    }

    /// Makes every call read the system's precise clock.
    ///
    /// Default: off. On Linux with the default feature `coarse-clock`, a late call then compares its
    /// window with the kernel's coarse clock while at least four timer ticks (4 × 4 ms on most machines)
    /// of the window are left, and with the precise clock after that. This is exact unless a tick comes
    /// three ticks late. A virtual machine can cause that if it suspends the processor that keeps the
    /// time. A value may then be served after its window, by the additional delay of the tick. With this
    /// setting that cannot happen, and a late call takes about twice as long (20 ns more).
    ///
    /// In either case, starts of windows and ends of waits use the precise clock. The last one set of
    /// `precise_clock` and [`clock`](Self::clock) holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Settings};
    ///
    /// let prices = Coalescer::builder()
    ///     .settings(Settings::new().precise_clock())
    ///     .build(|id: &u32| Ok::<u32, ()>(id * 100));
    /// assert_eq!(*prices.execute(&7).unwrap(), 700);
    /// ```
    pub fn precise_clock(mut self) -> Self {
        self.clock = ClockChoice::PreciseSystem;
        self
    }

    /// Sets a clock that a test moves as the clock for all times.
    ///
    /// Default: the system's monotonic clock. Meant for tests; see [`ManualClock`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, ManualClock, Settings};
    ///
    /// let clock = ManualClock::new();
    /// let squares = Coalescer::builder()
    ///     .settings(Settings::new().clock(clock.clone()))
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&3).unwrap();
    /// clock.advance(Duration::from_millis(100)); // the window is over
    /// squares.execute(&3).unwrap();
    /// assert_eq!(squares.stats().executed_requests, 2);
    /// ```
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = ClockChoice::Manual(clock);
        self
    }

    /// Sets where the functions of `submit` run; see [`Executor`].
    ///
    /// Default: none; [`submit`](crate::Coalescer::submit) then panics. Every other call runs the
    /// function on its own thread, with or without an executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job, Settings};
    ///
    /// let settings = Settings::new().executor(|job: Job| { std::thread::spawn(|| job.run()); });
    /// let squares =
    ///     Coalescer::builder().settings(settings).build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let ticket = squares.submit(&3).unwrap();
    /// assert_eq!(*ticket.wait().unwrap(), 9);
    /// ```
    #[doc(alias = "pool")]
    #[doc(alias = "thread_pool")]
    pub fn executor(mut self, executor: impl Executor + Send + Sync + 'static) -> Self {
        self.executor = Some(Chosen::new(executor));
        self
    }
}

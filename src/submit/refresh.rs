//! Refreshes by the executor: those that fall due, and `refresh`.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use crate::build::{MakesCoalescer, sealed};
use crate::builder::Builder;
use crate::coalescer::Coalescer;
use crate::core::{AnyCore, Patience};
use crate::engine::call::{Call, Mode, NewKey};
use crate::engine::promise::Promise;
use crate::engine::queued::Queued;
use crate::engine::slot::Key;
use crate::error::Error;
use crate::execute::Caller;
use crate::key::ToKey;
use crate::observe::Origin;
use crate::refresh::{Background, Load, Plain, RefreshOne, Refreshed, Seeing};
use crate::shared::SharedBy;
use crate::submit::function::Function;
use crate::submit::job::{Duty, Task};
use crate::sync::Handle;
use crate::wait::clock::Nanos;
use crate::wait::contain::contain;
use crate::work::WithKey;

impl<T, K, V, S, R> Builder<T, K, V, S, R>
where
    T: sealed::Sealed,
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Makes the coalescer of `load`, whose refreshes run on the executor: no call waits for one while the
    /// window serves the old value.
    ///
    /// As `build`, but the call that finds a value due for
    /// [`refresh_after`](Self::refresh_after) passes a job to the [`executor`](Self::executor), and gets the
    /// old value at once. It blocks only as long as the executor's `spawn` does. A job that the executor does not
    /// take, and a panic of the executor, count as a failed refresh: the calls get the old value until its window
    /// ends. A thread that runs a job of this library itself runs the refresh instead of passing it on, unless
    /// the executor [never blocks](crate::NeverBlocks): it could wait for room in its own queue.
    ///
    /// # Panics
    ///
    /// If the builder has no executor, or no `refresh_after`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Job, ManualClock, Role};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let (queue, jobs) = channel();
    /// let squares = Coalescer::builder()
    ///     .window(60 * second)
    ///     .refresh_after(30 * second)
    ///     .clock(clock.clone())
    ///     .executor(move |job: Job| queue.send(job))
    ///     .build_refreshing(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// clock.advance(30 * second);
    /// assert_eq!(squares.call(&7).outcome().unwrap().role, Role::Late); // the old value
    /// jobs.recv().unwrap().run();
    /// assert!(squares.call(&7).outcome().unwrap().age.is_zero()); // the new one
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_refreshing<E, F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        T: MakesCoalescer<E>,
        E: Send + Sync + 'static,
        R: SharedBy<K, V, E, S>,
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    {
        self.build_in_background(Arc::new(Plain(load)))
    }

    /// Like [`build_refreshing`](Self::build_refreshing), with a function that sees the old value.
    ///
    /// The function gets the value that its run would replace, if there is one in its window: in a refresh, and in
    /// a run for [`execute_fresh`](Coalescer::execute_fresh) or [`refresh`](Coalescer::refresh). It
    /// can return [`Refreshed::Unchanged`]: the value is kept as if it were new, in the same `Arc`. That is what a
    /// conditional GET wants, or a query for the rows that have changed since.
    ///
    /// # Panics
    ///
    /// As `build_refreshing`. `Unchanged` without an old value counts as a panic of the function.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Job, ManualClock, Refreshed};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let pages = Coalescer::builder()
    ///     .window(60 * second)
    ///     .refresh_after(30 * second)
    ///     .clock(clock.clone())
    ///     .executor(|job: Job| job.run())
    ///     .build_refreshing_with(|path: &String, old: Option<&Arc<String>>| match old {
    ///         Some(_) => Ok::<_, ()>(Refreshed::Unchanged), // 304 Not Modified
    ///         None => Ok(Refreshed::New(format!("<h1>{path}</h1>"))),
    ///     });
    /// let first = pages.execute("/").unwrap();
    /// clock.advance(30 * second);
    /// pages.execute("/").unwrap(); // its refresh finds the page unchanged
    /// clock.advance(59 * second);
    /// assert!(Arc::ptr_eq(&first, &pages.execute("/").unwrap()));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_refreshing_with<E, F>(self, load: F) -> Coalescer<K, V, E, S>
    where
        T: MakesCoalescer<E>,
        E: Send + Sync + 'static,
        R: SharedBy<K, V, E, S>,
        F: Fn(&K, Option<&Handle<V>>) -> Result<Refreshed<V>, E> + Send + Sync + 'static,
    {
        self.build_in_background(Arc::new(Seeing(load)))
    }

    #[track_caller]
    fn build_in_background<E>(self, load: Arc<dyn Load<K, V, E>>) -> Coalescer<K, V, E, S>
    where
        T: MakesCoalescer<E>,
        E: Send + Sync + 'static,
        R: SharedBy<K, V, E, S>,
    {
        self.settings.assert_that_it_can_refresh();
        self.make_coalescer(load, |core, load| {
            let core = Weak::clone(core) as Weak<AnyCore<K, V, E>>;
            Some(Background::OneByOne(Box::new(InBackground { core, load })))
        })
    }
}

/// Gives the refreshes of one coalescer to its executor.
struct InBackground<K, V, E> {
    /// The core has this.
    core: Weak<AnyCore<K, V, E>>,
    load: Arc<dyn Load<K, V, E>>,
}

impl<K, V, E> RefreshOne<K, V, E> for InBackground<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn run(&self, queued: Queued<V, E>, key: Arc<K>) {
        let core = self.core.upgrade().expect("the call that refreshes holds it");
        in_background(core, key, queued, Function::Shared(Arc::clone(&self.load)));
    }
}

/// Passes the job of a refresh that has fallen due to the executor. If that does not take it, the refresh has
/// failed (S124).
pub(super) fn in_background<K, V, E>(
    core: Arc<AnyCore<K, V, E>>,
    key: Arc<K>,
    queued: Queued<V, E>,
    function: Function<K, V, E>,
) where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    let max_age = core.table.rules.refresh_after;
    let seats = task(core, key, queued, function, max_age).pass_on();
    contain(|| seats.begin());
}

fn task<K, V, E>(
    core: Arc<AnyCore<K, V, E>>,
    key: Arc<K>,
    queued: Queued<V, E>,
    function: Function<K, V, E>,
    max_age: Nanos,
) -> Task<K, V, E> {
    let (origin, promise) = (Origin::here(), Promise::of_job());
    let (function, duty) = (Some(function), Duty::Flight(queued));
    Task { core, key, function, duty, origin, promise, max_age }
}

impl<K, V, E, S> Coalescer<K, V, E, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs the function for this key now, and lets the window serve the old value meanwhile. Returns false if an
    /// execution of the key runs already: it does nothing then.
    ///
    /// Use it where the program learns that a value has changed, or to have a key ready before it is asked for. It
    /// waits for no other call. With an [`executor`](crate::Builder::executor) it passes a job on, and returns when
    /// the executor's `spawn` has. Without one, this thread runs the function, as
    /// [`execute_fresh`](Self::execute_fresh) does. In both cases calls get the old value until the new one is
    /// there, and calls of a key without a value join the execution. It needs no
    /// [`refresh_after`](crate::Builder::refresh_after). If that is set, a failure delays the next refresh that falls
    /// due, and no call of this method.
    ///
    /// [`forget`](Self::forget) makes the next call wait for a value that is newer; `refresh` lets no call wait.
    ///
    /// # Errors
    ///
    /// [`Rejected`](Error::Rejected) if the executor does not accept the job. Without an executor,
    /// [`Failed`](Error::Failed) with the function's error. The old value stays then.
    ///
    /// # Panics
    ///
    /// Panics of the key's `Hash`, `Eq` and [`ToKey`], and of the executor, pass through. Without an executor, so does
    /// a panic of the function.
    ///
    /// # Deadlocks
    ///
    /// As [`submit`](Self::submit). Without an executor, as [`execute`](Self::execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Job};
    ///
    /// let (queue, jobs) = std::sync::mpsc::channel();
    /// let squares = Coalescer::builder()
    ///     .window(Duration::MAX)
    ///     .executor(move |job: Job| queue.send(job))
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7)?;
    /// assert!(squares.refresh(&7)?);
    /// assert!(!squares.refresh(&7)?); // one is in the queue
    /// assert_eq!(*squares.execute(&7)?, 49); // it does not wait
    /// jobs.recv().unwrap().run();
    /// assert_eq!(squares.stats().refreshes, 1);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[doc(alias = "reload")]
    #[doc(alias = "warm")]
    #[track_caller]
    pub fn refresh<Q>(&self, key: &Q) -> Result<bool, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let core = &self.group.core;
        let (table, hash) = (&core.table, core.hash(key));
        let owned = Arc::new(key.to_key());
        let entry = table.clock.coarse_now();
        let mut new = NewKey::new(Key::Shared(Arc::clone(&owned)), Some(table.start_at(entry)));
        let mode = if core.executor.is_some() { Mode::Submit } else { Mode::Wait };
        // Other processes must make it anew, too.
        let call = Call { key, hash, entry, max_age: 0, mode };
        let Some(execution) = table.refresh(&call, &mut new) else { return Ok(false) };
        if core.executor.is_none() {
            let deadline = Patience::Endless.deadline(&table.clock, entry, table.rules.max_wait);
            let caller = Caller { table, sharing: &core.sharing, call, deadline };
            return caller.lead(execution, WithKey(&self.load), Some(owned), 0).map(|_| true);
        }
        let (core, function) = (Arc::clone(core) as Arc<AnyCore<K, V, E>>, Arc::clone(&self.load));
        let task = task(core, owned, execution.queue(), Function::Shared(function), call.max_age);
        task.submit().map(|()| true).map_err(|_| Error::Rejected)
    }
}

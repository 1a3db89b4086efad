//! Refreshes of a [`Batcher`] by the executor: a job asks for all keys that have fallen due.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Weak};

use crate::batcher::{Batcher, SharedLoad};
use crate::build::WithErrorRule;
use crate::build_batcher::of_pairs;
use crate::builder::Builder;
use crate::core::AnyCore;
use crate::engine::queued::Queued;
use crate::many::batch::Batch;
use crate::many::refreshes::Refreshes;
use crate::max_batch::ForBatcher;
use crate::refresh::{Background, RefreshTogether};
use crate::share::{ErrorSharing, ShareRule};
use crate::submit::hand_over::{InJob, Spawned, Work, spawn};
use crate::sync::this_thread;
use crate::wait::contain::{contain, drop_contained};
use crate::wait::seats::Seats;

impl<K, V, S> Builder<ForBatcher, K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Makes the batcher of `load`, whose refreshes run on the executor: no call waits for one while the window serves
    /// the old value.
    ///
    /// As [`build`](Self::build), but a call that finds keys due for [`refresh_after`](Self::refresh_after) gets their old
    /// values at once. A job of the [`executor`](Self::executor) asks for all keys that have fallen due before it begins,
    /// and then for those that have fallen due meanwhile, in runs of [`max_batch`](Self::max_batch) keys. So
    /// a thousand keys that fall due one by one are a few runs. One job does so at a time, unless `max_batch` keys are
    /// due, or a call waits for a key that is due when its window is over: then another job is passed on at once.
    ///
    /// The call blocks only as long as the executor's `spawn` does, after its own run. A job that the executor does not take,
    /// and a panic of the executor, count as failed refreshes of all its keys. A thread that runs a job of this library itself
    /// runs the refreshes instead of passing a job on, unless the executor [never blocks](crate::NeverBlocks). Runs of the
    /// executor hold up no call of [`gather_while_busy`](Self::gather_while_busy).
    ///
    /// # Panics
    ///
    /// If the builder has no executor, or no `refresh_after`; and as [`build`](Self::build).
    ///
    /// # Deadlocks
    ///
    /// A function that asks its own batcher for a key whose window is over, and whose refresh is due, needs another thread of an
    /// executor that never blocks. See [`max_wait`](Self::max_wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::{Batcher, Job, ManualClock};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let (queue, jobs) = channel();
    /// let squares = Batcher::builder()
    ///     .window(60 * second)
    ///     .refresh_after(30 * second)
    ///     .clock(clock.clone())
    ///     .executor(move |job: Job| queue.send(job))
    ///     .build_refreshing(|ns: &[u64]| {
    ///         Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>())
    ///     });
    /// squares.execute_many(&[3, 4]);
    /// clock.advance(30 * second);
    /// assert_eq!(*squares.execute(&3).unwrap(), 9); // the old value, and a job
    /// assert_eq!(*squares.execute(&4).unwrap(), 16); // its key joins that job
    /// jobs.recv().unwrap().run();
    /// assert_eq!((squares.stats().refreshes, squares.stats().batches), (2, 2));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_refreshing<E, F, I>(self, load: F) -> Batcher<K, V, E, S>
    where
        K: Clone + Hash + Eq,
        E: Send + Sync + 'static,
        F: Fn(&[K]) -> Result<I, E> + Send + Sync + 'static,
        I: IntoIterator<Item = (K, V)>,
    {
        self.refreshing_batcher(None, of_pairs(load))
    }

    /// Like [`build_refreshing`](Self::build_refreshing), with a function that answers each key by itself; see [`Batch`].
    ///
    /// # Panics
    ///
    /// As `build_refreshing`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Batch, Batcher, Job};
    ///
    /// let squares = Batcher::builder()
    ///     .window(Duration::from_secs(60))
    ///     .refresh_after(Duration::from_secs(30))
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build_refreshing_with(|batch: &mut Batch<'_, u64, u64, ()>| {
    ///         batch.answer_rest(|n| Ok(n * n));
    ///         Ok(())
    ///     });
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_refreshing_with<E, F>(self, load: F) -> Batcher<K, V, E, S>
    where
        E: Send + Sync + 'static,
        F: Fn(&mut Batch<'_, K, V, E>) -> Result<(), E> + Send + Sync + 'static,
    {
        self.refreshing_batcher(None, Arc::new(load))
    }
}

impl<K, V, E, S> Builder<WithErrorRule<ForBatcher, E>, K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Makes a batcher whose refreshes run on the executor, and whose errors have the type of the rule.
    ///
    /// As that of a builder without such a rule.
    ///
    /// # Panics
    ///
    /// If the builder has no executor, or no [`refresh_after`](Self::refresh_after).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Batcher, Job, ShareWith};
    ///
    /// let squares = Batcher::builder()
    ///     .window(Duration::from_secs(60))
    ///     .refresh_after(Duration::from_secs(30))
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .share_error_with(|_: &String| ShareWith::Followers)
    ///     .build_refreshing(|ns: &[u64]| Ok(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_refreshing<F, I>(self, load: F) -> Batcher<K, V, E, S>
    where
        K: Clone + Hash + Eq,
        F: Fn(&[K]) -> Result<I, E> + Send + Sync + 'static,
        I: IntoIterator<Item = (K, V)>,
    {
        let rule = self.error_sharing.as_ref().and_then(ErrorSharing::rule);
        self.refreshing_batcher(rule, of_pairs(load))
    }

    /// Like [`build_refreshing`](Self::build_refreshing), with a function that answers each key by itself; see [`Batch`].
    ///
    /// # Panics
    ///
    /// As `build_refreshing`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Batch, Batcher, Job, ShareWith};
    ///
    /// let squares = Batcher::builder()
    ///     .window(Duration::from_secs(60))
    ///     .refresh_after(Duration::from_secs(30))
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .share_error_with(|_: &String| ShareWith::Followers)
    ///     .build_refreshing_with(|batch: &mut Batch<'_, u64, u64, String>| {
    ///         batch.answer_rest(|n| n.checked_mul(*n).ok_or(format!("{n} is too large")));
    ///         Ok(())
    ///     });
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_refreshing_with<F>(self, load: F) -> Batcher<K, V, E, S>
    where
        F: Fn(&mut Batch<'_, K, V, E>) -> Result<(), E> + Send + Sync + 'static,
    {
        let rule = self.error_sharing.as_ref().and_then(ErrorSharing::rule);
        self.refreshing_batcher(rule, Arc::new(load))
    }
}

impl<T, K, V, S> Builder<T, K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[track_caller]
    fn refreshing_batcher<E>(
        self,
        error_rule: Option<Arc<ShareRule<E>>>,
        load: Arc<SharedLoad<K, V, E>>,
    ) -> Batcher<K, V, E, S>
    where
        E: Send + Sync + 'static,
    {
        self.settings.assert_that_it_can_refresh();
        let refreshes = Refreshes::new(self.batching.max_batch);
        let shared = Arc::clone(&load);
        self.batcher(error_rule, load, |core| {
            let core = Weak::clone(core) as Weak<AnyCore<K, V, E>>;
            let list = Arc::new(List { core, load: shared, refreshes });
            Some(Background::Together(Box::new(InBatches(list))))
        })
    }
}

/// The refreshes of one batcher, and the means to run them.
struct List<K, V, E> {
    /// The core has this.
    core: Weak<AnyCore<K, V, E>>,
    load: Arc<SharedLoad<K, V, E>>,
    refreshes: Refreshes<K, V, E>,
}

struct InBatches<K, V, E>(Arc<List<K, V, E>>);

impl<K, V, E> InBatches<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Passes a job to the executor. A thread that runs one itself runs this one too, if the executor could wait for it.
    fn pass_on(&self) {
        let core = self.0.core.upgrade().expect("the call that refreshes holds it");
        let job = ListJob { core: Arc::clone(&core), list: Arc::clone(&self.0) };
        let executor = core.expect_executor();
        if this_thread(|me| me.jobs()) > 0 && !executor.never_blocks() {
            return job.refresh();
        }
        let Spawned { result, lost, seats } = spawn(executor, job);
        // A failure is counted, and reaches no call (S124).
        drop_contained(result);
        if let Some(job) = lost {
            job.lose();
        }
        contain(|| seats.begin());
    }
}

impl<K, V, E> RefreshTogether<K, V, E> for InBatches<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn run(&self, due: Vec<(K, Queued<V, E>)>, hurries: u64) {
        if self.0.refreshes.add(due, hurries) {
            self.pass_on();
        }
    }

    fn hurry(&self) {
        if self.0.refreshes.hurry() {
            self.pass_on();
        }
    }

    fn hurries(&self) -> u64 {
        self.0.refreshes.hurries()
    }
}

/// The inside of a job that refreshes what is due.
struct ListJob<K, V, E> {
    core: Arc<AnyCore<K, V, E>>,
    list: Arc<List<K, V, E>>,
}

impl<K, V, E> ListJob<K, V, E> {
    fn refresh(self) {
        let Self { core, list } = self;
        let mut load = |batch: &mut Batch<'_, K, V, E>| (list.load)(batch);
        list.refreshes.run(&core.table, &core.sharing.rules, &mut load);
    }

    fn lose(self) {
        self.list.refreshes.lose(&self.core.table);
    }
}

impl<K, V, E> Work for ListJob<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn run(self) -> Seats {
        self.refresh();
        Seats::none()
    }

    fn end_dropped(self) {
        let _in_drop = InJob::begin();
        self.lose();
    }

    /// A refresh is for the calls that come.
    fn is_wanted(&self) -> bool {
        true
    }
}

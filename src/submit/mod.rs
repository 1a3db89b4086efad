//! `submit`: a call whose function runs on an executor, and which waits with a ticket.
//!
//! The engine admits it like any other call. A leader submits a job, a follower takes a seat, and a
//! hit has its answer at once. None of them waits.

pub(crate) mod function;
#[cfg(feature = "future")]
pub(crate) mod future;
mod hand_over;
#[cfg(feature = "channel")]
mod held;
mod inspect;
pub(crate) mod job;
mod own_job;
#[cfg(feature = "channel")]
pub(crate) mod receiver;
mod refresh;
mod refresh_batches;
mod relay;
mod request;
pub(crate) mod seat;
mod state;
pub(crate) mod ticket;
mod waiting;

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::coalescer::Coalescer;
use crate::core::{AnyCore, Core};
use crate::engine::call::{Admission, Call, Hit, Mode, NewKey};
use crate::engine::execution::Execution;
use crate::engine::promise::Promise;
use crate::engine::slot::Key;
use crate::error::Error;
use crate::execute::answer_of;
use crate::group::Group;
use crate::key::ToKey;
use crate::observe::Origin;
use crate::submit::function::Function;
use crate::submit::job::{Duty, Task};
use crate::submit::seat::Seat;
use crate::submit::state::State;
use crate::submit::ticket::{Source, Ticket};
use crate::wait::clock::{FOREVER, Nanos};

impl<K, V, E, S> Group<K, V, E, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs `f` on the executor if this call leads, and returns a [`Ticket`] to wait with.
    ///
    /// [`Coalescer::submit`](crate::Coalescer::submit) has the rules, errors, panics and deadlocks.
    /// The difference: each call brings its own function, which must be `'static`. The function of
    /// a follower or of a late call is dropped without running, unless the follower takes over or
    /// [`share_if`](crate::Builder::share_if) refuses the value.
    ///
    /// # Examples
    ///
    /// The second call of a key follows the first, and its function does not run:
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let (queue, jobs) = std::sync::mpsc::channel();
    /// let group: Group<String, usize, ()> =
    ///     Group::builder().executor(move |job: Job| queue.send(job)).build();
    /// let page = String::from("<html>");
    /// let first = group.submit("/", move || Ok(page.len()))?;
    /// let second = group.submit("/", || unreachable!("a follower"))?;
    /// jobs.recv().unwrap().run();
    /// assert_eq!((*first.wait()?, *second.wait()?), (6, 6));
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[track_caller]
    pub fn submit<Q, F>(&self, key: &Q, f: F) -> Result<Ticket<K, V, E>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E> + Send + 'static,
    {
        self.submit_within(key, FOREVER, f)
    }

    /// Submits a call that accepts no result whose computation began longer ago.
    #[track_caller]
    pub(crate) fn submit_within<Q, F>(
        &self,
        key: &Q,
        max_age: Nanos,
        f: F,
    ) -> Result<Ticket<K, V, E>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E> + Send + 'static,
    {
        self.assert_executor();
        submit(&self.core, (key, max_age), Function::Once(Box::new(f)))
    }

    #[track_caller]
    fn assert_executor(&self) {
        assert!(
            self.core.executor.is_some(),
            "submit: there is no executor to run the function; give the builder one, as in \
             `.executor(|job: Job| rayon::spawn(|| job.run()))`, or call execute"
        );
    }
}

impl<K, V, E, S> Coalescer<K, V, E, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs the function on the executor if this call leads, and returns a [`Ticket`] to wait with.
    ///
    /// A leader passes a job to the builder's [`executor`](crate::Builder::executor). A follower
    /// and a late call pass nothing. In each case this method returns without waiting for an
    /// execution, and the ticket waits later. It blocks only as long as the executor's `spawn`
    /// does; an executor that runs the job at once blocks for the whole function.
    /// [`execute`](Self::execute) and `submit` share flights.
    ///
    /// The flight starts when this method is called. Time in the executor's queue counts as time of
    /// the function, for the window and for [`leader_timeout`](crate::Builder::leader_timeout).
    ///
    /// # Errors
    ///
    /// [`Rejected`](Error::Rejected) if the executor does not accept the job. The ticket returns
    /// all other errors.
    ///
    /// # Panics
    ///
    /// If the builder was given no executor. Panics of the key's `Hash`, `Eq` and [`ToKey`], and of
    /// the executor, pass through.
    ///
    /// # Deadlocks
    ///
    /// `submit` never deadlocks by itself, because it waits for no flight. A wait can: if a
    /// function waits for a ticket whose job is in the queue, and every thread of the pool does so,
    /// all wait forever. See [`max_wait`](crate::Builder::max_wait).
    ///
    /// # Examples
    ///
    /// Several keys in parallel, each on a thread of its own:
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, std::convert::Infallible>(n * n));
    /// let tickets: Vec<_> = (1..4).map(|n| squares.submit(&n)).collect::<Result<_, _>>()?;
    /// let mut sum = 0;
    /// for ticket in tickets {
    ///     sum += *ticket.wait()?;
    /// }
    /// assert_eq!(sum, 14);
    /// # Ok::<(), coalescer::Error<std::convert::Infallible>>(())
    /// ```
    #[doc(alias = "DoChan")]
    #[doc(alias = "spawn")]
    #[track_caller]
    pub fn submit<Q>(&self, key: &Q) -> Result<Ticket<K, V, E>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.submit_within(key, FOREVER)
    }

    /// Submits a call that accepts no result whose computation began longer ago.
    #[track_caller]
    pub(crate) fn submit_within<Q>(
        &self,
        key: &Q,
        max_age: Nanos,
    ) -> Result<Ticket<K, V, E>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.assert_executor();
        submit(&self.group.core, (key, max_age), Function::Shared(Arc::clone(&self.load)))
    }
}

fn submit<K, V, E, S, Q>(
    core: &Arc<Core<K, V, E, S>>,
    (key, max_age): (&Q, Nanos),
    function: Function<K, V, E>,
) -> Result<Ticket<K, V, E>, Error<E>>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
    Q: ?Sized + ToKey<K>,
{
    let (table, hash) = (&core.table, core.hash(key));
    let entry = table.clock.coarse_now();
    let call = Call { key, hash, entry, max_age, mode: Mode::Submit };
    // The ticket shows the key, and a job runs with it. So an owned key is always needed.
    let owned = Arc::new(key.to_key());
    let start = table.start_at(table.clock.coarse_now());
    let mut new = NewKey::new(Key::Shared(Arc::clone(&owned)), Some(start));
    let any = || Arc::clone(core) as Arc<AnyCore<K, V, E>>;
    let entry = match table.look_up(&call) {
        Ok(hit) => return Ok(served(any(), owned, hit)),
        Err(entry) => entry,
    };
    match table.admit(entry, &call, &mut new) {
        Admission::Lead(execution) => {
            if max_age != FOREVER {
                execution.accept_not_before(call.not_before(table.clock.now()));
            }
            lead(any(), owned, execution, function)
        }
        Admission::Follow(waiter) => {
            // It does not wait now, and perhaps no thread ever waits with its ticket.
            table.report_slow_on_arrival(&call);
            let follower = waiter.into_seat();
            let (start, source) = (follower.start, Source::Flight(Arc::clone(&follower.flight)));
            let seated = Seat::take(any(), Arc::clone(&owned), follower, function);
            let seated = seated.map_err(|_| Error::Rejected)?;
            Ok(Ticket::new(any(), owned, start, source, State::Seated(seated)))
        }
        Admission::Hit(hit) => Ok(served(any(), owned, hit)),
        Admission::Refresh(execution, old) => {
            refresh::in_background(any(), Arc::clone(&owned), execution.queue(), function);
            Ok(served(any(), owned, old))
        }
        Admission::Refused(_) => Err(Error::Overloaded),
        Admission::Claim(_) | Admission::Bypass(_) | Admission::Vacant => {
            unreachable!("a call with a key of its own that waits for nothing follows or leads")
        }
    }
}

/// The ticket of a call that a kept result serves.
fn served<K, V, E>(core: Arc<AnyCore<K, V, E>>, key: Arc<K>, hit: Hit<V, E>) -> Ticket<K, V, E> {
    let (start, source) = (hit.start, Source::Window { callers: hit.callers as usize });
    Ticket::new(core, key, start, source, State::Done(answer_of(hit)))
}

/// Submits the job of a call that leads. Its ticket waits for that job.
fn lead<K, V, E>(
    core: Arc<AnyCore<K, V, E>>,
    key: Arc<K>,
    execution: Execution<'_, K, V, E>,
    function: Function<K, V, E>,
) -> Result<Ticket<K, V, E>, Error<E>>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    let start = execution.start;
    let queued = execution.queue();
    let (promise, source) = (Promise::of_job(), Source::Flight(Arc::clone(&queued.flight)));
    let task = Task {
        core: Arc::clone(&core),
        key: Arc::clone(&key),
        function: Some(function),
        duty: Duty::Flight(queued),
        origin: Origin::here(),
        promise: Arc::clone(&promise),
        max_age: FOREVER,
    };
    task.submit().map_err(|_| Error::Rejected)?;
    Ok(Ticket::new(core, key, start, source, State::Job(promise)))
}

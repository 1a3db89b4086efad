//! `submit`: a call that hands its function to an executor, and waits by a ticket.
//!
//! The table admits it as it admits every other call. A call that leads submits a job; one that follows
//! takes a seat; a hit has its answer at once. None of them waits.

pub(crate) mod job;
#[cfg(feature = "channel")]
mod receiver;
pub(crate) mod seat;
pub(crate) mod ticket;
mod waiting;

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::coalescer::Coalescer;
use crate::core::{AnyCore, Core};
use crate::engine::call::{Admission, Call, Mode, NewKey};
use crate::engine::promise::Promise;
use crate::engine::publish::Execution;
use crate::engine::slot::Key;
use crate::error::Error;
use crate::execute::answer_of;
use crate::group::Group;
use crate::key::ToKey;
use crate::submit::job::{Duty, Function, Task};
use crate::submit::seat::Seat;
use crate::submit::ticket::{Source, Ticket};
use crate::submit::waiting::State;
use crate::wait::clock::FOREVER;
use crate::wait::deadlock;

impl<K, V, E, S> Group<K, V, E, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// As [`Coalescer::submit`], with a function of this call.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::submit`].
    ///
    /// # Panics
    ///
    /// As [`Coalescer::submit`].
    ///
    /// # Deadlocks
    ///
    /// As [`Coalescer::submit`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<String, usize, ()> = Group::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build();
    /// let page = String::from("<html>");
    /// let ticket = group.submit("/", move || Ok(page.len()))?;
    /// assert_eq!(*ticket.wait()?, 6);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[track_caller]
    pub fn submit<Q, F>(&self, key: &Q, f: F) -> Result<Ticket<K, V, E>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E> + Send + 'static,
    {
        self.assert_executor();
        submit(&self.core, key, Function::Once(Box::new(f)))
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
    /// Has the function run by the executor if this call leads, and gives a [`Ticket`] to wait with.
    ///
    /// As [`execute`](Self::execute), but the leader's function runs where the builder's
    /// [`executor`](crate::Builder::executor) runs it, and nothing waits here: a follower's ticket waits,
    /// when and where you like. Calls of both kinds share flights. This returns as soon as the
    /// executor has the job, which may take as long as the job where the executor runs it at once.
    ///
    /// The flight starts now. Time in the executor's queue counts as the function's own, for the
    /// window and for [`leader_timeout`](crate::Builder::leader_timeout).
    ///
    /// # Errors
    ///
    /// [`Rejected`](Error::Rejected) if the executor does not take the job. Whatever else there is
    /// to tell, the ticket tells.
    ///
    /// # Panics
    ///
    /// If the builder was given no executor. Panics of the key's `Hash`, `Eq` and [`ToKey`], and of
    /// the executor, go on through this call.
    ///
    /// # Deadlocks
    ///
    /// A function that waits for the ticket of a job, while every thread of the pool does, waits
    /// for ever: see [`max_wait`](crate::Builder::max_wait).
    ///
    /// # Examples
    ///
    /// Several keys at once, each on a thread of its own:
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
        self.group.assert_executor();
        submit(&self.group.core, key, Function::Shared(Arc::clone(&self.load)))
    }
}

fn submit<K, V, E, S, Q>(
    core: &Arc<Core<K, V, E, S>>,
    key: &Q,
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
    let call = Call { key, hash, entry, max_age: FOREVER, mode: Mode::Submit };
    // The ticket shows the key and the job may run with it, so it is created in any case.
    let owned = Arc::new(key.to_key());
    let start = table.start_at(table.clock.coarse_now());
    let mut new = NewKey::new(Key::Shared(Arc::clone(&owned)), Some(start));
    let any = || Arc::clone(core) as Arc<AnyCore<K, V, E>>;
    let entry = match table.look_up(&call) {
        Ok(hit) => {
            let (start, source) = (hit.start, Source::Window { callers: hit.callers as usize });
            return Ok(Ticket::new(any(), owned, start, source, State::Done(answer_of(hit))));
        }
        Err(entry) => entry,
    };
    match table.admit(entry, &call, &mut new) {
        Admission::Lead(execution) => lead(any(), owned, execution, function),
        Admission::Claim(execution) => {
            // To its own hook, this thread leads the flight already (S41).
            let leading = deadlock::lead();
            table.report_slow_on_arrival(&call);
            drop(leading);
            lead(any(), owned, execution, function)
        }
        Admission::Follow(follower) => {
            // It does not wait now, and its ticket may never.
            table.report_slow_on_arrival(&call);
            let (start, source) = (follower.start, Source::Flight(Arc::clone(&follower.flight)));
            let seated = Seat::take(any(), Arc::clone(&owned), follower, function);
            Ok(Ticket::new(any(), owned, start, source, State::Seated(seated)))
        }
        Admission::Bypass | Admission::Refused(_) | Admission::Vacant => {
            unreachable!("a call with a key of its own that waits for nothing is not refused")
        }
    }
}

/// Submits the job of a call that leads. The ticket waits for that job.
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
        promise: Arc::clone(&promise),
    };
    task.submit().map_err(|_| Error::Rejected)?;
    Ok(Ticket::new(core, key, start, source, State::Job(promise)))
}

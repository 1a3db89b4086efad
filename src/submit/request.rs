//! `submit` of a [`Request`]: a ticket that accepts only some results.

use std::hash::BuildHasher;

use crate::coalescer::Coalescer;
use crate::error::Error;
use crate::group::Group;
use crate::key::ToKey;
use crate::request::Request;
use crate::submit::ticket::Ticket;

impl<Q, K, V, E, S> Request<'_, Q, Coalescer<K, V, E, S>>
where
    Q: ?Sized + ToKey<K>,
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Submits the call, as [`Coalescer::submit`] does, with this request's choice of results.
    ///
    /// A limit of the request's wait is for `run` and `outcome` alone. Blocks, fails and panics as
    /// [`Coalescer::submit`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| job.run())
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7)?;
    /// let ticket = squares.call(&7).fresh().submit()?; // not the value that was kept
    /// assert_eq!(*ticket.wait()?, 49);
    /// assert_eq!(squares.stats().executed_requests, 2);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[track_caller]
    pub fn submit(self) -> Result<Ticket<K, V, E>, Error<E>> {
        self.target.submit_within(self.key, self.want.max_age)
    }
}

impl<Q, K, V, E, S> Request<'_, Q, Group<K, V, E, S>>
where
    Q: ?Sized + ToKey<K>,
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Submits the call, as [`Group::submit`] does, with this request's choice of results.
    ///
    /// A limit of the request's wait is for `run` and `outcome` alone. Blocks, fails and panics as
    /// [`Group::submit`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<u64, u64, ()> = Group::builder().executor(|job: Job| job.run()).build();
    /// let within = group.call(&7).max_age(Duration::from_secs(1));
    /// assert_eq!(*within.submit(|| Ok(49))?.wait()?, 49);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[track_caller]
    pub fn submit<F>(self, f: F) -> Result<Ticket<K, V, E>, Error<E>>
    where
        F: FnOnce() -> Result<V, E> + Send + 'static,
    {
        self.target.submit_within(self.key, self.want.max_age, f)
    }
}

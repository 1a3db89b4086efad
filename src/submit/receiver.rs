//! [`Receiver`]: a ticket as a channel, for crossbeam-channel's `select!`.

use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crossbeam_channel::bounded;

use crate::error::Error;
use crate::submit::held::{GiveUp, Held};
use crate::submit::ticket::Ticket;
use crate::sync::Handle;

/// A ticket as a channel, which receives the outcome of the call as its only message.
///
/// [`Ticket::into_receiver`] makes one. It derefs to crossbeam-channel's
/// [`Receiver`](crossbeam_channel::Receiver), so it has all methods of that, and `select!` and
/// [`Select`](crossbeam_channel::Select) take it. A clone waits for the same message, which one of them
/// receives.
///
/// # Dropping a receiver
///
/// When the last clone is dropped, the call is given up as if its [`Ticket`] were dropped: a follower
/// leaves its flight at once, and its function is dropped on this thread, however long the flight goes on.
/// A leader's job runs on. No other call is affected. It blocks for no longer than a few steps of another
/// thread, and for the destructors of what the function has captured.
///
/// A clone of the channel inside, `(*receiver).clone()`, does not count as a clone: it is disconnected
/// when the last receiver is dropped before the outcome is there.
///
/// Requires the feature `channel`, which is on by default.
///
/// # Examples
///
/// A call that nobody waits for any more leaves its flight:
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Group, Job};
/// use crossbeam_channel::{after, select};
///
/// let (queue, _jobs) = std::sync::mpsc::channel();
/// let group: Group<u32, u32, ()> =
///     Group::builder().executor(move |job: Job| queue.send(job)).build();
/// let leader = group.submit(&3, || Ok(9)).unwrap();
/// let receiver = group.submit(&3, || Ok(9)).unwrap().into_receiver();
/// assert_eq!(leader.callers(), 2);
/// select! {
///     recv(receiver) -> _ => unreachable!("no job has run"),
///     recv(after(Duration::from_millis(1))) -> _ => drop(receiver),
/// }
/// assert_eq!(leader.callers(), 1);
/// ```
#[must_use = "dropping the receiver gives the call up"]
pub struct Receiver<V, E> {
    channel: crossbeam_channel::Receiver<Result<Handle<V>, Error<E>>>,
    /// `None` if no message ever comes.
    hold: Option<Arc<Hold>>,
}

/// The hold of all clones on their ticket. Its drop gives the ticket up.
struct Hold(Arc<dyn GiveUp>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl<V, E> Receiver<V, E> {
    /// Returns a receiver that never receives a message, and is never disconnected: for `select!` in a
    /// loop, in place of one that has received its message. It never blocks by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job, Receiver};
    /// use crossbeam_channel::{TryRecvError, select};
    ///
    /// let group: Group<u32, u32, ()> = Group::builder().executor(|job: Job| job.run()).build();
    /// let mut receiver = group.submit(&3, || Ok(9)).unwrap().into_receiver();
    /// select! {
    ///     recv(receiver) -> square => {
    ///         assert_eq!(*square.unwrap().unwrap(), 9);
    ///         receiver = Receiver::never();
    ///     }
    /// }
    /// assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Empty);
    /// ```
    pub fn never() -> Self {
        Self { channel: crossbeam_channel::never(), hold: None }
    }
}

impl<V, E> Deref for Receiver<V, E> {
    type Target = crossbeam_channel::Receiver<Result<Handle<V>, Error<E>>>;

    fn deref(&self) -> &Self::Target {
        &self.channel
    }
}

impl<V, E> Clone for Receiver<V, E> {
    fn clone(&self) -> Self {
        Self { channel: self.channel.clone(), hold: self.hold.clone() }
    }
}

// The ticket that it holds is in one of its states whenever a thread looks at it (S23).
impl<V, E> UnwindSafe for Receiver<V, E> {}
impl<V, E> RefUnwindSafe for Receiver<V, E> {}

impl<V, E> fmt::Debug for Receiver<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("is_ready", &!self.channel.is_empty())
            .finish_non_exhaustive()
    }
}

impl<K, V, E> Ticket<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Turns the ticket into a channel that receives the outcome as its only message, to wait for
    /// with crossbeam-channel's `select!`.
    ///
    /// The thread that ends the flight or the ticket's own job sends the message, or, if many tickets
    /// wait, a job of the [executor](crate::Executor). Nothing polls. Dropping the
    /// receiver gives the call up, and affects no other call. If
    /// [`share_if`](crate::Builder::share_if) refuses the value, the ticket's own job runs, and its
    /// outcome is sent. This method blocks for a few steps only.
    ///
    /// The library does not see a thread that waits for the receiver:
    ///
    /// - [`max_wait`](crate::Builder::max_wait) does not bound the wait; use `after` or `default` in `select!`;
    /// - the wait does not take over from a stuck execution;
    /// - deadlock detection does not cover it.
    ///
    /// After the message has been received, the channel is disconnected, and `select!` in a loop
    /// finds it ready each time. Replace it by [`Receiver::never`].
    ///
    /// Requires the feature `channel`, which is on by default.
    ///
    /// # Examples
    ///
    /// The first of two keys to be there:
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Job};
    /// use crossbeam_channel::{after, select};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let (two, three) = (squares.submit(&2)?.into_receiver(), squares.submit(&3)?.into_receiver());
    /// select! {
    ///     recv(two) -> square => assert_eq!(*square.unwrap()?, 4),
    ///     recv(three) -> square => assert_eq!(*square.unwrap()?, 9),
    ///     recv(after(Duration::from_secs(5))) -> _ => panic!("neither is there"),
    /// }
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn into_receiver(self) -> Receiver<V, E> {
        let (outcome, channel) = bounded(1);
        let held = Held::hold(self, outcome);
        Receiver { channel, hold: Some(Arc::new(Hold(held))) }
    }
}

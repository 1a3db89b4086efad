//! `into_receiver`: a ticket as a channel, for crossbeam-channel's `select!`.

use crossbeam_channel::{Receiver, bounded};

use crate::error::Error;
use crate::submit::ticket::Ticket;
use crate::sync::Handle;

impl<K, V, E> Ticket<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Turns the ticket into a channel that receives the outcome as its only message, to wait for
    /// with crossbeam-channel's `select!`.
    ///
    /// The thread that ends the flight, or the ticket's own job, sends the message. No other thread
    /// is involved, and nothing polls. Dropping the receiver affects no other call. If
    /// [`share_if`](crate::Builder::share_if) refuses the value, the ticket's own job runs, and its
    /// outcome is sent. The call is counted when its flight ends, as a follower, even if nobody
    /// receives.
    ///
    /// The library does not see a thread that waits for the receiver:
    ///
    /// - [`max_wait`](crate::Builder::max_wait) does not bound the wait; use `after` or `default` in `select!`;
    /// - the wait does not take over from a stuck execution;
    /// - deadlock detection does not cover it.
    ///
    /// After the message has been received, the channel is disconnected, and `select!` in a loop
    /// finds it ready each time. Replace it by `crossbeam_channel::never()`.
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
    #[must_use = "dropping the receiver discards the outcome"]
    pub fn into_receiver(self) -> Receiver<Result<Handle<V>, Error<E>>> {
        let (sender, receiver) = bounded(1);
        // The channel has room for the message. A failure to send means that the receiver is gone.
        self.when_done(move |outcome| drop(sender.try_send(outcome)));
        receiver
    }
}

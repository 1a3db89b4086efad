//! A ticket as a channel, for crossbeam-channel's `select!`.

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
    /// The outcome as the one message of a channel of crossbeam-channel, to be waited for among
    /// others with `select!`.
    ///
    /// It is sent as soon as it is there, by the thread that ends the flight or the ticket's own job;
    /// there is no thread between and nothing is polled. A receiver that is dropped harms nobody.
    ///
    /// Whoever waits with a receiver is not seen to wait. So it has no deadline but an `after` or a
    /// `default` of the `select!`, [`max_wait`](crate::Builder::max_wait) does not bound it, it does
    /// not take over from a stuck execution, and a deadlock over it is not found. If the flight's
    /// value is not for it ([`share_if`](crate::Builder::share_if)), its own job is run, and that
    /// one's outcome is sent. The call is counted when its flight ends, as a follower, even if
    /// nobody receives.
    ///
    /// When the message has been received the channel is disconnected, and to a `select!` in a loop
    /// it is ready each time: put `crossbeam_channel::never()` in its place.
    ///
    /// Needs the feature `channel`, a default one.
    ///
    /// # Examples
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
    #[must_use = "the receiver is all that is left of the ticket"]
    pub fn into_receiver(self) -> Receiver<Result<Handle<V>, Error<E>>> {
        let (sender, receiver) = bounded(1);
        // There is room for the one message, and a receiver that has gone does not want it.
        self.when_done(move |outcome| drop(sender.try_send(outcome)));
        receiver
    }
}

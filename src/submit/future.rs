//! [`TicketFuture`]: a ticket that async code awaits.
//!
//! ```text
//!  poll ── the outcome is there ────────────────────────────────▶ Ready
//!    │ no
//!    ├── its bell stands at the gate ── the waker is another ───▶ replaced
//!    └── it does not ── a bell is left at the gate of the ticket, with the waker
//!
//!  the gate closes ── rings the bell: the waker is woken, once ─▶ poll
//! ```
//!
//! The future owns its ticket, so its drop gives the seat up at once, and the bell with it. A ticket waits at
//! one gate after the other: at its flight's, and then perhaps at its own job's. So a bell that has rung is
//! left at the next gate.
//!
//! The lock of a bell is a leaf. No code of the waker runs under it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::error::Error;
use crate::submit::ticket::Ticket;
use crate::sync::{Handle, Mutex};
use crate::wait::callbacks::Callback;
use crate::wait::contain::drop_contained;

/// A ticket that is awaited: the future of `ticket.await`.
///
/// Its output is the outcome of the call, as [`Ticket::wait`] returns it. Async callers share flights with
/// blocking callers: the function runs once, as a [`Job`](crate::Job) on the executor, or on the thread of a
/// blocking call. A future that waits holds no thread. It needs no runtime of its own, and works with each.
///
/// The thread that ends the flight or the ticket's own job wakes the task, or, if many tickets wait, a job of
/// the [executor](crate::Executor#flights-with-many-tickets). Nothing polls: the waker is stored once, and
/// replaced only if the task polls with another one. After a future is ready, each further poll returns the
/// same outcome.
///
/// # Dropping a future
///
/// Dropping it gives the call up as dropping the [`Ticket`] does: a follower leaves its flight at once, and its
/// function is dropped on this thread. A leader's job runs on, unless the executor asks whether it [is
/// wanted](crate::Job::is_wanted). No other call is affected. So a `select!` or a time limit of the runtime
/// cancels the call.
///
/// # Deadlines, take-overs and deadlocks
///
/// The library has no timer, so the wait of a future has no deadline: [`max_wait`](crate::Builder::max_wait)
/// does not bound it. Use the time limit of the runtime. As with [`when_done`](Ticket::when_done) and
/// `into_receiver`, the wait does not take over from a stuck execution, though other calls do, and
/// deadlock detection does not cover it. If [`share_if`](crate::Builder::share_if) refuses the value, or the
/// leader is lost before it ran, the ticket's own job runs.
///
/// [`submit`](crate::Coalescer::submit) itself blocks as long as the executor's `spawn` does. Give it an executor
/// whose `spawn` returns at once.
///
/// Requires the feature `future`, which is off by default.
///
/// # Examples
///
/// ```
/// use std::future::{Future, IntoFuture};
/// use std::pin::pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, Wake, Waker};
/// use std::thread::{self, Thread};
/// use coalescer::{Coalescer, Job};
///
/// let squares = Coalescer::builder()
///     .executor(|job: Job| { thread::spawn(|| job.run()); })
///     .build(|n: &u64| Ok::<u64, ()>(n * n)); // blocks, in real life
///
/// let page = async {
///     let (three, four) = (squares.submit(&3)?, squares.submit(&4)?); // both run
///     Ok::<_, coalescer::Error<()>>(*three.await? + *four.await?)
/// };
///
/// /// The smallest runtime: it runs one future on this thread.
/// fn block_on<F: Future>(future: F) -> F::Output {
///     struct Unpark(Thread);
///     impl Wake for Unpark {
///         fn wake(self: Arc<Self>) {
///             self.0.unpark();
///         }
///     }
///     let waker = Waker::from(Arc::new(Unpark(thread::current())));
///     let mut future = pin!(future);
///     loop {
///         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
///             Poll::Ready(output) => return output,
///             Poll::Pending => thread::park(),
///         }
///     }
/// }
/// assert_eq!(block_on(page).unwrap(), 25);
/// ```
#[must_use = "a future does nothing unless it is awaited; dropping it gives the call up"]
pub struct TicketFuture<K, V, E> {
    ticket: Ticket<K, V, E>,
    bell: Arc<Bell>,
}

/// The waker of a future, where the thread that closes a gate finds it.
struct Bell(Mutex<Ring>);

enum Ring {
    /// It stands at a gate.
    Waits(Waker),
    /// It stands at no gate, or its future is gone.
    Rung,
}

impl Bell {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ring::Rung)))
    }

    /// Has this waker woken when the bell rings. Returns false if it has rung.
    fn waits_for(&self, waker: &Waker) -> bool {
        match &*self.0.lock() {
            Ring::Rung => return false,
            Ring::Waits(old) if old.will_wake(waker) => return true,
            Ring::Waits(_) => {}
        }
        let new = waker.clone();
        let mut ring = self.0.lock();
        let is_late = matches!(*ring, Ring::Rung);
        let unused = match is_late {
            true => Ring::Waits(new),
            false => mem::replace(&mut *ring, Ring::Waits(new)),
        };
        drop(ring);
        drop(unused);
        !is_late
    }

    /// Makes a bell that has rung ready for the next gate.
    fn set(&self, waker: Waker) {
        *self.0.lock() = Ring::Waits(waker);
    }

    fn ring(&self) {
        if let Ring::Waits(waker) = self.take() {
            waker.wake();
        }
    }

    fn take(&self) -> Ring {
        mem::replace(&mut *self.0.lock(), Ring::Rung)
    }
}

impl<K, V, E> TicketFuture<K, V, E> {
    /// Leaves the bell at the gate of the ticket. Returns false if the ticket has an answer now, or
    /// waits at another gate.
    fn leave_bell(&self, waker: &Waker) -> bool {
        self.bell.set(waker.clone());
        let (spot, bell) = (self.ticket.spot(), Arc::clone(&self.bell));
        let Some(late) = spot.call_back(Callback::function(move || bell.ring())) else {
            return true;
        };
        drop(late);
        drop(self.bell.take());
        false
    }
}

impl<K, V, E> Future for TicketFuture<K, V, E> {
    type Output = Result<Handle<V>, Error<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Some(answer) = this.ticket.settle() {
                return Poll::Ready(answer.map(|answered| answered.value));
            }
            // A bell that rings after the look above has not been heard: the ticket is asked again.
            if this.bell.waits_for(context.waker()) || this.leave_bell(context.waker()) {
                return Poll::Pending;
            }
        }
    }
}

/// The task may be freed before the flight ends, so the waker goes at once.
impl<K, V, E> Drop for TicketFuture<K, V, E> {
    fn drop(&mut self) {
        drop_contained(self.bell.take());
    }
}

/// `ticket.await`; [`TicketFuture`] has the rules.
///
/// Requires the feature `future`, which is off by default.
impl<K, V, E> IntoFuture for Ticket<K, V, E> {
    type Output = Result<Handle<V>, Error<E>>;
    type IntoFuture = TicketFuture<K, V, E>;

    fn into_future(self) -> TicketFuture<K, V, E> {
        TicketFuture { ticket: self, bell: Bell::new() }
    }
}

// As for `Ticket`.
impl<K, V, E> UnwindSafe for TicketFuture<K, V, E> {}
impl<K, V, E> RefUnwindSafe for TicketFuture<K, V, E> {}

impl<K, V, E> fmt::Debug for TicketFuture<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketFuture")
            .field("is_ready", &self.ticket.is_finished())
            .finish_non_exhaustive()
    }
}

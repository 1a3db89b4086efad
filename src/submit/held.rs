//! [`Held`]: a ticket that a receiver holds, and how its outcome comes to the channel.
//!
//! ```text
//!             its gate closes            the outcome is there, and is sent
//!    Waits ─────────────────────▶ Moves ───────────────────────────────────▶ Gone
//!     │ ▲                          │                                          ▲
//!     │ └── its own job runs now ──┘                                          │
//!     └───────────────────── the receiver is dropped ─────────────────────────┘
//! ```
//!
//! A callback at the gate and the receiver share the ticket. The callback moves it on, and the receiver's
//! drop takes it away, so that the seat, the function and the callback go at once, and not when the flight
//! ends: a stuck flight would keep those of each call that has long given up.
//!
//! The lock of the place comes before the gate's. No user code runs under it: the ticket is taken out
//! first.

use std::mem;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::error::Error;
use crate::submit::ticket::Ticket;
use crate::sync::{Handle, Mutex};
use crate::wait::callbacks::Callback;

pub(super) struct Held<K, V, E>(Mutex<Place<K, V, E>>);

enum Place<K, V, E> {
    /// A callback stands at the gate of the ticket, and goes with the ticket's seat.
    Waits(Call<K, V, E>),
    /// A thread looks for the ticket's outcome.
    Moves,
    /// The outcome was sent, or the receiver is gone.
    Gone,
}

/// A ticket, and the way of its outcome. The channel is disconnected when it goes.
struct Call<K, V, E> {
    ticket: Ticket<K, V, E>,
    outcome: Sender<Result<Handle<V>, Error<E>>>,
}

/// A held ticket of any key.
pub(super) trait GiveUp: Send + Sync {
    /// Drops the ticket, unless its outcome was sent.
    fn give_up(&self);
}

impl<K, V, E> Held<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Sends the outcome of the ticket when it is there, perhaps at once.
    pub(super) fn hold(
        ticket: Ticket<K, V, E>,
        outcome: Sender<Result<Handle<V>, Error<E>>>,
    ) -> Arc<Self> {
        let held = Arc::new(Self(Mutex::new(Place::Moves)));
        held.go_on(Call { ticket, outcome });
        held
    }

    fn go_on(self: &Arc<Self>, call: Call<K, V, E>) {
        let mut next = Some(call);
        while let Some(mut call) = next {
            if let Some(answer) = call.ticket.settle() {
                *self.0.lock() = Place::Gone;
                // The channel has room for it. A failure to send means that the receiver is gone.
                drop(call.outcome.try_send(answer.map(|answered| answered.value)));
                return;
            }
            next = self.wait(call);
        }
    }

    /// Leaves the call to the gate of its ticket. Returns it if the gate has closed before.
    fn wait(self: &Arc<Self>, call: Call<K, V, E>) -> Option<Call<K, V, E>> {
        let spot = call.ticket.spot();
        let held = Arc::clone(self);
        let callback = Callback::function(move || held.is_called());
        let mut place = self.0.lock();
        if matches!(*place, Place::Gone) {
            drop(place);
            // The receiver was dropped meanwhile.
            drop(call);
            return None;
        }
        if spot.call_back(callback).is_some() {
            return Some(call);
        }
        *place = Place::Waits(call);
        None
    }

    fn is_called(self: &Arc<Self>) {
        let mut place = self.0.lock();
        if matches!(*place, Place::Gone) {
            return;
        }
        let waits = mem::replace(&mut *place, Place::Moves);
        drop(place);
        if let Place::Waits(call) = waits {
            self.go_on(call);
        }
    }
}

impl<K, V, E> GiveUp for Held<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn give_up(&self) {
        let place = mem::replace(&mut *self.0.lock(), Place::Gone);
        // Its destructors are the user's, and run under no lock.
        drop(place);
    }
}

#[cfg(test)]
mod tests {
    use crate::executor::Job;
    use crate::group::Group;
    use crate::submit::ticket::Source;

    #[test]
    fn a_dropped_receiver_leaves_no_callback_at_the_gate() {
        let (queue, _jobs) = crossbeam_channel::unbounded();
        let group: Group<u8, u8, ()> =
            Group::builder().executor(move |job: Job| queue.send(job)).build();
        let leader = group.submit(&1, || Ok(1)).expect("the queue takes it");
        let Source::Flight(flight) = &leader.source else { unreachable!("there is no window") };
        let callbacks = || format!("{:?}", flight.gate().lock().callbacks);
        let receive = |_| group.submit(&1, || Ok(2)).expect("it follows").into_receiver();
        let receivers: Vec<_> = (0..10).map(receive).collect();
        assert_eq!(
            callbacks(),
            "Callbacks(20)",
            "each has one for its seat and one for its answer"
        );
        drop(receivers);
        assert_eq!(callbacks(), "Callbacks(0)", "a callback is kept");
    }
}

//! Tickets that are awaited: by a runtime of one thread, or for a moment.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use coalescer::{Error, Ticket};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn to_the_end<K, V, E>(ticket: Ticket<K, V, E>) -> Result<Arc<V>, Error<E>> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(ticket.into_future());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls twice, with two wakers, and drops the future.
pub(crate) fn and_given_up<K, V, E>(ticket: Ticket<K, V, E>) {
    let mut future = pin!(ticket.into_future());
    for _ in 0..2 {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let _ = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    }
}

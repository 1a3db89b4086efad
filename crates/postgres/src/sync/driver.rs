//! One thread that drives all sessions of an engine.
//!
//! Callers hand it a future and wait for the outcome, each until its own deadline. So a server that does not answer costs
//! a caller its deadline and no more, and a caller may be anywhere, also in a runtime of its own. An outcome that comes too
//! late is dropped on the driver's thread: its parts know what to do then.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::Deadline;

pub(crate) struct Driver {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The thread is not there in a forked child.
    process: u32,
}

impl Driver {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let body = move || {
            runtime.block_on(async { drop(stopped.await) });
            // A look-up of a host's name may hang, and nobody waits for it.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("coalescer-postgres".to_owned()).spawn(body)?;
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Self { handle, stop, thread, process: std::process::id() })
    }

    /// Runs a future, and waits for its outcome. `None`: the time is over, or the future has panicked.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        deadline: Deadline,
    ) -> Option<T> {
        let cell = Arc::new(Cell { state: Mutex::new(State::Pending), changed: Condvar::new() });
        let promise = Promise(cell.clone());
        self.spawn(async move { promise.keep(future.await) });
        cell.wait(deadline)
    }

    /// Runs a future that nobody waits for.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(future));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return };
        if std::process::id() == self.process && thread.thread().id() != thread::current().id() {
            thread.join().ok();
        }
    }
}

/// The future's outcome with a bound; `None` if its time is over. For futures on the driver's thread.
pub(crate) async fn bounded<T>(within: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(within, future).await.ok()
}

/// A future that runs until it ends, or until this is dropped.
pub(crate) struct Task(tokio::task::AbortHandle);

impl Task {
    /// Starts it from a future that is on the driver's thread itself.
    pub(crate) fn start(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future).abort_handle())
    }

    /// Drops the future, and what it holds.
    pub(crate) fn end(&self) {
        self.0.abort();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.end();
    }
}

struct Cell<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Pending,
    Done(T),
    /// Nobody waits any more, or nothing will come.
    Over,
}

impl<T> Cell<T> {
    fn wait(&self, deadline: Deadline) -> Option<T> {
        let mut state = self.state.lock();
        while matches!(*state, State::Pending) {
            if !deadline.wait(&self.changed, &mut state) {
                break;
            }
        }
        match std::mem::replace(&mut *state, State::Over) {
            State::Done(outcome) => Some(outcome),
            State::Pending | State::Over => None,
        }
    }
}

/// The duty to say something to the cell.
struct Promise<T>(Arc<Cell<T>>);

impl<T> Promise<T> {
    fn keep(self, outcome: T) {
        let mut state = self.0.state.lock();
        if matches!(*state, State::Pending) {
            *state = State::Done(outcome);
        } else {
            // Its parts may take other locks.
            drop(state);
            drop(outcome);
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if matches!(*state, State::Pending) {
            *state = State::Over;
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

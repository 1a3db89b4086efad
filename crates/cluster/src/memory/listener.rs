//! The messages of one process on their way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{EngineError, ErrorKind, Listener, Message};
use crate::sync::{Condvar, Deadline, Mutex};

/// A connection. Its lock is a leaf: the engine sends while it holds its own.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    is_closed: bool,
}

impl Queue {
    /// Returns false if nobody listens any more.
    pub(super) fn send(&self, message: Message) -> bool {
        let mut state = self.state.lock();
        if !state.is_closed {
            state.messages.push_back(message);
            self.came.notify_all();
        }
        !state.is_closed
    }

    /// Breaks the connection. What is under way is lost.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.messages.clear();
        self.came.notify_all();
    }

    pub(super) fn is_open(&self) -> bool {
        !self.state.lock().is_closed
    }
}

/// The reading end. Its drop closes the connection.
pub(super) struct Reader(pub(super) Arc<Queue>);

impl Listener for Reader {
    fn next(&mut self, within: Duration) -> Result<Option<Message>, EngineError> {
        let deadline = Deadline::after(within);
        let mut state = self.0.state.lock();
        loop {
            if state.is_closed {
                return Err(broken());
            }
            if let Some(message) = state.messages.pop_front() {
                return Ok(Some(message));
            }
            if !deadline.wait(&self.0.came, &mut state) {
                return Ok(None);
            }
        }
    }

    fn ping(&mut self, _within: Duration) -> Result<(), EngineError> {
        if self.0.is_open() { Ok(()) } else { Err(broken()) }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn broken() -> EngineError {
    EngineError::new(ErrorKind::Lost, "somebody else listens at this inbox, or the test cut it")
}

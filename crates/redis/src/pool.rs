//! The connections of a process: a stack, so that few of them serve a process that asks little.
//!
//! A step borrows one, or makes one while there are fewer than may be, or waits for one. A connection on which
//! a step failed is not used again, since its answer may still come. When one is found broken, those that lie
//! idle go as well: the server has gone.

use std::time::Duration;

use coalescer_cluster::engine::{EngineError, ErrorKind};
use redis::RedisResult;

use crate::error::{During, of_client};
use crate::link::{Link, is_of_transport};
use crate::source::Source;
use crate::sync::{Condvar, Deadline, Mutex};

pub(crate) struct Pool {
    pub(crate) source: Source,
    max: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Link>,
    /// Those that are borrowed or idle.
    open: usize,
    /// Rises when the idle ones go. A connection of an earlier number does not come back.
    generation: u64,
}

/// The effect of a step that is carried out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// The same as of one: it may be sent again if its connection had died while it lay idle.
    Same,
    Differs,
}

impl Pool {
    pub(crate) fn new(source: Source, max: usize) -> Self {
        let (state, returned) = Default::default();
        Self { source, max, state, returned }
    }

    /// Carries a step out.
    pub(crate) fn ask<T>(
        &self,
        within: Duration,
        repeated: Repeated,
        mut step: impl FnMut(&mut Link, Deadline) -> RedisResult<T>,
    ) -> Result<T, EngineError> {
        let deadline = Deadline::after(within);
        loop {
            let mut borrowed = self.borrow(deadline)?;
            let error = match step(&mut borrowed.link, deadline) {
                Ok(answer) => {
                    borrowed.give_back();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let (failed, was_idle) = (of_client(&error, During::AStep), borrowed.was_idle);
            if is_of_transport(&error) || is_of_the_place(&failed) {
                drop(borrowed);
            } else {
                borrowed.give_back();
            }
            if failed.kind() == ErrorKind::Lost || failed.kind() == ErrorKind::ReadOnly {
                self.drop_idle();
            }
            let is_stale = failed.kind() == ErrorKind::Lost && was_idle;
            if !is_stale || repeated != Repeated::Same {
                return Err(failed);
            }
        }
    }

    fn borrow(&self, deadline: Deadline) -> Result<Borrowed<'_>, EngineError> {
        let mut state = self.state.lock();
        loop {
            let generation = state.generation;
            if let Some(link) = state.idle.pop() {
                let slot = Slot(self);
                return Ok(Borrowed { link, was_idle: true, generation, slot });
            }
            if state.open < self.max {
                state.open += 1;
                drop(state);
                // Gives the place back if no connection comes.
                let slot = Slot(self);
                let link = self.source.connect(deadline)?;
                return Ok(Borrowed { link, was_idle: false, generation, slot });
            }
            if !deadline.wait(&self.returned, &mut state) {
                return Err(ErrorKind::Exhausted.into());
            }
        }
    }

    fn drop_idle(&self) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.open -= state.idle.len();
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        self.returned.notify_all();
        // Closing a connection is a system call.
        drop(idle);
    }
}

/// A connection whose step is under way. Dropped, it is closed.
struct Borrowed<'a> {
    link: Link,
    was_idle: bool,
    generation: u64,
    slot: Slot<'a>,
}

impl Borrowed<'_> {
    fn give_back(self) {
        let Self { link, generation, slot, .. } = self;
        let pool = slot.0;
        let mut state = pool.state.lock();
        if state.generation == generation {
            state.idle.push(link);
            drop(state);
            std::mem::forget(slot);
            pool.returned.notify_one();
        }
    }
}

/// One of the connections that may be.
struct Slot<'a>(&'a Pool);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.state.lock().open -= 1;
        self.0.returned.notify_one();
    }
}

/// Another connection may lead to a server that accepts the step.
fn is_of_the_place(error: &EngineError) -> bool {
    matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Denied | ErrorKind::Refused)
}

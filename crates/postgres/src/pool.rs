//! The sessions of an engine: those at work are counted, those at rest are a stack.
//!
//! A leader holds one for its whole function, and a call that waits holds one for its wait. They leave one for the short
//! steps, such as a forget, which may be as many as there is room for.

use std::collections::HashSet;
use std::sync::Arc;

use coalescer_cluster::engine::{EngineError, ErrorKind};

use crate::session::{Connector, Session, SharedSession, pooled};
use crate::sync::{Condvar, Deadline, Driver, Mutex, Weak};

pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    connector: Connector,
    max_connections: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    /// Those for flights, and those for short steps.
    at_work: [usize; 2],
    at_rest: Vec<SharedSession>,
    /// The sessions at work for flights, and those of them whose callers have left: the server ends what they do.
    flights: HashSet<i32>,
    left: HashSet<i32>,
    /// All of them, to see that no two are one session of the server.
    all: Vec<Weak<Session>>,
    /// A session has begun, so the server will do.
    is_proved: bool,
}

/// The steps that a session is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It may hold the session for long, so it gets none of the last one.
    Flight = 0,
    ShortStep = 1,
}

impl Pool {
    pub(crate) fn new(connector: Connector, max_connections: usize) -> Self {
        let (state, returned) = Default::default();
        Self(Arc::new(Inner { connector, max_connections, state, returned }))
    }

    /// Takes a session from the stack, or begins one. A short step waits for one. A flight without one fails with `Exhausted`,
    /// but waits for a session whose caller has left.
    pub(crate) fn take(
        &self,
        purpose: Purpose,
        driver: &Driver,
        deadline: Deadline,
    ) -> Result<Checked, EngineError> {
        let permit = self.permit(purpose, deadline)?;
        match self.0.at_rest() {
            Some(session) => Ok(permit.with(session)),
            // It goes on when the caller's time is over. The session is there then for a later step.
            None => driver
                .run(permit.connect(), deadline)
                .unwrap_or_else(|| Err(ErrorKind::TimedOut.into())),
        }
    }

    fn permit(&self, purpose: Purpose, deadline: Deadline) -> Result<Permit, EngineError> {
        let inner = &*self.0;
        let mut state = inner.state.lock();
        loop {
            let is_full = purpose == Purpose::Flight && state.at_work[0] >= inner.max_connections;
            if is_full && state.left.is_empty() {
                return Err(ErrorKind::Exhausted.into());
            }
            if !is_full && state.at_work[0] + state.at_work[1] <= inner.max_connections {
                break;
            }
            // Short steps end soon, and so does what nobody waits for.
            if !deadline.wait(&inner.returned, &mut state) {
                return Err(ErrorKind::Exhausted.into());
            }
        }
        state.at_work[purpose as usize] += 1;
        Ok(Permit { pool: self.0.clone(), purpose })
    }

    /// Notes that the caller has left a session which is at work for a flight.
    pub(crate) fn leave(&self, session: &Session) {
        let mut state = self.0.state.lock();
        if state.flights.contains(&session.pid) {
            state.left.insert(session.pid);
            drop(state);
            // A flight that finds no room waits for it.
            self.0.returned.notify_all();
        }
    }
}

impl Inner {
    fn at_rest(&self) -> Option<SharedSession> {
        loop {
            // Dropped without the lock.
            let session = self.state.lock().at_rest.pop()?;
            if session.is_usable() {
                return Some(session);
            }
        }
    }

    /// Notes a session that has begun, unless the server says that it is one of ours already.
    fn note(&self, session: &SharedSession) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        state.all.retain(|known| known.strong_count() > 0);
        let others = state.all.iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
        let is_shared = others.iter().any(|other| other.pid == session.pid && other.is_usable());
        state.is_proved = !is_shared;
        state.all.push(Arc::downgrade(session));
        drop(state);
        if is_shared { Err(pooled()) } else { Ok(()) }
    }
}

/// The right to use one more session.
struct Permit {
    pool: Arc<Inner>,
    purpose: Purpose,
}

impl Permit {
    fn with(self, session: SharedSession) -> Checked {
        if self.purpose == Purpose::Flight {
            self.pool.state.lock().flights.insert(session.pid);
        }
        Checked { session, holds_lock: false, permit: self }
    }

    async fn connect(self) -> Result<Checked, EngineError> {
        let is_first = !self.pool.state.lock().is_proved;
        let session = Arc::new(self.pool.connector.connect(is_first).await?);
        self.pool.note(&session)?;
        Ok(self.with(session))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.state.lock().at_work[self.purpose as usize] -= 1;
        // A thread may wait for room, or for a flight less.
        self.pool.returned.notify_all();
    }
}

/// A session at work. Dropped, it goes to rest, or it ends: if it is broken, or if it may hold the lock of a flight.
pub(crate) struct Checked {
    session: SharedSession,
    holds_lock: bool,
    permit: Permit,
}

impl Checked {
    pub(crate) const fn session(&self) -> &SharedSession {
        &self.session
    }

    /// From now on it may hold the lock of a flight, which must not go to rest with it.
    pub(crate) const fn hold(&mut self) {
        self.holds_lock = true;
    }

    pub(crate) const fn let_go(&mut self) {
        self.holds_lock = false;
    }

    /// The flight is over, and the session has a short step to do.
    pub(crate) fn is_short_now(&mut self) {
        let mut state = self.permit.pool.state.lock();
        state.at_work[self.permit.purpose as usize] -= 1;
        self.permit.purpose = Purpose::ShortStep;
        state.at_work[self.permit.purpose as usize] += 1;
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        let mut state = self.permit.pool.state.lock();
        state.flights.remove(&self.session.pid);
        state.left.remove(&self.session.pid);
        drop(state);
        if self.holds_lock {
            self.session.end();
        } else if self.session.is_usable() {
            // Before the permit goes: whoever gets that finds the session.
            self.permit.pool.state.lock().at_rest.push(self.session.clone());
        }
    }
}

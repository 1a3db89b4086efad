//! A lead: the session that holds the lock of a flight.
//!
//! The thread that leads may wait for another flight meanwhile. It waits in this session, so that the server sees cycles of
//! leaders that wait for each other. So the session is in a place from which a wait takes it and puts it back.

use std::sync::Arc;

use crate::pool::Checked;
use crate::session::SharedSession;
use crate::sync::{Condvar, Deadline, Mutex};

pub(crate) struct Lead {
    pub(crate) key: Box<[u8]>,
    pub(crate) number: i64,
    /// By the server's clock.
    pub(crate) began: i64,
    session: SharedSession,
    place: Mutex<Option<Checked>>,
    put_back: Condvar,
}

impl Lead {
    pub(crate) fn new(key: Box<[u8]>, number: i64, began: i64, checked: Checked) -> Arc<Self> {
        let session = checked.session().clone();
        let (place, put_back) = (Mutex::new(Some(checked)), Condvar::new());
        Arc::new(Self { key, number, began, session, place, put_back })
    }

    /// The session has not ended, so it has the lock.
    pub(crate) fn stands(&self) -> bool {
        self.session.is_usable()
    }

    /// The session of the server, if a wait has it.
    pub(crate) fn waiting_in(&self) -> Option<i32> {
        self.place.lock().is_none().then_some(self.session.pid)
    }

    /// Takes the session, unless another thread waits in it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Lent> {
        let checked = self.place.lock().take()?;
        Some(Lent { checked: Some(checked), lead: self.clone() })
    }

    /// Takes the session. If a wait has it, until the deadline.
    pub(crate) fn take(self: &Arc<Self>, deadline: Deadline) -> Option<Lent> {
        let mut place = self.place.lock();
        while place.is_none() {
            if !deadline.wait(&self.put_back, &mut place) {
                return None;
            }
        }
        let checked = place.take();
        Some(Lent { checked, lead: self.clone() })
    }

    /// Ends the session, and the lock with it.
    pub(crate) fn end(&self) {
        self.session.end();
    }
}

/// The session of a lead, which goes back to its place.
pub(crate) struct Lent {
    checked: Option<Checked>,
    lead: Arc<Lead>,
}

impl Lent {
    pub(crate) fn session(&self) -> &SharedSession {
        &self.lead.session
    }

    /// The lead is over: the session does not go back.
    pub(crate) fn keep(mut self) -> Option<Checked> {
        self.checked.take()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(checked) = self.checked.take() {
            *self.lead.place.lock() = Some(checked);
            self.lead.put_back.notify_one();
        }
    }
}

//! The end of a process in the cluster. Nothing that it leads stays in the engine.

use crate::engine::{End, Release, Token, Wakes};
use crate::sync::{Deadline, Ordering};

use super::leads::Place;
use super::process::Process;

impl Process {
    /// Ends all that this process has in the engine, and its threads. Calls run by themselves from now on.
    pub(super) fn close(&self) {
        if self.is_closed.swap(true, Ordering::SeqCst) || self.guarded.is_forked() {
            return;
        }
        let until = Deadline::after(self.terms.op_timeout);
        self.waits.wake_all();
        self.bell.ring();
        self.members.all(|member| member.forget_all());
        for (token, place) in self.leads.all().into_iter().chain(self.orphans.all()) {
            let within = until.left();
            let release = self.without_outcome(&token, &place);
            if within.is_zero()
                || self.guarded.ask(|engine| engine.release(&release, within)).is_err()
            {
                // The others go with their functions.
                break;
            }
            self.leads.leave(&token);
        }
        if self.can.wakes == Wakes::Messages {
            // A message ends the wait for messages. They may come although steps have failed, so the breaker has no say.
            let (engine, within) = (self.guarded.engine(), until.left());
            let _ = engine.confirm(&self.inbox, &self.inbox, 0, within);
        }
        for worker in self.workers.lock().drain(..) {
            worker.join(until);
        }
    }

    /// A step has failed after which this claim may lead something.
    pub(super) fn abandon(&self, token: Token, place: Place) {
        // By then its lease is over, if it has one and nobody renews it.
        let until = self.now() + 2 * self.terms.lease;
        self.orphans.enter(token.clone(), place.clone(), until);
        self.bell.ring_for_work();
        // Looked at when it is there: who closes later finds it.
        if self.is_closed() && !self.guarded.is_forked() {
            // Nobody asks any more if the engine is back, so the breaker has no say.
            let release = self.without_outcome(&token, &place);
            let _ = self.guarded.engine().release(&release, self.terms.op_timeout);
        }
    }

    fn without_outcome<'a>(&'a self, token: &'a Token, place: &'a Place) -> Release<'a> {
        Release { key: place.key(&self.terms.namespace), token, end: End::AskAgain }
    }
}

//! The tickets of the reference: threads that wait with them, and tickets that are dropped.

use std::collections::BTreeMap;

use crate::model::{Model, Place};
use crate::script::{ENDLESS, Millis};
use crate::stage::{Answer, CallId, Doing};

#[derive(Debug)]
pub(crate) struct Held {
    /// The wait of the thread that has the ticket now.
    wait: Option<Wait>,
    /// A wait of it has timed out, and nothing has come of it since (S48).
    has_timed_out: bool,
}

#[derive(Debug)]
struct Wait {
    id: CallId,
    deadline: Millis,
    /// The ticket can be waited with again when the wait times out.
    returns: bool,
}

impl Model {
    pub(crate) fn new_ticket(&mut self, call: CallId) {
        self.tickets.insert(call, Held { wait: None, has_timed_out: false });
    }

    /// The tickets that no thread waits with.
    pub(crate) fn idle_tickets(&self) -> Vec<CallId> {
        let idle = self.tickets.iter().filter(|(_, held)| held.wait.is_none());
        idle.map(|(call, _)| *call).collect()
    }

    /// These, and whether their answers are there. A ticket gets its answer after the counters have it.
    pub(crate) fn finished_tickets(&self) -> BTreeMap<CallId, bool> {
        let is_finished = |call| matches!(self.calls[&call].place, Place::Done(_));
        self.idle_tickets().into_iter().map(|call| (call, is_finished(call))).collect()
    }

    /// A thread begins to wait with a ticket.
    pub(crate) fn wait(&mut self, ticket: CallId, id: CallId, timeout: Option<Millis>) {
        let deadline = self.now.saturating_add(timeout.unwrap_or(ENDLESS));
        let wait = Wait { id, deadline, returns: timeout.is_some() };
        self.tickets.get_mut(&ticket).expect("it is idle").wait = Some(wait);
        self.call_mut(ticket).deadline = Some(deadline);
        self.doing.insert(id, Doing::Called);
    }

    /// Ends the waits whose call has an answer, and then those whose deadline has come (S33).
    pub(crate) fn settle_waits(&mut self) {
        let waited: Vec<CallId> = self.tickets.keys().copied().collect();
        for ticket in waited {
            let held = &self.tickets[&ticket];
            let Some(Wait { id, deadline, returns }) = held.wait else { continue };
            let answer = match &self.calls[&ticket].place {
                Place::Done(answer) => answer.clone(),
                _ if deadline <= self.now => Answer::TimedOut,
                _ => continue,
            };
            self.call_mut(ticket).deadline = None;
            let is_over = answer != Answer::TimedOut;
            self.doing.insert(id, Doing::Done(answer));
            let held = self.tickets.get_mut(&ticket).expect("it is there");
            (held.wait, held.has_timed_out) = (None, held.has_timed_out || !is_over);
            if is_over || !returns {
                self.drop_ticket(ticket);
            }
        }
    }

    /// S48: a follower's ticket that is dropped counts as its last wait ended.
    pub(crate) fn drop_ticket(&mut self, ticket: CallId) {
        let held = self.tickets.remove(&ticket).expect("it is there");
        let Place::Waits(flight) = self.calls[&ticket].place else { return };
        self.flights[flight].stop_waiting(ticket);
        self.call_mut(ticket).place = Place::Left;
        if held.has_timed_out {
            self.stats.timed_out += 1;
        } else {
            self.stats.followers += 1;
            self.stats.coalesced_requests += 1;
        }
        self.desert(flight);
    }
}

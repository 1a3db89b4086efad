//! A flight of the cluster: who leads it, and who waits for it.

use crate::engine::{Digest, End, FlightId, Inbox, Message, Presence, Token};
use crate::sync::Nanos;

/// The way in which claims find a flight, if they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the key's flight: claims find it.
    Current,
    /// A younger flight began beside it, since it was too old to join.
    Superseded,
    /// It was forgotten.
    Forgotten,
}

pub(super) struct Flight {
    pub(super) id: FlightId,
    pub(super) place: Place,
    pub(super) begin: Nanos,
    /// The begin of its youngest execution.
    pub(super) youngest: Nanos,
    pub(super) leaders: Vec<Leader>,
    pub(super) enrolled: Vec<Enrolled>,
}

pub(super) struct Leader {
    pub(super) token: Token,
    pub(super) presence: Presence,
    pub(super) lease: Nanos,
    pub(super) lease_end: Nanos,
}

/// A process that waits for a flight. It has one entry, whatever number of its calls wait.
pub(super) struct Enrolled {
    pub(super) inbox: Inbox,
    pub(super) presence: Presence,
    pub(super) wants: Wants,
}

/// An outcome is an end too, so it is the larger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wants {
    End,
    Outcome,
}

impl Flight {
    pub(super) fn new(id: FlightId, now: Nanos) -> Self {
        let (leaders, enrolled) = Default::default();
        Self { id, place: Place::Current, begin: now, youngest: now, leaders, enrolled }
    }

    pub(super) fn leads(&self, token: &Token) -> bool {
        self.leaders.iter().any(|leader| leader.token == *token)
    }

    pub(super) fn holder(&self) -> Option<Inbox> {
        self.leaders.last().map(|leader| leader.token.inbox().clone())
    }

    /// The number of leaders whose lease stands.
    pub(super) fn live_leaders(&self, now: Nanos) -> usize {
        self.leaders.iter().filter(|leader| now < leader.lease_end).count()
    }

    pub(super) fn is_led_by_others_than(&self, token: &Token, now: Nanos) -> bool {
        self.leaders.iter().any(|leader| leader.token != *token && now < leader.lease_end)
    }

    pub(super) fn enrol(&mut self, inbox: &Inbox, presence: Presence, wants: Wants) {
        if presence == Presence::Absent {
            return;
        }
        match self.enrolled.iter_mut().find(|enrolled| enrolled.inbox == *inbox) {
            Some(enrolled) => {
                enrolled.presence = presence;
                enrolled.wants = enrolled.wants.max(wants);
            }
            None => self.enrolled.push(Enrolled { inbox: inbox.clone(), presence, wants }),
        }
    }

    /// Somebody is told of its outcome.
    pub(super) fn has_waiting(&self) -> bool {
        self.enrolled.iter().any(|enrolled| enrolled.wants == Wants::Outcome)
    }

    /// The processes that lead it or wait for it.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Inbox> {
        let leaders = self.leaders.iter().map(|leader| leader.token.inbox());
        leaders.chain(self.enrolled.iter().map(|enrolled| &enrolled.inbox))
    }

    /// Until then the flight is remembered: a lease longer than its last lease, so that those who wait find
    /// it by claiming again, and one of them goes on with it.
    pub(super) fn lives_until(&self) -> Nanos {
        let ends = self.leaders.iter().map(|leader| leader.lease_end.saturating_add(leader.lease));
        ends.max().unwrap_or(0)
    }

    /// The messages that tell its end to all who are enrolled.
    pub(super) fn told(&self, digest: Digest, end: &End) -> Vec<(Inbox, Message)> {
        let message = |enrolled: &Enrolled| {
            let end = if enrolled.wants == Wants::End { End::AskAgain } else { end.clone() };
            let ended = Message::Ended { digest, flight: self.id.clone(), end };
            (enrolled.inbox.clone(), ended)
        };
        self.enrolled.iter().map(message).collect()
    }
}

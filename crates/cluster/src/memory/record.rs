//! Everything about one key, and the steps that change it. This is the reference for other engines.
//!
//! A step gets the time and the listeners, and returns its answer with the messages to send. The store has
//! settled the record before: what is over is gone, and a new mark has been noticed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{
    Claim, Claimed, DAY, Digest, End, FlightId, Forgotten, Inbox, Manner, Message, Presence,
    Publication, Published, Release, Released, Token,
};
use crate::sync::{Nanos, nanos};

use super::flight::{Flight, Leader, Place, Wants};

/// A longer outcome does not travel in a message.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// Messages with their addressees, in the order in which they are sent.
pub(super) type Outbox = Vec<(Inbox, Message)>;

pub(super) struct Record {
    /// The mark of its partition when the record was last settled.
    mark: u64,
    /// All flights that somebody leads; at most one of them is current.
    flights: Vec<Flight>,
    result: Option<Kept>,
    /// The processes that may hold a copy or have news under way, with the time until which.
    notes: BTreeMap<Inbox, Nanos>,
    /// Outcomes that are too large for messages, for those who wait.
    handed_on: Vec<HandedOn>,
}

struct HandedOn {
    flight: FlightId,
    until: Nanos,
    bytes: Arc<[u8]>,
    /// It was the result as well.
    kept: bool,
}

struct Kept {
    flight: FlightId,
    begin: Nanos,
    until: Nanos,
    bytes: Arc<[u8]>,
}

impl Record {
    pub(super) fn new(mark: u64) -> Self {
        let (flights, result, notes, handed_on) = Default::default();
        Self { mark, flights, result, notes, handed_on }
    }

    /// Notices a new mark: everything of this key has been forgotten.
    pub(super) fn settle(&mut self, mark: u64, now: Nanos) {
        if self.mark != mark {
            self.mark = mark;
            self.detach();
        }
        self.result.take_if(|result| result.until <= now);
        self.handed_on.retain(|handed| now < handed.until);
    }

    pub(super) fn lives_until(&self) -> Nanos {
        let flights = self.flights.iter().map(Flight::lives_until);
        let kept = self.result.iter().map(|kept| kept.until);
        let handed_on = self.handed_on.iter().map(|handed| handed.until);
        flights.chain(kept).chain(handed_on).chain(self.notes.values().copied()).max().unwrap_or(0)
    }

    pub(super) fn claim(
        &mut self,
        claim: &Claim<'_>,
        now: Nanos,
        listens: impl Fn(&Inbox) -> bool,
    ) -> Claimed {
        if let Some(flight) = self.flights.iter().find(|flight| flight.leads(claim.token)) {
            return lead(flight, now);
        }
        if let Some(hit) = self.hit(claim, now) {
            return hit;
        }
        let Some(at) = self.flights.iter().position(|flight| flight.place == Place::Current) else {
            return self.begin(claim, now);
        };
        let flight = &mut self.flights[at];
        let age = Duration::from_nanos(now - flight.begin);
        let nobody_listens = || !flight.leaders.iter().any(|leader| listens(leader.token.inbox()));
        if flight.live_leaders(now) == 0 || claim.manner == Manner::Suspect && nobody_listens() {
            flight.leaders.clear();
            return self.go_on(at, claim, now);
        }
        if claim.manner == Manner::Fresh || claim.excluded == Some(&flight.id) {
            flight.enrol(claim.token.inbox(), claim.presence, Wants::End);
            return Claimed::Wait { flight: flight.id.clone(), age, holder: flight.holder() };
        }
        let has_room = self.running(now) < claim.limits.max_leaders as usize;
        let flight = &mut self.flights[at];
        let is_too_old = claim.limits.max_join_age.is_some_and(|limit| age >= limit);
        if is_too_old && claim.joined != Some(&flight.id) {
            if !has_room {
                return Claimed::Full;
            }
            flight.place = Place::Superseded;
            return self.begin(claim, now);
        }
        let youngest_age = Duration::from_nanos(now - flight.youngest);
        if has_room && claim.limits.leader_timeout.is_some_and(|limit| youngest_age >= limit) {
            return self.go_on(at, claim, now);
        }
        if claim.manner == Manner::Try {
            return Claimed::Busy;
        }
        flight.enrol(claim.token.inbox(), claim.presence, Wants::Outcome);
        Claimed::Follow { flight: flight.id.clone(), age, holder: flight.holder() }
    }

    pub(super) fn publish(
        &mut self,
        publication: &Publication<'_>,
        now: Nanos,
    ) -> (Published, Outbox) {
        let Some(at) = self.led_by(publication.token) else {
            return (Published::Refused, Outbox::new());
        };
        if publication.is_error && self.leave(at, publication.token, now) {
            return (Published::OthersRun, Outbox::new());
        }
        let flight = self.flights.remove(at);
        let is_current = flight.place == Place::Current;
        let until = publication.keep.map(|keep| flight.begin.saturating_add(nanos(keep.min(DAY))));
        let until = until.filter(|until| is_current && now < *until);
        let bytes: Arc<[u8]> = publication.bytes.into();
        let is_large = bytes.len() > LONGEST_MESSAGE;
        let kept = until.is_some();
        self.note_holders(&flight, publication.token, until, now);
        let (id, begin) = (flight.id.clone(), flight.begin);
        // The result may be over before they fetch it.
        if is_large && (!kept || flight.has_waiting()) {
            let lease = lease_of(&flight, publication.token);
            let until = now.saturating_add(lease.saturating_mul(2));
            let (flight, bytes) = (id.clone(), bytes.clone());
            self.handed_on.push(HandedOn { flight, until, bytes, kept });
        }
        if let Some(until) = until {
            self.result = Some(Kept { flight: id, begin, until, bytes: bytes.clone() });
        }
        let end = if is_large { End::Fetch } else { End::Outcome { bytes, kept } };
        let outbox = flight.told(publication.key.digest, &end);
        let told = count(&outbox);
        (Published::Ended { told, kept, forgotten: !is_current }, outbox)
    }

    pub(super) fn release(&mut self, release: &Release<'_>, now: Nanos) -> (Released, Outbox) {
        let Some(at) = self.led_by(release.token) else {
            return (Released::Refused, Outbox::new());
        };
        if self.leave(at, release.token, now) {
            return (Released::OthersRun, Outbox::new());
        }
        let flight = self.flights.remove(at);
        let outbox = flight.told(release.key.digest, &release.end);
        let forgotten = flight.place != Place::Current;
        (Released::Ended { told: count(&outbox), forgotten }, outbox)
    }

    /// Returns false if the token leads nothing.
    pub(super) fn renew(&mut self, token: &Token, lease: Duration, now: Nanos) -> bool {
        let mut leaders = self.flights.iter_mut().flat_map(|flight| &mut flight.leaders);
        let Some(leader) = leaders.find(|leader| leader.token == *token) else { return false };
        leader.lease = nanos(lease);
        leader.lease_end = now.saturating_add(leader.lease);
        let (inbox, presence, end) = (token.inbox().clone(), leader.presence, leader.lease_end);
        self.note(&inbox, presence, end);
        true
    }

    /// Returns the processes to tell. No note is removed: a second forget must wait for the same answers.
    pub(super) fn forget(&mut self, from: &Inbox, now: Nanos) -> (Forgotten, Vec<Inbox>) {
        let was_there = self.result.is_some()
            || self.flights.iter().any(|flight| flight.place == Place::Current);
        let noted = self.notes.iter().filter(|(_, until)| now < **until).map(|(inbox, _)| inbox);
        let at_flights = self.flights.iter().flat_map(Flight::processes);
        let mut noted: Vec<_> =
            noted.chain(at_flights).filter(|inbox| *inbox != from).cloned().collect();
        noted.sort_unstable();
        noted.dedup();
        self.detach();
        let count = u32::try_from(noted.len()).unwrap_or(u32::MAX);
        (Forgotten { was_there, noted: count, told: 0 }, noted)
    }

    pub(super) fn discard(&mut self, bytes: &[u8]) -> bool {
        self.result.take_if(|result| *result.bytes == *bytes).is_some()
    }

    pub(super) fn fetch(&self, flight: &FlightId) -> Option<End> {
        let result = self.result.as_ref().filter(|result| result.flight == *flight);
        let result = result.map(|result| (&result.bytes, true));
        let handed_on = || self.handed_on.iter().find(|handed| handed.flight == *flight);
        let (bytes, kept) =
            result.or_else(|| handed_on().map(|handed| (&handed.bytes, handed.kept)))?;
        Some(End::Outcome { bytes: bytes.clone(), kept })
    }

    fn hit(&mut self, claim: &Claim<'_>, now: Nanos) -> Option<Claimed> {
        let is_accepted = |result: &&Kept| {
            claim.manner != Manner::Fresh && claim.excluded != Some(&result.flight)
        };
        let result = self.result.as_ref().filter(is_accepted)?;
        let (flight, bytes) = (result.flight.clone(), result.bytes.clone());
        let (age, until) = (Duration::from_nanos(now - result.begin), result.until);
        self.note(claim.token.inbox(), claim.presence, until);
        Some(Claimed::Hit { flight, age, bytes })
    }

    fn begin(&mut self, claim: &Claim<'_>, now: Nanos) -> Claimed {
        self.result = None;
        self.notes.retain(|_, until| now < *until);
        let id = FlightId::new(claim.token.to_string());
        self.flights.push(Flight::new(id, now));
        self.go_on(self.flights.len() - 1, claim, now)
    }

    /// One more execution of a flight.
    fn go_on(&mut self, at: usize, claim: &Claim<'_>, now: Nanos) -> Claimed {
        let lease = nanos(claim.lease);
        let lease_end = now.saturating_add(lease);
        let (token, presence) = (claim.token.clone(), claim.presence);
        self.note(token.inbox(), presence, lease_end);
        let flight = &mut self.flights[at];
        flight.youngest = now;
        flight.leaders.push(Leader { token, presence, lease, lease_end });
        lead(flight, now)
    }

    /// The number of executions that count for `max_leaders`.
    fn running(&self, now: Nanos) -> usize {
        let counted = self.flights.iter().filter(|flight| flight.place != Place::Forgotten);
        counted.map(|flight| flight.live_leaders(now)).sum()
    }

    fn led_by(&self, token: &Token) -> Option<usize> {
        self.flights.iter().position(|flight| flight.leads(token))
    }

    /// Takes an execution out if others of its flight run, and returns whether they do.
    fn leave(&mut self, at: usize, token: &Token, now: Nanos) -> bool {
        let flight = &mut self.flights[at];
        let others_run = flight.is_led_by_others_than(token, now);
        if others_run {
            flight.leaders.retain(|leader| leader.token != *token);
        }
        others_run
    }

    /// Each process told, and the leader's, may hold the outcome: until its window's end, or for a lease
    /// where that is longer, since the news is under way.
    fn note_holders(&mut self, flight: &Flight, token: &Token, until: Option<Nanos>, now: Nanos) {
        let news = now.saturating_add(lease_of(flight, token));
        let until = until.map_or(news, |until| until.max(news));
        for enrolled in flight.enrolled.iter().filter(|enrolled| enrolled.wants == Wants::Outcome) {
            self.note(&enrolled.inbox, enrolled.presence, until);
        }
        for leader in flight.leaders.iter().filter(|leader| leader.token == *token) {
            self.note(token.inbox(), leader.presence, until);
        }
    }

    fn note(&mut self, inbox: &Inbox, presence: Presence, until: Nanos) {
        if presence == Presence::KeepsCopies {
            let noted = self.notes.entry(inbox.clone()).or_default();
            *noted = until.max(*noted);
        }
    }

    fn detach(&mut self) {
        self.result = None;
        for flight in &mut self.flights {
            flight.place = Place::Forgotten;
        }
    }
}

fn lead(flight: &Flight, now: Nanos) -> Claimed {
    Claimed::Lead { flight: flight.id.clone(), age: Duration::from_nanos(now - flight.begin) }
}

fn lease_of(flight: &Flight, token: &Token) -> Nanos {
    let leader = flight.leaders.iter().find(|leader| leader.token == *token);
    leader.map_or(0, |leader| leader.lease)
}

fn count(outbox: &Outbox) -> u32 {
    u32::try_from(outbox.len()).unwrap_or(u32::MAX)
}

/// Says to forget a key.
pub(super) fn word(name: &str, digest: Digest, from: &Inbox, id: u64) -> Message {
    Message::Forget { name: name.into(), digest, from: from.clone(), id }
}

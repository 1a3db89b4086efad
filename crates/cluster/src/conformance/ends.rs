//! How those who wait learn of ends: by messages, or by the return of a blocking call.

use std::time::Duration;

use crate::engine::{End, FlightId, Inbox, Message, Wait, Waited};

use super::run::Run;
use super::side::{Flights, Side};
use super::step::PROCESSES;

/// A message that is late is no difference. One that has not come after so long is.
const LATE: Duration = Duration::from_secs(2);

/// A wait that must block is given so long.
const GLANCE: Duration = Duration::from_millis(1);

impl Run<'_> {
    /// Begins to listen. An engine without messages has nothing to listen to; the reference listens anyway.
    pub(super) fn listen(&mut self, process: usize) {
        let sends = self.sends();
        let inbox = self.world.inboxes[process].clone();
        for side in [&mut self.engine, &mut self.reference].into_iter().skip(usize::from(!sends)) {
            match side.engine.listen(&inbox, Side::WITHIN) {
                Ok(listener) => side.listeners[process] = Some(listener),
                Err(error) => panic!("listen failed: {error}"),
            }
        }
        self.both_listen(&inbox, true);
    }

    pub(super) fn hang(&mut self, process: usize) {
        self.engine.listeners[process] = None;
        self.reference.listeners[process] = None;
        let inbox = self.world.inboxes[process].clone();
        self.both_listen(&inbox, false);
    }

    /// Waits until the engine knows who listens: a server learns of a closed connection a moment later.
    fn both_listen(&mut self, inbox: &Inbox, expected: bool) {
        if !self.sends() {
            return;
        }
        let until = crate::sync::now() + LATE;
        let inboxes = std::slice::from_ref(inbox);
        loop {
            let [ours, theirs] =
                self.both("listening", |side, _| side.engine.listening(inboxes, Side::WITHIN));
            self.same("the reference's answer", &theirs, &vec![expected]);
            if ours == theirs {
                return;
            }
            self.demand(crate::sync::now() < until, "the engine is wrong about who listens");
        }
    }

    pub(super) fn confirm(&mut self, to: usize, by: usize) {
        let _: [(); 2] = self.both("confirm", |side, world| {
            let [to, by] = [to, by].map(|process| &world.inboxes[process]);
            side.engine.confirm(to, by, world.forgets, Side::WITHIN)
        });
    }

    /// A process was told to follow or to wait. A blocking call for that flight does not return yet.
    pub(super) fn note_wait(&mut self, process: usize, claim: usize, flight: usize, follows: bool) {
        if self.sends() {
            return;
        }
        self.waits.retain(|wait| (wait.process, wait.flight) != (process, flight) || wait.follows);
        self.waits.push(Waiting { process, claim, flight, follows });
        let waited = self.wait(claim, flight, GLANCE);
        self.same("the wait", &waited, &Waited::StillRuns);
    }

    fn wait(&mut self, claim: usize, flight: usize, within: Duration) -> Waited {
        let Some(flight) = self.engine.flights.id(flight).cloned() else {
            self.fails("the engine has not named this flight");
        };
        let (key, token) = (self.world.key(), &self.world.tokens[claim]);
        let wait = Wait { key, token, flight: &flight, leads: None };
        match self.engine.engine.wait(&wait, within) {
            Ok(waited) => waited,
            Err(error) => self.fails(&format!("the wait failed: {error}")),
        }
    }

    /// After a step: what the reference has sent, the engine has sent too, or its waits return it.
    pub(super) fn compare_ends(&mut self) {
        for process in 0..PROCESSES {
            for message in self.sent_by_reference(process) {
                if self.sends() {
                    let ours = self.next_of_engine(process, LATE);
                    self.same("the message", &ours, &Some(message));
                } else if let Message::Ended { flight, end, .. } = message {
                    self.compare_waits(process, &flight, &end);
                }
            }
            if self.sends() {
                let ours = self.next_of_engine(process, Duration::ZERO);
                self.same("one more message", &ours, &None);
            }
        }
    }

    fn sent_by_reference(&mut self, process: usize) -> Vec<Message> {
        let Some(listener) = &mut self.reference.listeners[process] else { return Vec::new() };
        let next = || listener.next(Duration::ZERO).ok().flatten();
        let sent: Vec<_> = std::iter::from_fn(next).collect();
        sent.into_iter().map(|message| numbered(&mut self.reference, message)).collect()
    }

    fn next_of_engine(&mut self, process: usize, within: Duration) -> Option<Message> {
        let listener = self.engine.listeners[process].as_mut()?;
        match listener.next(within) {
            Ok(message) => message.map(|message| numbered(&mut self.engine, message)),
            Err(error) => self.fails(&format!("the listener of process {process} failed: {error}")),
        }
    }

    fn compare_waits(&mut self, process: usize, flight: &FlightId, end: &End) {
        let number = Flights::number_in(flight);
        let is_it = |wait: &Waiting| (wait.process, wait.flight) == (process, number);
        let waits: Vec<_> = self.waits.iter().filter(|wait| is_it(wait)).cloned().collect();
        self.waits.retain(|wait| !is_it(wait));
        for wait in waits {
            let Waited::Ended { end: ours, .. } = self.wait(wait.claim, number, Side::WITHIN)
            else {
                self.fails("the wait does not end with its flight");
            };
            // The end alone is what it waited for.
            if wait.follows {
                let theirs = self.fetched(number, end.clone());
                self.same("the end", &ours, &theirs);
            }
        }
    }

    /// A blocking wait returns outcomes of any length.
    fn fetched(&self, flight: usize, end: End) -> End {
        let id = self.reference.flights.id(flight);
        match (&end, id) {
            (End::Fetch, Some(id)) => {
                let fetched =
                    self.reference.engine.fetch(self.world.key(), id, Side::WITHIN).ok().flatten();
                fetched.unwrap_or(end)
            }
            _ => end,
        }
    }
}

/// A wait in an engine that wakes by blocking calls.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    process: usize,
    claim: usize,
    flight: usize,
    follows: bool,
}

fn numbered(side: &mut Side<'_>, message: Message) -> Message {
    match message {
        Message::Ended { digest, flight, end } => {
            Message::Ended { digest, flight: side.flights.named(&flight), end }
        }
        other => other,
    }
}

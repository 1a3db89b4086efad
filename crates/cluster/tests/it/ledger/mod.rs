//! A second reference of the steps, as unlike `Memory` as can be: a list of facts, to which each step adds, and
//! from which each answer is read anew. It forgets nothing but what the specification gives a time to live.

mod answers;
mod facts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::engine::*;

use facts::{Facts, Stamp};

/// An engine that keeps a ledger.
pub(crate) struct Ledger {
    clock: ManualClock,
    begun: std::time::Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Facts>,
    /// The numbers of `forget_all`s, by name.
    forgotten: BTreeMap<String, u64>,
    mail: BTreeMap<Inbox, Mail>,
}

type Mail = Arc<Mutex<Vec<Message>>>;

impl Ledger {
    pub(crate) fn new(clock: ManualClock) -> Self {
        let begun = clock.now();
        Self { clock, begun, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Stamp {
        self.clock.now() - self.begun
    }

    /// Reads or changes the facts of a key, then sends messages. What `forget_all` did is noticed first.
    fn step<T>(&self, key: Key<'_>, step: impl FnOnce(&mut Facts, Stamp) -> (T, Sent)) -> T {
        let (state, now) = (&mut *self.state(), self.now());
        let name = format!("{} {}", key.namespace, key.name);
        let forgotten = state.forgotten.get(&name).copied().unwrap_or(0);
        let facts = state.keys.entry(key.to_string()).or_default();
        facts.begin_step(forgotten, now);
        let (answer, sent) = step(facts, now);
        deliver(&state.mail, sent);
        answer
    }
}

/// Messages with their addressees.
type Sent = Vec<(Inbox, Message)>;

fn deliver(mail: &BTreeMap<Inbox, Mail>, sent: Sent) -> u32 {
    let mut told = 0;
    for (inbox, message) in sent {
        if let Some(mail) = listens(mail, &inbox) {
            mail.lock().unwrap().push(message);
            told += 1;
        }
    }
    told
}

/// A reader that is dropped leaves the only handle here.
fn listens<'m>(mail: &'m BTreeMap<Inbox, Mail>, inbox: &Inbox) -> Option<&'m Mail> {
    mail.get(inbox).filter(|mail| Arc::strong_count(mail) > 1)
}

struct Reader(Mail);

impl Listener for Reader {
    fn next(&mut self, _: Duration) -> Result<Option<Message>, EngineError> {
        let mut mail = self.0.lock().unwrap();
        Ok((!mail.is_empty()).then(|| mail.remove(0)))
    }

    fn ping(&mut self, _: Duration) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Engine for Ledger {
    fn can(&self) -> Can {
        Can::by_messages()
    }

    fn ping(&self, _: Duration) -> Result<(), EngineError> {
        Ok(())
    }

    fn claim(&self, claim: &Claim<'_>, _: Duration) -> Result<Claimed, EngineError> {
        let mail = self.state().mail.clone();
        // The copy of the list has handles of its own.
        let is_alive = |inbox: &Inbox| mail.get(inbox).is_some_and(|it| Arc::strong_count(it) > 2);
        Ok(self.step(claim.key, |facts, now| (facts.claim(claim, now, &is_alive), Vec::new())))
    }

    fn publish(&self, it: &Publication<'_>, _: Duration) -> Result<Published, EngineError> {
        Ok(self.step(it.key, |facts, now| facts.publish(it, now)))
    }

    fn release(&self, it: &Release<'_>, _: Duration) -> Result<Released, EngineError> {
        Ok(self.step(it.key, |facts, now| facts.release(it, now)))
    }

    fn renew(&self, leads: &[Lead<'_>], _: Duration) -> Result<Vec<bool>, EngineError> {
        let renew = |lead: &Lead<'_>| {
            self.step(lead.key, |facts, now| (facts.renew(lead.token, lead.lease, now), Vec::new()))
        };
        Ok(leads.iter().map(renew).collect())
    }

    fn forget(&self, it: &Forget<'_>, _: Duration) -> Result<Forgotten, EngineError> {
        let (mut forgotten, to) =
            self.step(it.key, |facts, now| (facts.forget(it.from, now), Vec::new()));
        let (name, digest, from) = (it.key.name.into(), it.key.digest, it.from.clone());
        let word = Message::Forget { name, digest, from, id: it.id };
        let sent = to.into_iter().map(|inbox| (inbox, word.clone())).collect();
        forgotten.told = deliver(&self.state().mail, sent);
        Ok(forgotten)
    }

    fn forget_all(&self, it: &ForgetAll<'_>, _: Duration) -> Result<Forgotten, EngineError> {
        let mut state = self.state();
        *state.forgotten.entry(format!("{} {}", it.namespace, it.name)).or_default() += 1;
        let word = Message::ForgetAll { name: it.name.into(), from: it.from.clone(), id: it.id };
        let mut told = 0;
        for inbox in state.mail.keys() {
            let is_told = inbox != it.from && inbox.namespace() == it.namespace;
            if is_told && listens(&state.mail, inbox).is_some() {
                told += deliver(&state.mail, vec![(inbox.clone(), word.clone())]);
            }
        }
        Ok(Forgotten { was_there: false, noted: told, told })
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], _: Duration) -> Result<bool, EngineError> {
        Ok(self.step(key, |facts, now| (facts.discard(bytes, now), Vec::new())))
    }

    fn listen(&self, inbox: &Inbox, _: Duration) -> Result<Box<dyn Listener>, EngineError> {
        let mail = Mail::default();
        self.state().mail.insert(inbox.clone(), mail.clone());
        Ok(Box::new(Reader(mail)))
    }

    fn confirm(&self, to: &Inbox, by: &Inbox, id: u64, _: Duration) -> Result<(), EngineError> {
        let sent = vec![(to.clone(), Message::Dropped { id, by: by.clone() })];
        deliver(&self.state().mail, sent);
        Ok(())
    }

    fn listening(&self, inboxes: &[Inbox], _: Duration) -> Result<Vec<bool>, EngineError> {
        let state = self.state();
        Ok(inboxes.iter().map(|inbox| listens(&state.mail, inbox).is_some()).collect())
    }

    fn fetch(&self, key: Key<'_>, id: &FlightId, _: Duration) -> Result<Option<End>, EngineError> {
        Ok(self.step(key, |facts, now| (facts.fetch(id, now), Vec::new())))
    }
}

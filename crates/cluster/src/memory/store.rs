//! All keys, all marks and all listeners, behind the one lock of the engine.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::engine::{
    Claim, Claimed, DAY, Digest, Forget, ForgetAll, Forgotten, Inbox, Key, Message, PARTITIONS,
};
use crate::sync::{Nanos, nanos};

use super::listener::Queue;
use super::record::{Outbox, Record, word};

/// Each so many claims, the store looks for records that are over.
const SWEEP: u32 = 1024;

#[derive(Default)]
pub(super) struct Store {
    names: HashMap<(Box<str>, Box<str>), Name>,
    listeners: BTreeMap<Inbox, Arc<Queue>>,
    claims: u32,
}

#[derive(Default)]
struct Name {
    records: HashMap<Digest, Record>,
    /// The marks of the partitions, with the times until which they are remembered.
    marks: HashMap<u8, (u64, Nanos)>,
}

impl Name {
    /// Returns a partition's mark. One that is missing is made from the time, so a mark that was lost forgets
    /// and never revives.
    fn mark(&mut self, partition: u8, now: Nanos) -> &mut u64 {
        let (mark, until) = self.marks.entry(partition).or_insert((now, now));
        *until = now.saturating_add(nanos(DAY));
        mark
    }
}

impl Store {
    pub(super) fn claim(&mut self, claim: &Claim<'_>, now: Nanos) -> Claimed {
        self.claims = self.claims.wrapping_add(1);
        if self.claims % SWEEP == 0 {
            self.sweep(now);
        }
        let key = claim.key;
        let name = self.names.entry((key.namespace.into(), key.name.into())).or_default();
        let mark = *name.mark(key.digest.partition(), now);
        let record = name.records.entry(key.digest).or_insert_with(|| Record::new(mark));
        if record.lives_until() <= now {
            *record = Record::new(mark);
        }
        record.settle(mark, now);
        let listeners = &self.listeners;
        record.claim(claim, now, |inbox| is_open(listeners, inbox))
    }

    /// Returns the record of a key if it has one, settled.
    pub(super) fn record(&mut self, key: Key<'_>, now: Nanos) -> Option<&mut Record> {
        let name = self.names.get_mut(&(key.namespace.into(), key.name.into()))?;
        let mark = *name.mark(key.digest.partition(), now);
        if name.records.get(&key.digest)?.lives_until() <= now {
            name.records.remove(&key.digest);
        }
        let record = name.records.get_mut(&key.digest)?;
        record.settle(mark, now);
        Some(record)
    }

    pub(super) fn forget(&mut self, forget: &Forget<'_>, now: Nanos) -> Forgotten {
        let key = forget.key;
        let Some(record) = self.record(key, now) else { return Forgotten::default() };
        let (mut forgotten, noted) = record.forget(forget.from, now);
        let word = word(key.name, key.digest, forget.from, forget.id);
        forgotten.told = self.send_all(noted.into_iter().map(|inbox| (inbox, word.clone())));
        forgotten
    }

    pub(super) fn forget_all(&mut self, forget: &ForgetAll<'_>, now: Nanos) -> Forgotten {
        let name = self.names.entry((forget.namespace.into(), forget.name.into())).or_default();
        for partition in 0..PARTITIONS {
            let mark = name.mark(partition, now);
            *mark = mark.saturating_add(1).max(now);
        }
        let is_told = |inbox: &Inbox| inbox.namespace() == forget.namespace && inbox != forget.from;
        let open = self.listeners.iter().filter(|(inbox, queue)| is_told(inbox) && queue.is_open());
        let listeners: Vec<_> = open.map(|(inbox, _)| inbox.clone()).collect();
        let noted = u32::try_from(listeners.len()).unwrap_or(u32::MAX);
        let (name, from, id) = (forget.name.into(), forget.from.clone(), forget.id);
        let word = Message::ForgetAll { name, from, id };
        let told = self.send_all(listeners.into_iter().map(|inbox| (inbox, word.clone())));
        Forgotten { was_there: false, noted, told }
    }

    /// Sends messages, and returns how many had a listener.
    pub(super) fn send_all(&self, outbox: impl IntoIterator<Item = (Inbox, Message)>) -> u32 {
        let arrives =
            |(inbox, message)| self.listeners.get(&inbox).is_some_and(|queue| queue.send(message));
        let told = outbox.into_iter().map(arrives).filter(|has_arrived| *has_arrived).count();
        u32::try_from(told).unwrap_or(u32::MAX)
    }

    pub(super) fn send(&self, outbox: Outbox) {
        self.send_all(outbox);
    }

    pub(super) fn listen(&mut self, inbox: &Inbox) -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        if let Some(former) = self.listeners.insert(inbox.clone(), queue.clone()) {
            former.close();
        }
        queue
    }

    pub(super) fn is_listening(&self, inbox: &Inbox) -> bool {
        is_open(&self.listeners, inbox)
    }

    pub(super) fn cut_listeners(&mut self) {
        for queue in std::mem::take(&mut self.listeners).into_values() {
            queue.close();
        }
    }

    /// Loses all keys and marks. Connections stay.
    pub(super) fn flush(&mut self) {
        self.names.clear();
    }

    fn sweep(&mut self, now: Nanos) {
        for name in self.names.values_mut() {
            name.records.retain(|_, record| now < record.lives_until());
            name.marks.retain(|_, (_, until)| now < *until);
        }
        self.names.retain(|_, name| !name.records.is_empty() || !name.marks.is_empty());
        self.listeners.retain(|_, queue| queue.is_open());
    }
}

fn is_open(listeners: &BTreeMap<Inbox, Arc<Queue>>, inbox: &Inbox) -> bool {
    listeners.get(inbox).is_some_and(|queue| queue.is_open())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::Token;

    /// C25: a key of which nothing is left to know goes as work goes on.
    #[test]
    fn keys_that_are_over_are_swept() {
        let mut store = Store::default();
        let inbox = Inbox::draw("shop");
        let lease = Duration::from_secs(3);
        let claim = |store: &mut Store, number: u16, now: Nanos| {
            let token = Token::new(inbox.clone(), number.into());
            let [low, high] = number.to_le_bytes();
            let mut digest = [0; 16];
            (digest[0], digest[1]) = (low, high);
            let key = Key { namespace: "shop", name: "users", digest: Digest::new(digest) };
            store.claim(&Claim::new(key, &token, lease), now);
        };
        (0..1000).for_each(|number| claim(&mut store, number, 0));
        let later = nanos(2 * lease);
        (0..100).for_each(|number| claim(&mut store, 5000 + number, later));
        let kept: usize = store.names.values().map(|name| name.records.len()).sum();
        assert_eq!(kept, 100);
    }
}

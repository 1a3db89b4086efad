//! An engine whose messages get lost on their way, and which counts the looks for listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coalescer_cluster::engine::*;

/// Every fifth message is lost, in no regular order.
const LOST_OF_A_HUNDRED: u64 = 20;

/// Clones are handles to the same engine, and count together.
pub(crate) struct Lossy<E> {
    engine: Arc<E>,
    loses: bool,
    counts: Arc<Counts>,
}

impl<E> Clone for Lossy<E> {
    fn clone(&self) -> Self {
        let (engine, counts) = (Arc::clone(&self.engine), Arc::clone(&self.counts));
        Self { engine, loses: self.loses, counts }
    }
}

#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    lost: AtomicU64,
    found: AtomicU64,
}

impl<E: Engine> Lossy<E> {
    /// An engine that loses messages.
    pub(crate) fn new(engine: E) -> Self {
        Self { engine: Arc::new(engine), loses: true, counts: Arc::default() }
    }

    /// One that counts alone.
    pub(crate) fn counting(engine: E) -> Self {
        Self { loses: false, ..Self::new(engine) }
    }

    /// So many messages were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::SeqCst)
    }

    /// So many looks have found all listeners that they looked for.
    pub(crate) fn found(&self) -> u64 {
        self.counts.found.load(Ordering::SeqCst)
    }
}

type Answer<T> = Result<T, EngineError>;

impl<E: Engine> Engine for Lossy<E> {
    fn can(&self) -> Can {
        self.engine.can()
    }

    fn ping(&self, within: Duration) -> Answer<()> {
        self.engine.ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Answer<Claimed> {
        self.engine.claim(claim, within)
    }

    fn publish(&self, publication: &Publication<'_>, within: Duration) -> Answer<Published> {
        self.engine.publish(publication, within)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Answer<Released> {
        self.engine.release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Answer<Vec<bool>> {
        self.engine.renew(leads, within)
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Answer<Forgotten> {
        self.engine.forget(forget, within)
    }

    fn forget_all(&self, forget: &ForgetAll<'_>, within: Duration) -> Answer<Forgotten> {
        self.engine.forget_all(forget, within)
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Answer<bool> {
        self.engine.discard(key, bytes, within)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Answer<Box<dyn Listener>> {
        let listener = self.engine.listen(inbox, within)?;
        let (loses, counts) = (self.loses, Arc::clone(&self.counts));
        Ok(Box::new(LossyListener { listener, loses, counts }))
    }

    fn confirm(&self, to: &Inbox, by: &Inbox, id: ForgetId, within: Duration) -> Answer<()> {
        self.engine.confirm(to, by, id, within)
    }

    fn listening(&self, inboxes: &[Inbox], within: Duration) -> Answer<Vec<bool>> {
        let listening = self.engine.listening(inboxes, within)?;
        if listening.iter().all(|listens| *listens) {
            self.counts.found.fetch_add(1, Ordering::SeqCst);
        }
        Ok(listening)
    }

    fn fetch(&self, key: Key<'_>, flight: &FlightId, within: Duration) -> Answer<Option<End>> {
        self.engine.fetch(key, flight, within)
    }
}

struct LossyListener {
    listener: Box<dyn Listener>,
    loses: bool,
    counts: Arc<Counts>,
}

impl Listener for LossyListener {
    fn next(&mut self, within: Duration) -> Answer<Option<Message>> {
        let message = self.listener.next(within)?;
        if message.is_none() || !self.loses {
            return Ok(message);
        }
        let number = self.counts.messages.fetch_add(1, Ordering::SeqCst);
        if scattered(number) % 100 >= LOST_OF_A_HUNDRED {
            return Ok(message);
        }
        self.counts.lost.fetch_add(1, Ordering::SeqCst);
        Ok(None)
    }

    fn ping(&mut self, within: Duration) -> Answer<()> {
        self.listener.ping(within)
    }
}

/// A number that looks random.
fn scattered(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32
}

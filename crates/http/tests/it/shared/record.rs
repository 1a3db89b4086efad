//! An engine that records the claims, outcomes, releases and forgets of its processes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer_cluster::engine::{
    Can, Claim, Claimed, End, Engine, EngineError, FlightId, Forget, ForgetAll, ForgetId,
    Forgotten, Inbox, Key, Lead, Listener, Publication, Published, Release, Released, Wait, Waited,
};

#[derive(Clone)]
pub(super) struct Record {
    engine: Arc<dyn Engine>,
    bytes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Record {
    pub(super) fn of(engine: impl Engine) -> Self {
        Self { engine: Arc::new(engine), bytes: Arc::default() }
    }

    /// Returns true if the text was in anything that was recorded.
    pub(super) fn has(&self, text: &str) -> bool {
        let bytes = self.bytes.lock().unwrap();
        bytes.iter().any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// How many outcomes were handed in.
    pub(super) fn publications(&self) -> usize {
        self.bytes.lock().unwrap().iter().filter(|bytes| bytes.starts_with(b"CO")).count()
    }

    fn add(&self, bytes: impl Into<Vec<u8>>) {
        self.bytes.lock().unwrap().push(bytes.into());
    }
}

type Step<T> = Result<T, EngineError>;

impl Engine for Record {
    fn can(&self) -> Can {
        self.engine.can()
    }

    fn ping(&self, within: Duration) -> Step<()> {
        self.engine.ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Step<Claimed> {
        self.add(format!("{claim:?}"));
        self.engine.claim(claim, within)
    }

    fn wait(&self, wait: &Wait<'_>, within: Duration) -> Step<Waited> {
        self.engine.wait(wait, within)
    }

    fn publish(&self, publication: &Publication<'_>, within: Duration) -> Step<Published> {
        self.add(publication.bytes);
        self.engine.publish(publication, within)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Step<Released> {
        self.add(format!("{release:?}"));
        self.engine.release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Step<Vec<bool>> {
        self.engine.renew(leads, within)
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Step<Forgotten> {
        self.add(format!("{forget:?}"));
        self.engine.forget(forget, within)
    }

    fn forget_all(&self, forget: &ForgetAll<'_>, within: Duration) -> Step<Forgotten> {
        self.add(format!("{forget:?}"));
        self.engine.forget_all(forget, within)
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Step<bool> {
        self.engine.discard(key, bytes, within)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Step<Box<dyn Listener>> {
        self.engine.listen(inbox, within)
    }

    fn confirm(&self, to: &Inbox, by: &Inbox, id: ForgetId, within: Duration) -> Step<()> {
        self.engine.confirm(to, by, id, within)
    }

    fn listening(&self, inboxes: &[Inbox], within: Duration) -> Step<Vec<bool>> {
        self.engine.listening(inboxes, within)
    }

    fn fetch(&self, key: Key<'_>, flight: &FlightId, within: Duration) -> Step<Option<End>> {
        self.engine.fetch(key, flight, within)
    }
}

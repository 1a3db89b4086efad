//! An engine whose steps fail when a model says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::Memory;
use coalescer_cluster::engine::*;

#[derive(Clone, Default)]
pub(super) struct Faulty {
    pub(super) engine: Memory,
    pub(super) faults: Arc<Faults>,
}

#[derive(Default)]
pub(super) struct Faults {
    /// Claims, publications and pings fail. Messages come.
    pub(super) refuses: AtomicBool,
    /// The next claim is carried out, and its reply is lost.
    pub(super) loses_a_reply: AtomicBool,
    /// Another process forgets everything just before this one listens again.
    pub(super) forgets_before_it_listens: AtomicBool,
    /// Nobody can begin to listen.
    pub(super) is_mute: AtomicBool,
    /// So often somebody began to listen.
    pub(super) listens: AtomicU32,
}

type Step<T> = Result<T, EngineError>;

impl Faulty {
    fn answers(&self) -> Step<()> {
        match self.faults.refuses.load(Ordering::SeqCst) {
            true => Err(ErrorKind::Refused.into()),
            false => Ok(()),
        }
    }
}

impl Engine for Faulty {
    fn can(&self) -> Can {
        self.engine.can()
    }

    fn clock(&self) -> Option<ManualClock> {
        self.engine.clock()
    }

    fn ping(&self, within: Duration) -> Step<()> {
        self.answers()?;
        self.engine.ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Step<Claimed> {
        self.answers()?;
        let claimed = self.engine.claim(claim, within)?;
        if self.faults.loses_a_reply.swap(false, Ordering::SeqCst) {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(match claimed {
            // Nobody looks for this leader: a look that succeeds would say that the engine is well.
            Claimed::Follow { flight, age, .. } => Claimed::Follow { flight, age, holder: None },
            other => other,
        })
    }

    fn publish(&self, publication: &Publication<'_>, within: Duration) -> Step<Published> {
        self.answers()?;
        self.engine.publish(publication, within)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Step<Released> {
        self.engine.release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Step<Vec<bool>> {
        self.engine.renew(leads, within)
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Step<Forgotten> {
        self.engine.forget(forget, within)
    }

    fn forget_all(&self, forget: &ForgetAll<'_>, within: Duration) -> Step<Forgotten> {
        self.engine.forget_all(forget, within)
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Step<bool> {
        self.engine.discard(key, bytes, within)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Step<Box<dyn Listener>> {
        if self.faults.is_mute.load(Ordering::SeqCst) {
            return Err(ErrorKind::Refused.into());
        }
        if self.faults.forgets_before_it_listens.load(Ordering::SeqCst) {
            let from = &Inbox::draw("shop");
            self.engine
                .forget_all(&ForgetAll { namespace: "shop", name: "users", from, id: 1 }, within)?;
        }
        let listener = self.engine.listen(inbox, within)?;
        self.faults.listens.fetch_add(1, Ordering::SeqCst);
        Ok(listener)
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

//! An engine within one process.
//!
//! [`record`] has the steps, without locks, clocks and listeners: it is what other engines are compared with.

mod flight;
mod listener;
mod record;
mod store;
mod time;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer::ManualClock;

use crate::engine::{
    Can, Claim, Claimed, End, Engine, EngineError, ErrorKind, FlightId, Forget, ForgetAll,
    ForgetId, Forgotten, Inbox, Key, Lead, Listener, Message, Publication, Published, Release,
    Released,
};
use crate::sync::{Mutex, Nanos};

use listener::Reader;
use store::Store;
use time::Time;

/// An engine in the memory of one process, for tests: two clusters over one are as two processes.
///
/// A clone is a handle to the same engine. It never blocks, so the time of a step is not looked at. It can
/// take the time from a clock that the test moves, and it can [fail](Self::fail_with),
/// [lose everything](Self::flush) and [cut its listeners off](Self::cut_listeners).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::ManualClock;
/// use coalescer_cluster::Memory;
/// use coalescer_cluster::engine::{Claim, Claimed, Digest, Engine, Inbox, Key, Token};
///
/// let clock = ManualClock::new();
/// let engine = Memory::with_clock(clock.clone());
/// let [within, lease] = [Duration::from_millis(100), Duration::from_secs(3)];
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let [here, there] = [(); 2].map(|()| Token::new(Inbox::draw("shop"), 1));
///
/// engine.claim(&Claim::new(key, &here, lease), within)?;
/// clock.advance(lease); // whoever led has gone, and another one leads the same flight
/// let claimed = engine.claim(&Claim::new(key, &there, lease), within)?;
/// assert!(matches!(claimed, Claimed::Lead { age, .. } if age == lease));
/// # Ok::<(), coalescer_cluster::engine::EngineError>(())
/// ```
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Inner>,
}

struct Inner {
    time: Time,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    store: Store,
    fault: Option<ErrorKind>,
}

impl Memory {
    /// Makes an engine with the system's clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::Memory;
    /// use coalescer_cluster::engine::Engine;
    ///
    /// assert!(Memory::new().clock().is_none());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_time(Time::of_the_system())
    }

    /// Makes an engine that takes the time from a clock of the test.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ManualClock;
    /// use coalescer_cluster::Memory;
    /// use coalescer_cluster::engine::Engine;
    ///
    /// assert!(Memory::with_clock(ManualClock::new()).clock().is_some());
    /// ```
    #[must_use]
    pub fn with_clock(clock: ManualClock) -> Self {
        Self::with_time(Time::of(clock))
    }

    fn with_time(time: Time) -> Self {
        Self { inner: Arc::new(Inner { time, state: Mutex::default() }) }
    }

    /// Lets every step fail from now on, and cuts the listeners off, as if the engine had gone. `None` brings
    /// it back, with what it had.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_cluster::Memory;
    /// use coalescer_cluster::engine::{Engine, ErrorKind};
    ///
    /// let engine = Memory::new();
    /// engine.fail_with(ErrorKind::Refused);
    /// assert_eq!(engine.ping(Duration::ZERO).unwrap_err().kind(), ErrorKind::Refused);
    /// engine.fail_with(None);
    /// assert!(engine.ping(Duration::ZERO).is_ok());
    /// ```
    pub fn fail_with(&self, fault: impl Into<Option<ErrorKind>>) {
        let mut state = self.inner.state.lock();
        state.fault = fault.into();
        if state.fault.is_some() {
            state.store.cut_listeners();
        }
    }

    /// Loses all results, flights and notes, as a server does that starts again. Listeners stay.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_cluster::Memory;
    /// # use coalescer_cluster::engine::{Claim, Digest, Engine, Inbox, Key, Publication, Published, Token};
    /// # let within = Duration::from_secs(1);
    /// # let engine = Memory::new();
    /// # let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
    /// # let token = Token::new(Inbox::draw("shop"), 1);
    /// engine.claim(&Claim::new(key, &token, within), within)?;
    /// engine.flush();
    /// let publication = Publication::new(key, &token, b"ada");
    /// assert_eq!(engine.publish(&publication, within)?, Published::Refused);
    /// # Ok::<(), coalescer_cluster::engine::EngineError>(())
    /// ```
    pub fn flush(&self) {
        self.inner.state.lock().store.flush();
    }

    /// Breaks the connections of all listeners. Messages that they have not read are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_cluster::Memory;
    /// use coalescer_cluster::engine::{Engine, Inbox};
    ///
    /// let engine = Memory::new();
    /// let mut listener = engine.listen(&Inbox::draw("shop"), Duration::ZERO)?;
    /// engine.cut_listeners();
    /// assert!(listener.next(Duration::MAX).is_err());
    /// # Ok::<(), coalescer_cluster::engine::EngineError>(())
    /// ```
    pub fn cut_listeners(&self) {
        self.inner.state.lock().store.cut_listeners();
    }

    /// Carries a step out, at one moment.
    fn step<T>(&self, step: impl FnOnce(&mut Store, Nanos) -> T) -> Result<T, EngineError> {
        let mut state = self.inner.state.lock();
        match state.fault {
            Some(kind) => Err(EngineError::new(kind, "the test says so")),
            // Read under the lock, so that the time of a later step is not earlier.
            None => Ok(step(&mut state.store, self.inner.time.now())),
        }
    }
}

impl Engine for Memory {
    fn can(&self) -> Can {
        Can::by_messages()
    }

    fn clock(&self) -> Option<ManualClock> {
        self.inner.time.manual().cloned()
    }

    fn ping(&self, _within: Duration) -> Result<(), EngineError> {
        self.step(|_, _| ())
    }

    fn claim(&self, claim: &Claim<'_>, _within: Duration) -> Result<Claimed, EngineError> {
        self.step(|store, now| store.claim(claim, now))
    }

    fn publish(
        &self,
        publication: &Publication<'_>,
        _within: Duration,
    ) -> Result<Published, EngineError> {
        self.step(|store, now| {
            let Some(record) = store.record(publication.key, now) else {
                return Published::Refused;
            };
            let (published, outbox) = record.publish(publication, now);
            store.send(outbox);
            published
        })
    }

    fn release(&self, release: &Release<'_>, _within: Duration) -> Result<Released, EngineError> {
        self.step(|store, now| {
            let Some(record) = store.record(release.key, now) else { return Released::Refused };
            let (released, outbox) = record.release(release, now);
            store.send(outbox);
            released
        })
    }

    fn renew(&self, leads: &[Lead<'_>], _within: Duration) -> Result<Vec<bool>, EngineError> {
        self.step(|store, now| {
            let mut renew = |lead: &Lead<'_>| {
                let record = store.record(lead.key, now);
                record.is_some_and(|record| record.renew(lead.token, lead.lease, now))
            };
            leads.iter().map(&mut renew).collect()
        })
    }

    fn forget(&self, forget: &Forget<'_>, _within: Duration) -> Result<Forgotten, EngineError> {
        self.step(|store, now| store.forget(forget, now))
    }

    fn forget_all(
        &self,
        forget: &ForgetAll<'_>,
        _within: Duration,
    ) -> Result<Forgotten, EngineError> {
        self.step(|store, now| store.forget_all(forget, now))
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], _within: Duration) -> Result<bool, EngineError> {
        self.step(|store, now| store.record(key, now).is_some_and(|record| record.discard(bytes)))
    }

    fn listen(&self, inbox: &Inbox, _within: Duration) -> Result<Box<dyn Listener>, EngineError> {
        self.step(|store, _| Box::new(Reader(store.listen(inbox))) as Box<dyn Listener>)
    }

    fn confirm(
        &self,
        to: &Inbox,
        by: &Inbox,
        id: ForgetId,
        _within: Duration,
    ) -> Result<(), EngineError> {
        let dropped = Message::Dropped { id, by: by.clone() };
        self.step(|store, _| store.send(vec![(to.clone(), dropped)]))
    }

    fn listening(&self, inboxes: &[Inbox], _within: Duration) -> Result<Vec<bool>, EngineError> {
        self.step(|store, _| inboxes.iter().map(|inbox| store.is_listening(inbox)).collect())
    }

    fn fetch(
        &self,
        key: Key<'_>,
        flight: &FlightId,
        _within: Duration,
    ) -> Result<Option<End>, EngineError> {
        self.step(|store, now| store.record(key, now).and_then(|record| record.fetch(flight)))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

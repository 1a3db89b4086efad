//! The steps, each under the lock of its key.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::ManualClock;

use crate::engine::{
    Can, Claim, Claimed, End, Engine, EngineError, ErrorKind, Forget, ForgetAll, Forgotten, Inbox,
    Key, Publication, Published, Release, Released, Token, Wait, Waited,
};
use crate::sync::host::boot_time;
use crate::sync::{AtomicU64, Deadline, Mutex, Nanos, Ordering, nanos};

use super::folder::{Folder, Name, told};
use super::locks::{Lead, Locks, execution_place};
use super::state::{Done, Ended, Found, How, Look, State, id, number};
use super::waits::Waits;

/// A process sweeps with its first publication, and after so many more.
const SWEEP: u64 = 16;

/// A sweep looks at so many files. A publication makes two at most, so sweeps keep up with publications.
const SWEPT: usize = 64;

/// The engine of one host, without a server: for prefork servers, and programs that start many at a time.
///
/// The processes meet in a folder. Who leads a key holds a lock of the kernel's, so a leader that is killed is
/// noticed at once. There are no messages: a call that waits blocks until the leader's lock is free, by a thread
/// of this crate's for each key that is waited for. Processes keep no copies of results: a call that comes later looks
/// into the folder again.
///
/// The folder must be the user's own, with mode 0700, and on this host: `/dev/shm/NAME` or a folder in
/// `$XDG_RUNTIME_DIR`. It is made if it is missing. Linux with 64 bits alone.
///
/// A forked child opens an engine of its own. It must not outlive a leader that was running when it was forked: it
/// shares that leader's lock.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::Files;
/// use coalescer_cluster::engine::{Claim, Claimed, Digest, Engine, Inbox, Key, Publication, Token};
///
/// # let dir = std::env::temp_dir().join(format!("coalescer-doc-{}", std::process::id()));
/// let engine = Files::open(&dir)?;
/// let [within, lease] = [Duration::from_millis(100), Duration::from_secs(3)];
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let [here, there] = [(); 2].map(|()| Token::new(Inbox::draw("shop"), 1));
///
/// let claimed = engine.claim(&Claim::new(key, &here, lease), within)?;
/// assert!(matches!(claimed, Claimed::Lead { .. }));
/// let mut publication = Publication::new(key, &here, b"ada");
/// publication.keep = Some(Duration::MAX);
/// engine.publish(&publication, within)?;
///
/// // Any process of this user on this host:
/// let other = Files::open(&dir)?;
/// let claimed = other.claim(&Claim::new(key, &there, lease), within)?;
/// assert!(matches!(claimed, Claimed::Hit { bytes, .. } if *bytes == *b"ada"));
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Files {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Folder,
    locks: Locks,
    waits: Waits,
    /// The executions that this process leads.
    leads: Mutex<HashMap<Token, Leading>>,
    /// A clock that a test moves, and its first instant.
    clock: Option<(ManualClock, Instant)>,
    publications: AtomicU64,
}

struct Leading {
    key: Name,
    execution: u64,
    _lock: Lead,
}

impl Files {
    /// Opens the folder, and makes it if it is missing. It blocks for the file system alone.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or read; `PermissionDenied` if it is not the user's own with mode 0700;
    /// `Unsupported` if it is on a file system of another host, or if this is not Linux with 64 bits.
    ///
    /// # Examples
    ///
    /// See [`Files`].
    pub fn open(dir: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_with(dir.as_ref(), None)
    }

    pub(super) fn open_with(dir: &Path, clock: Option<ManualClock>) -> io::Result<Self> {
        let folder = Folder::open(dir)?;
        let locks = Locks::new(&folder).map_err(io::Error::other)?;
        let (waits, leads, publications) = Default::default();
        let clock = clock.map(|clock| (clock.clone(), clock.now()));
        let inner = Inner { folder, locks, waits, leads, clock, publications };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The number of executions that this process leads.
    #[cfg(test)]
    pub(super) fn leads(&self) -> usize {
        self.inner.leads.lock().len()
    }

    /// Carries a step out on the state of a key. What it returns as an error leaves the state as it was.
    fn step<T>(
        &self,
        key: Key<'_>,
        within: Duration,
        step: impl FnOnce(&mut State, Name, Nanos) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let Inner { folder, locks, .. } = &*self.inner;
        let name = Name::of(key);
        let _step = locks.step(name, within)?;
        folder.check_place()?;
        let mark = folder.mark(Name::of_all(key.namespace, key.name))?;
        let before = folder.state(name)?;
        // Read under the lock, so that the time of a later step is not earlier.
        let now = self.inner.now()?;
        let mut state = before.clone();
        state.settle(mark, now);
        let answer = step(&mut state, name, now)?;
        if state != before {
            if state.says_nothing(now) {
                folder.remove_state(name)?;
            } else {
                folder.write_state(name, &state)?;
            }
            for flight in before.outcomes().difference(&state.outcomes()) {
                folder.remove_outcome(name, *flight)?;
            }
        }
        Ok(answer)
    }

    /// The execution that a token leads here.
    fn execution(&self, token: &Token, key: Name) -> Option<u64> {
        let leads = self.inner.leads.lock();
        leads.get(token).filter(|lead| lead.key == key).map(|lead| lead.execution)
    }

    fn found(
        &self,
        found: Found,
        claim: &Claim<'_>,
        key: Name,
    ) -> Result<Option<Claimed>, EngineError> {
        Ok(Some(match found {
            Found::Hit(flight, age) => {
                let Some(bytes) = self.inner.folder.outcome(key, flight)? else { return Ok(None) };
                Claimed::Hit { flight: id(flight), age, bytes: bytes.into() }
            }
            Found::Lead { flight, age, execution } => {
                let lock = Lead::new(&self.inner.folder, key, execution)?;
                let leading = Leading { key, execution, _lock: lock };
                self.inner.leads.lock().insert(claim.token.clone(), leading);
                Claimed::Lead { flight: id(flight), age }
            }
            Found::Follow(flight, age, holder) => {
                Claimed::Follow { flight: id(flight), age, holder: Inbox::parse(&holder) }
            }
            Found::Wait(flight, age, holder) => {
                Claimed::Wait { flight: id(flight), age, holder: Inbox::parse(&holder) }
            }
            Found::Full => Claimed::Full,
            Found::Busy => Claimed::Busy,
        }))
    }

    /// Ends a lead. Its lock goes last, when the end is in the state for those whom that wakes.
    fn end(
        &self,
        key: Key<'_>,
        token: &Token,
        within: Duration,
        end: impl FnOnce(&mut State, Name, u64, Nanos) -> Result<Option<Done>, EngineError>,
    ) -> Result<Option<Done>, EngineError> {
        let Some(execution) = self.execution(token, Name::of(key)) else { return Ok(None) };
        let ended = self.step(key, within, |state, name, now| end(state, name, execution, now));
        self.inner.free(token);
        ended
    }

    fn learned(&self, key: Name, ended: Ended) -> Result<Waited, EngineError> {
        let end = match ended.how {
            How::RunYourOwn => End::RunYourOwn,
            How::Panicked(text) => End::Panicked(text.into()),
            How::Outcome { kept } => {
                let bytes = self.inner.folder.outcome(key, ended.flight)?;
                bytes.map_or(End::AskAgain, |bytes| End::Outcome { bytes: bytes.into(), kept })
            }
        };
        Ok(Waited::Ended { end, forgotten: ended.forgotten })
    }

    /// Removes what is over, of some of the keys. A key that another step has is left for the next sweep.
    fn sweep(&self) -> Result<(), EngineError> {
        let Inner { folder, locks, .. } = &*self.inner;
        for file in folder.next(SWEPT)? {
            let (text, rest) = file.split_once('.').unwrap_or((&file, ""));
            let Some(key) = Name::parse(text).filter(|_| !rest.starts_with("mark")) else {
                continue;
            };
            let Ok(_step) = locks.step(key, Duration::ZERO) else { continue };
            let (before, now) = (folder.state(key)?, self.inner.now()?);
            let mut state = before.clone();
            state.note_dead(now, &|execution| locks.runs(key, execution));
            let is_known = || rest.parse().is_ok_and(|flight| state.has_outcome(flight));
            if state.is_over(now) || !rest.is_empty() && !is_known() {
                folder.remove(&file)?;
            } else if state != before {
                folder.write_state(key, &state)?;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Frees the lock of a lead, if there is one, and not under the lock of all leads.
    fn free(&self, token: &Token) {
        let lead = self.leads.lock().remove(token);
        drop(lead);
    }

    fn now(&self) -> Result<Nanos, EngineError> {
        match &self.clock {
            None => boot_time().map_err(told),
            Some((clock, first)) => Ok(nanos(clock.now().saturating_duration_since(*first))),
        }
    }
}

impl Engine for Files {
    fn can(&self) -> Can {
        Can::by_blocking_calls()
    }

    fn clock(&self) -> Option<ManualClock> {
        self.inner.clock.as_ref().map(|(clock, _)| clock.clone())
    }

    fn ping(&self, _within: Duration) -> Result<(), EngineError> {
        self.inner.folder.check_place()
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Result<Claimed, EngineError> {
        let led_before = self.execution(claim.token, Name::of(claim.key));
        let claimed = self.step(claim.key, within, |state, key, now| {
            let led = led_before.and_then(|execution| state.led(execution, now));
            if let Some((flight, age)) = led {
                return Ok(Claimed::Lead { flight: id(flight), age });
            }
            let runs = |execution| self.inner.locks.runs(key, execution);
            loop {
                let found = state.claim(claim, now, &runs);
                if let Some(claimed) = self.found(found, claim, key)? {
                    return Ok(claimed);
                }
                // Somebody has removed the file of the result.
                state.remove_result();
            }
        });
        // A lead that no file knows of would keep its lock for ever.
        if claimed.is_err() && led_before.is_none() {
            self.inner.free(claim.token);
        }
        claimed
    }

    fn publish(
        &self,
        publication: &Publication<'_>,
        within: Duration,
    ) -> Result<Published, EngineError> {
        let done =
            self.end(publication.key, publication.token, within, |state, key, execution, now| {
                let how = Some(How::Outcome { kept: false });
                let done = state.end(execution, how, publication.keep, now);
                // One that is not kept and that nobody waits for needs no file.
                if let Some(done) = done.as_ref().filter(|done| state.has_outcome(done.flight)) {
                    self.inner.folder.write_outcome(key, done.flight, publication.bytes)?;
                }
                Ok(done)
            })?;
        if self.inner.publications.fetch_add(1, Ordering::Relaxed) % SWEEP == 0 {
            // A later sweep removes the files that this one cannot remove.
            self.sweep().ok();
        }
        let ended = |Done { kept, forgotten, .. }| Published::Ended { told: 0, kept, forgotten };
        Ok(done.map_or(Published::Refused, ended))
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Result<Released, EngineError> {
        let done = self.end(release.key, release.token, within, |state, _, execution, now| {
            Ok(state.end(execution, How::of(&release.end), None, now))
        })?;
        let ended = |done: Done| Released::Ended { told: 0, forgotten: done.forgotten };
        Ok(done.map_or(Released::Refused, ended))
    }

    fn renew(
        &self,
        leads: &[crate::engine::Lead<'_>],
        within: Duration,
    ) -> Result<Vec<bool>, EngineError> {
        let still_leads = |lead: &crate::engine::Lead<'_>| {
            self.step(lead.key, within, |state, key, now| {
                let execution = self.execution(lead.token, key);
                Ok(execution.is_some_and(|execution| state.led(execution, now).is_some()))
            })
        };
        leads.iter().map(still_leads).collect()
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Result<Forgotten, EngineError> {
        self.step(forget.key, within, |state, key, _| {
            let was_there = state.forget(&|execution| self.inner.locks.runs(key, execution));
            Ok(Forgotten { was_there, noted: 0, told: 0 })
        })
    }

    fn forget_all(
        &self,
        forget: &ForgetAll<'_>,
        within: Duration,
    ) -> Result<Forgotten, EngineError> {
        let Inner { folder, locks, .. } = &*self.inner;
        let name = Name::of_all(forget.namespace, forget.name);
        let _step = locks.step(name, within)?;
        folder.check_place()?;
        let mark = folder.mark(name)?.saturating_add(1).max(self.inner.now()?);
        folder.write_mark(name, mark)?;
        Ok(Forgotten::default())
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Result<bool, EngineError> {
        self.step(key, within, |state, key, _| {
            let Some(flight) = state.result() else { return Ok(false) };
            let is_it = self.inner.folder.outcome(key, flight)?.is_some_and(|found| found == bytes);
            if is_it {
                state.remove_result();
            }
            Ok(is_it)
        })
    }

    fn wait(&self, wait: &Wait<'_>, within: Duration) -> Result<Waited, EngineError> {
        let deadline = Deadline::after(within);
        let gone = Waited::Ended { end: End::AskAgain, forgotten: false };
        let Some(flight) = number(wait.flight) else { return Ok(gone) };
        let key = Name::of(wait.key);
        // All under the lock of the key: an end is noted there before the lead's lock is free. So one that is free without
        // a noted end is that of a leader that has died, and never that of one that ends meanwhile.
        let runs = |execution| self.inner.locks.runs(key, execution);
        let look = |state: &mut State, key, _| match state.look(flight, &runs) {
            Look::Ended(ended) => self.learned(key, ended).map(ControlFlow::Break),
            Look::Runs(execution) => Ok(ControlFlow::Continue(execution)),
            Look::Gone => Ok(ControlFlow::Break(gone.clone())),
        };
        loop {
            let execution = match self.step(wait.key, deadline.left(), look) {
                // The time of the wait is over, and that says nothing about the engine.
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(Waited::StillRuns),
                Err(error) => return Err(error),
                Ok(ControlFlow::Break(ended)) => return Ok(ended),
                Ok(ControlFlow::Continue(execution)) => execution,
            };
            let (folder, place) = (&self.inner.folder, execution_place(key, execution));
            if !self.inner.waits.wait(folder, place, deadline)? {
                return Ok(Waited::StillRuns);
            }
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

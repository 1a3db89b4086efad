//! Everything that the tables of one process share: the engine, the inbox, and what waits for messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::shared::{ForgetEverywhere, Unreached};

use crate::engine::{
    Can, Claim, Claimed, End, Engine, EngineError, ErrorKind, Forget, ForgetAll, ForgetId,
    Forgotten, Inbox, Presence, Release, Released, Token, Wakes,
};
#[cfg(feature = "metrics")]
use crate::health::ClusterStats;
use crate::health::{Guarded, Health, Unasked};
use crate::observe::{Step, records_steps, took};
use crate::sync::{AtomicBool, AtomicU64, Counter, Deadline, Mutex, Ordering, Worker, now};

use super::bell::Bell;
use super::ear::{self, Ear, SIGN_OF_LIFE};
use super::forgets::{Forgets, ToRepeat};
use super::held::Member;
use super::keeper;
use super::leads::{Leads, Place};
use super::members::Members;
use super::waits::Waits;

/// The settings of a cluster.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) namespace: Box<str>,
    pub(super) op_timeout: Duration,
    pub(super) lease: Duration,
    pub(super) probe: Duration,
    pub(super) secret: Option<[u8; 32]>,
}

pub(super) struct Process {
    pub(super) guarded: Guarded,
    pub(super) can: Can,
    pub(super) terms: Terms,
    pub(super) inbox: Inbox,
    pub(super) ear: Ear,
    pub(super) bell: Bell,
    pub(super) waits: Waits,
    pub(super) leads: Leads,
    /// Claims and publications that failed, and may have been carried out.
    pub(super) orphans: Leads,
    pub(super) forgets: Forgets,
    pub(super) members: Members,
    pub(super) is_closed: AtomicBool,
    /// Tables may keep results of which the engine does not know.
    keeps_alone: AtomicBool,
    /// The number of returns of the engine that were noticed.
    returns: AtomicU64,
    /// The last number of a claim or of a forget.
    numbers: Counter,
    pub(super) workers: Mutex<Vec<Worker>>,
    #[cfg(feature = "metrics")]
    published: Mutex<ClusterStats>,
}

impl Process {
    /// Starts the threads of a cluster handle.
    pub(super) fn start(engine: Arc<dyn Engine>, terms: Terms) -> std::io::Result<Arc<Self>> {
        let can = engine.can();
        let hears_nothing = can.wakes == Wakes::Blocking;
        let process = Arc::new(Self {
            guarded: Guarded::new(engine),
            can,
            inbox: Inbox::draw(&terms.namespace),
            terms,
            ear: Ear::new(hears_nothing),
            bell: Bell::default(),
            waits: Waits::default(),
            leads: Leads::default(),
            orphans: Leads::default(),
            forgets: Forgets::default(),
            members: Members::default(),
            is_closed: AtomicBool::new(false),
            keeps_alone: AtomicBool::new(false),
            returns: AtomicU64::new(0),
            numbers: Counter::new(0),
            workers: Mutex::default(),
            #[cfg(feature = "metrics")]
            published: Mutex::default(),
        });
        let mut workers = Vec::new();
        let keeper = Arc::clone(&process);
        workers.push(Worker::start("coalescer-keeper", move || keeper::keep(&keeper))?);
        if !hears_nothing {
            let ear = Arc::clone(&process);
            workers.push(Worker::start("coalescer-ear", move || ear::listen(&ear)).inspect_err(
                |_| {
                    process.is_closed.store(true, Ordering::SeqCst);
                    process.bell.ring();
                },
            )?);
        }
        *process.workers.lock() = workers;
        Ok(process)
    }

    pub(super) fn now(&self) -> Instant {
        self.guarded.now()
    }

    pub(super) fn is_manual(&self) -> bool {
        self.guarded.is_manual()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// True if this process cannot ask the engine now, so that it knows of no other process.
    pub(super) fn is_alone(&self) -> bool {
        self.is_closed() || self.guarded.is_open() || self.guarded.is_forked()
    }

    /// The looks for leaders that have gone are of use.
    pub(super) fn probes(&self) -> bool {
        self.can.wakes == Wakes::Messages
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sends a step, if the engine is asked now.
    pub(super) fn ask<T>(
        &self,
        kind: Step,
        within: Duration,
        step: impl FnOnce(&dyn Engine, Duration) -> Result<T, EngineError>,
    ) -> Result<T, Unasked> {
        if self.is_closed() {
            return Err(Unasked::Closed);
        }
        let step = |engine: &dyn Engine| {
            let began = records_steps().then(now);
            let answer = step(engine, within);
            if let Some(began) = began {
                took(kind, now().saturating_duration_since(began));
            }
            answer
        };
        let asked = match within < self.terms.op_timeout / 5 {
            true => self.guarded.ask_briefly(step),
            false => self.guarded.ask(step),
        };
        match &asked {
            Ok(_) => self.notice_return(),
            Err(Unasked::Failed { opened: true, .. }) => {
                self.waits.wake_all();
                self.bell.ring();
            }
            Err(_) => {}
        }
        asked
    }

    /// If the engine has come back, the other processes could not take back what was kept meanwhile.
    fn notice_return(&self) {
        let returns = self.guarded.closings();
        if self.returns.load(Ordering::Relaxed) != returns
            && self.returns.swap(returns, Ordering::Relaxed) != returns
        {
            self.drop_what_was_kept_alone();
            self.bell.ring();
        }
    }

    pub(super) fn health(&self) -> Health {
        self.guarded.health(self.can.wakes == Wakes::Blocking || self.ear.hearing().is_some())
    }

    #[cfg(feature = "metrics")]
    pub(super) fn publish_metrics(&self) {
        // Read under the lock, so that nothing is added twice. The recorder runs without it.
        let mut published = self.published.lock();
        let (old, new) = (*published, self.guarded.stats());
        *published = new;
        drop(published);
        crate::observe::metrics::publish(&self.terms.namespace, &old, &new, &self.health());
    }

    /// Says why a table shares with nobody.
    pub(super) fn shares_nothing(&self, name: &str, error: &std::io::Error) {
        let text = format!(
            "`{name}` shares with nobody: the program's file cannot be read ({error}); name a schema"
        );
        self.guarded.note(&EngineError::new(ErrorKind::Unexpected, text));
    }

    /// A table may keep a result of which the engine does not know.
    pub(super) fn keeps_alone(&self) {
        self.keeps_alone.store(true, Ordering::SeqCst);
    }

    fn drop_what_was_kept_alone(&self) {
        if self.keeps_alone.swap(false, Ordering::SeqCst) {
            self.members.all(|member| member.forget_all());
        }
    }

    /// The process hears messages, for the first time or after a break.
    pub(super) fn hears_again(&self) {
        self.drop_what_was_kept_alone();
        self.waits.wake_all();
    }

    /// Words to forget may be lost: nothing is served that was there before.
    pub(super) fn hears_no_more(&self) {
        self.members.all(|member| member.forget_all());
        self.waits.wake_all();
    }

    /// Tells the process that asked that this one has forgotten. If that fails, the other one says that it
    /// has not reached this process.
    pub(super) fn confirm(&self, to: &Inbox, id: ForgetId) {
        let _ = self.ask(Step::Confirm, self.terms.op_timeout, |engine, within| {
            engine.confirm(to, &self.inbox, id, within)
        });
    }

    /// The ability of this process that a claim tells. `copies`: its table keeps copies.
    pub(super) fn presence(&self, copies: bool) -> Presence {
        match self.ear.hearing() {
            None => Presence::Absent,
            Some(_) if copies => Presence::KeepsCopies,
            Some(_) => Presence::Listens,
        }
    }

    /// Returns when all messages have been heard that the engine had sent before, or when the time is over.
    pub(super) fn catch_up(&self, within: Duration) {
        let until = Deadline::after(within);
        let id = self.next_number();
        self.forgets.expect(id);
        // It comes behind all others.
        let sent = self.ask(Step::Confirm, within, |engine, within| {
            engine.confirm(&self.inbox, &self.inbox, id, within)
        });
        self.forgets.collect(id, 1, until, sent.is_ok() && self.ear.hearing().is_some());
    }

    /// Gives up a lead whose function has not begun.
    pub(super) fn give_up(&self, token: &Token, place: &Place, within: Duration) {
        if self.release(token, place, End::AskAgain, within).is_err() {
            self.abandon(token.clone(), place.clone());
        }
    }

    /// Ends an execution without an outcome.
    pub(super) fn release(
        &self,
        token: &Token,
        place: &Place,
        end: End,
        within: Duration,
    ) -> Result<Released, Unasked> {
        let release = Release { key: place.key(&self.terms.namespace), token, end };
        self.ask(Step::Release, within, |engine, within| engine.release(&release, within))
    }

    pub(super) fn ping(&self) -> Result<(), Unasked> {
        self.ask(Step::Ping, self.terms.op_timeout, |engine, within| engine.ping(within))
    }

    pub(super) fn has_repairs(&self) -> bool {
        self.guarded.is_down() || !self.forgets.is_empty() || !self.orphans.is_empty()
    }

    pub(super) fn has_work(&self) -> bool {
        self.has_repairs()
            || self.can.leases && !self.leads.is_empty()
            || self.probes() && !self.waits.holders().is_empty()
    }

    /// Forgets in the other processes, and in the other tables of the name. `lives_for` is the longest time for
    /// which anything of it is served; `asks` is the table that forgets by itself.
    pub(super) fn forget(
        &self,
        what: ToRepeat,
        lives_for: Duration,
        asks: &dyn Member,
    ) -> ForgetEverywhere<bool> {
        let until = Deadline::after(self.terms.op_timeout);
        let name = match &what {
            ToRepeat::Key(place) => &place.name,
            ToRepeat::Name(name) => name,
        };
        let id = self.next_number();
        self.forgets.expect(id);
        let sent = self.send_forget(&what, id);
        if sent.is_err() {
            // Before the other tables forget: from then on they take nothing of it from the engine.
            self.forgets.missed(what.clone(), self.now().checked_add(lives_for));
        }
        // After the engine, from which they could have taken it again. They get no word of their own process.
        self.members.each(name, |member| match &what {
            _ if std::ptr::addr_eq(member, asks) => {}
            ToRepeat::Key(place) => member.forget(place.digest),
            ToRepeat::Name(_) => member.forget_all(),
        });
        let Ok(forgotten) = sent else {
            self.forgets.collect(id, 0, until, false);
            self.guarded.counters().forgot_unreached();
            self.bell.ring_for_work();
            return Err(Unreached::new(true, 0, lives_for));
        };
        let told = forgotten.told as usize;
        let hears = self.ear.hearing().is_some();
        let answers = self.forgets.collect(id, told, until, hears);
        if answers >= told {
            self.guarded.counters().forgot_everywhere();
            return Ok(forgotten.was_there);
        }
        self.guarded.counters().forgot_unreached();
        // By then a process that cannot hear has noticed it.
        let at_most = lives_for.min(SIGN_OF_LIFE + self.terms.op_timeout);
        Err(Unreached::new(false, told - answers, at_most))
    }

    fn send_forget(&self, what: &ToRepeat, id: ForgetId) -> Result<Forgotten, Unasked> {
        let (namespace, from) = (&*self.terms.namespace, &self.inbox);
        self.ask(Step::Forget, self.terms.op_timeout, |engine, within| match what {
            ToRepeat::Key(place) => {
                engine.forget(&Forget { key: place.key(namespace), from, id }, within)
            }
            ToRepeat::Name(name) => {
                engine.forget_all(&ForgetAll { namespace, name, from, id }, within)
            }
        })
    }

    /// Repeats a forget that did not reach the engine. Returns false if it fails again.
    pub(super) fn repeat(&self, what: &(ToRepeat, u64)) -> bool {
        let is_sent = self.send_forget(&what.0, self.next_number()).is_ok();
        if is_sent {
            self.forgets.repeated(what);
        }
        is_sent
    }

    /// Sends a claim. If it fails and may have been carried out, it is released later.
    pub(super) fn claim(
        &self,
        claim: &Claim<'_>,
        place: &Place,
        within: Duration,
    ) -> Result<Claimed, Unasked> {
        let claimed = self.ask(Step::Claim, within, |engine, within| engine.claim(claim, within));
        match &claimed {
            Ok(claimed) => self.guarded.counters().answered(claimed),
            Err(Unasked::Failed { error, .. }) if error.kind().may_be_done() => {
                self.abandon(claim.token.clone(), place.clone());
            }
            Err(_) => {}
        }
        claimed
    }
}

//! The steps: each takes a session, and bounds what it does there.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use coalescer_cluster::engine::{
    Can, Claim, Claimed, End, Engine, EngineError, ErrorKind, Forget, ForgetAll, Forgotten, Key,
    Publication, Published, Release, Released, Token, Wait, Waited,
};

use crate::lead::Lead;
use crate::pool::{Checked, Pool, Purpose};
use crate::schema::Schema;
use crate::session::{Connector, SharedSession};
use crate::steps::{
    self, Answer, Asked, Ended, Ending, Look, Names, Sort, Waiter, id, number, patience,
    patience_of_wait,
};
use crate::sync::{AtomicU64, Deadline, Driver, Mutex, Ordering, bounded};

/// A process sweeps with its first publication, and after so many more.
const SWEEP: u64 = 500;

const SWEEP_TIME: Duration = Duration::from_secs(5);

/// The server ends a wait by itself, before the caller's time is over. If it does not, and if it has answered nobody meanwhile,
/// it is frozen. A caller whose time is shorter than this cannot tell.
const GLANCE: Duration = Duration::from_millis(40);

/// Its session then ends after so much more.
const GRACE: Duration = Duration::from_secs(1);

/// The engine of processes that share a PostgreSQL server. Made by [`Postgres::engine`](crate::Postgres::engine).
///
/// A leader holds an advisory lock of the server in a session of its own, for as long as its function runs. When its process
/// dies, the server frees the lock. Those who wait block in a session each. Sessions are no part of any pool of the program.
///
/// A claim or a wait fails with [`Exhausted`](ErrorKind::Exhausted) if
/// [`max_connections`](crate::Postgres::max_connections) flights are led or waited for.
///
/// A forked child opens an engine of its own. It must not outlive a leader that was running when it was forked: it shares
/// that leader's connection.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use coalescer_cluster::engine::{Claim, Claimed, Digest, Engine, Inbox, Key, Publication, Token};
/// use coalescer_postgres::Postgres;
///
/// let engine = Postgres::open("postgresql://service@localhost/shop").engine()?;
/// let [within, lease] = [Duration::from_millis(100), Duration::from_secs(3)];
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let token = Token::new(Inbox::draw("shop"), 1);
///
/// if let Claimed::Lead { .. } = engine.claim(&Claim::new(key, &token, lease), within)? {
///     let mut publication = Publication::new(key, &token, b"ada");
///     publication.keep = Some(Duration::from_secs(1));
///     engine.publish(&publication, within)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PostgresEngine {
    inner: Arc<Inner>,
}

struct Inner {
    /// The executions that this process leads.
    leads: Mutex<HashMap<Token, Arc<Lead>>>,
    pool: Pool,
    schema: Schema,
    publications: AtomicU64,
    /// The number of answers of the server so far.
    answers: AtomicU64,
    /// The last to go: what the others drop ends on its thread.
    driver: Driver,
}

impl PostgresEngine {
    pub(crate) fn new(connector: Connector, max_connections: usize, driver: Driver) -> Self {
        let (leads, publications, answers) = Default::default();
        let schema = connector.schema.clone();
        let pool = Pool::new(connector, max_connections);
        Self { inner: Arc::new(Inner { leads, pool, schema, publications, answers, driver }) }
    }

    fn take(&self, purpose: Purpose, deadline: Deadline) -> Result<Checked, EngineError> {
        self.inner.pool.take(purpose, &self.inner.driver, deadline)
    }

    /// Carries a step out in a session. The session ends with a step that fails, or that takes too long: it may have been
    /// carried out, and a lock may have been taken, which goes with the session.
    fn ask<G: Send + 'static, T: Send + 'static, F>(
        &self,
        guard: G,
        session: &SharedSession,
        deadline: Deadline,
        step: F,
    ) -> Result<(G, T), EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let here = session.clone();
        let future = async move {
            let answer = step.await;
            if answer.is_err() {
                here.end();
            }
            (guard, answer)
        };
        let Some((guard, answer)) = self.inner.driver.run(future, deadline) else {
            session.end();
            return Err(ErrorKind::TimedOut.into());
        };
        let answer = answer?;
        self.inner.answers.fetch_add(1, Ordering::Relaxed);
        Ok((guard, answer))
    }

    /// A step that leaves nothing in its session.
    fn short<T: Send + 'static, F>(
        &self,
        within: Duration,
        step: impl FnOnce(SharedSession) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let deadline = Deadline::after(within);
        let checked = self.take(Purpose::ShortStep, deadline)?;
        let session = checked.session().clone();
        let step = step(session.clone());
        self.ask(checked, &session, deadline, step).map(|(_, answer)| answer)
    }

    /// The lead of a token, if its session has not ended.
    fn lead(&self, token: &Token, key: &[u8]) -> Option<Arc<Lead>> {
        let leads = self.inner.leads.lock();
        leads.get(token).filter(|lead| *lead.key == *key && lead.stands()).cloned()
    }

    /// The same answer again, for a claim whose answer was lost. `None`: another thread waits in the session.
    fn led(&self, lead: &Arc<Lead>, deadline: Deadline) -> Result<Claimed, EngineError> {
        let lent = lead.take(deadline).ok_or(ErrorKind::TimedOut)?;
        let session = lent.session().clone();
        let step = steps::age_of(session.clone(), self.inner.schema.clone(), lead.began);
        let (_, age) = self.ask(lent, &session, deadline, step)?;
        Ok(Claimed::Lead { flight: id(lead.number), age })
    }

    /// Ends a lead: its end is written, then its lock is freed. `None`: the token leads nothing.
    fn end(
        &self,
        key: Key<'_>,
        token: &Token,
        ending: Ending,
        within: Duration,
    ) -> Result<Option<Ended>, EngineError> {
        let (deadline, names) = (Deadline::after(within), Names::of(key));
        let Some(lead) = self.remove(token, &names.key) else { return self.nothing_led(deadline) };
        self.cancel_wait(&lead, within);
        let Some(lent) = lead.take(deadline) else {
            lead.end();
            return Err(ErrorKind::TimedOut.into());
        };
        // The fence: a session that has ended has no lock, and somebody else may lead.
        let Some(checked) = lent.keep().filter(|_| lead.stands()) else {
            return self.nothing_led(deadline);
        };
        let (session, schema) = (checked.session().clone(), self.inner.schema.clone());
        let left = patience(deadline.left());
        let step = steps::publish(session.clone(), schema, names, lead.number, ending, left);
        let (mut checked, ended) = self.ask(checked, &session, deadline, step)?;
        checked.let_go();
        self.sweep_at_times(checked);
        Ok(ended)
    }

    /// An answer must be the server's, since the breaker takes it for a sign of life.
    fn nothing_led(&self, deadline: Deadline) -> Result<Option<Ended>, EngineError> {
        self.short(deadline.left(), steps::ping)?;
        Ok(None)
    }

    fn remove(&self, token: &Token, key: &[u8]) -> Option<Arc<Lead>> {
        let mut leads = self.inner.leads.lock();
        leads.get(token).filter(|lead| *lead.key == *key)?;
        leads.remove(token)
    }

    /// A thread of the leader's may still wait in its session, for another flight. Its wait is over now.
    fn cancel_wait(&self, lead: &Lead, within: Duration) {
        if let Some(pid) = lead.waiting_in() {
            // If it cannot be cancelled it ends by itself, or the time of this step does.
            self.short(within, |session| steps::cancel(session, pid)).ok();
        }
    }

    fn sweep_at_times(&self, mut checked: Checked) {
        if self.inner.publications.fetch_add(1, Ordering::Relaxed) % SWEEP != 0 {
            return;
        }
        checked.is_short_now();
        let schema = self.inner.schema.clone();
        self.inner.driver.spawn(async move {
            let swept =
                bounded(SWEEP_TIME, steps::sweep(checked.session(), &schema, patience(SWEEP_TIME)))
                    .await;
            // A later sweep removes what this one could not.
            if !matches!(swept, Some(Ok(()))) {
                checked.session().end();
            }
        });
    }

    /// Waits in a session for the end of a flight. The caller returns when its time is over, and the session goes back
    /// when the server has noticed.
    fn wait_in<G: Send + 'static>(
        &self,
        guard: G,
        session: &SharedSession,
        waiter: Waiter,
        (names, flight): (Names, i64),
        (within, deadline): (Duration, Deadline),
    ) -> Result<Waited, EngineError> {
        let (session, left) = (session.clone(), patience_of_wait(deadline.left()));
        // That of a lead stays where it is.
        let own = matches!(waiter, Waiter::LeadsNothing).then(|| session.clone());
        let future = async move {
            let look = bounded(
                within.saturating_add(GRACE),
                steps::wait(session.clone(), names, flight, waiter, left),
            );
            let look = look.await.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()));
            if look.is_err() {
                session.end();
            }
            drop(guard);
            look
        };
        let answers = || self.inner.answers.load(Ordering::Relaxed);
        let before = answers();
        let look = match self.inner.driver.run(future, deadline) {
            Some(look) => {
                self.inner.answers.fetch_add(1, Ordering::Relaxed);
                look?
            }
            None => {
                own.iter().for_each(|own| self.inner.pool.leave(own));
                if within >= GLANCE && answers() == before {
                    return Err(ErrorKind::TimedOut.into());
                }
                Look::StillRuns
            }
        };
        Ok(match look {
            Look::Ended { end, forgotten } => Waited::Ended { end, forgotten },
            Look::StillRuns => Waited::StillRuns,
            Look::WouldDeadlock => Waited::WouldDeadlock,
        })
    }
}

impl Engine for PostgresEngine {
    fn can(&self) -> Can {
        Can::by_blocking_calls()
    }

    fn ping(&self, within: Duration) -> Result<(), EngineError> {
        self.short(within, steps::ping)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Result<Claimed, EngineError> {
        let (deadline, names) = (Deadline::after(within), Names::of(claim.key));
        if let Some(lead) = self.lead(claim.token, &names.key) {
            return self.led(&lead, deadline);
        }
        let mut checked = self.take(Purpose::Flight, deadline)?;
        // Until the answer says that it leads nothing.
        checked.hold();
        let session = checked.session().clone();
        let step = steps::claim(session.clone(), Asked::new(claim, names.clone(), deadline.left()));
        let (mut checked, answer) = self.ask(checked, &session, deadline, step)?;
        let Answer { sort, number, began, age, bytes } = answer;
        if sort == Sort::Lead {
            let lead = Lead::new(names.key, number, began, checked);
            self.inner.leads.lock().insert(claim.token.clone(), lead);
        } else {
            checked.let_go();
        }
        let flight = id(number);
        Ok(match sort {
            Sort::Hit => Claimed::Hit { flight, age, bytes },
            Sort::Lead => Claimed::Lead { flight, age },
            Sort::Follow => Claimed::Follow { flight, age, holder: None },
            Sort::Wait => Claimed::Wait { flight, age, holder: None },
            Sort::Full => Claimed::Full,
            Sort::Busy => Claimed::Busy,
        })
    }

    fn publish(
        &self,
        publication: &Publication<'_>,
        within: Duration,
    ) -> Result<Published, EngineError> {
        let ending = Ending::outcome(publication.bytes, publication.keep);
        let ended = self.end(publication.key, publication.token, ending, within)?;
        let of = |Ended { kept, forgotten }| Published::Ended { told: 0, kept, forgotten };
        Ok(ended.map_or(Published::Refused, of))
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Result<Released, EngineError> {
        let ending = Ending::without_outcome(&release.end);
        let ended = self.end(release.key, release.token, ending, within)?;
        let of = |Ended { forgotten, .. }| Released::Ended { told: 0, forgotten };
        Ok(ended.map_or(Released::Refused, of))
    }

    /// A lead ends with its session, and the driver knows when that has ended. So nothing is asked.
    fn renew(
        &self,
        leads: &[coalescer_cluster::engine::Lead<'_>],
        _within: Duration,
    ) -> Result<Vec<bool>, EngineError> {
        let stands = |lead: &coalescer_cluster::engine::Lead<'_>| {
            self.lead(lead.token, &Names::of(lead.key).key).is_some()
        };
        Ok(leads.iter().map(stands).collect())
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Result<Forgotten, EngineError> {
        let (schema, names) = (self.inner.schema.clone(), Names::of(forget.key));
        let was_there =
            self.short(within, |session| steps::forget(session, schema, names, patience(within)))?;
        Ok(Forgotten { was_there, noted: 0, told: 0 })
    }

    fn forget_all(
        &self,
        forget: &ForgetAll<'_>,
        within: Duration,
    ) -> Result<Forgotten, EngineError> {
        let (schema, name) =
            (self.inner.schema.clone(), steps::name(forget.namespace, forget.name));
        self.short(within, |session| steps::forget_all(session, schema, name, patience(within)))?;
        Ok(Forgotten::default())
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Result<bool, EngineError> {
        let (schema, names, bytes) = (self.inner.schema.clone(), Names::of(key), bytes.to_owned());
        self.short(within, |session| {
            steps::discard(session, schema, names, bytes, patience(within))
        })
    }

    fn wait(&self, wait: &Wait<'_>, within: Duration) -> Result<Waited, EngineError> {
        let (deadline, names) = (Deadline::after(within), Names::of(wait.key));
        let Some(flight) = number(wait.flight) else {
            return Ok(Waited::Ended { end: End::AskAgain, forgotten: false });
        };
        let leads = wait.leads.and_then(|token| self.inner.leads.lock().get(token).cloned());
        let leads = leads.filter(|lead| lead.stands());
        // Its session has the lock, so the server would let it pass.
        if leads.as_ref().is_some_and(|lead| lead.number == flight) {
            return Ok(Waited::WouldDeadlock);
        }
        if let Some(lent) = leads.and_then(|lead| lead.try_take()) {
            let session = lent.session().clone();
            return self.wait_in(
                lent,
                &session,
                Waiter::Leads,
                (names, flight),
                (within, deadline),
            );
        }
        let checked = match self.take(Purpose::Flight, deadline) {
            Err(error) if error.kind() == ErrorKind::TimedOut && within < GLANCE => {
                return Ok(Waited::StillRuns);
            }
            checked => checked?,
        };
        let session = checked.session().clone();
        self.wait_in(checked, &session, Waiter::LeadsNothing, (names, flight), (within, deadline))
    }
}

impl fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresEngine").finish_non_exhaustive()
    }
}

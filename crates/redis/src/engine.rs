//! The steps of the engine, each one round trip.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer_cluster::engine::{
    Can, Claim, Claimed, End, Engine, EngineError, FlightId, Forget, ForgetAll, ForgetId,
    Forgotten, Inbox, Key, Lead, Listener, Publication, Published, Release, Released,
};
use redis::{Cmd, Value};

use crate::error::unexpected;
use crate::listener::{Listeners, Subscribed};
use crate::message;
use crate::pool::{Pool, Repeated};
use crate::steps::{self, Call, Fetched, Steps};

/// The engine for Redis and Valkey.
///
/// It makes connections when they are needed, and never when it is opened.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Engine;
/// use coalescer_redis::Redis;
///
/// let engine = Redis::open("redis://localhost/").engine()?;
/// assert!(engine.can().invalidates && engine.can().leases);
/// # Ok::<(), coalescer_redis::OpenError>(())
/// ```
pub struct RedisEngine {
    pool: Pool,
    steps: Steps,
    listeners: Arc<Listeners>,
    /// The server's address, without user and password.
    address: String,
}

impl RedisEngine {
    pub(crate) fn new(pool: Pool, address: String) -> Self {
        Self { pool, steps: Steps::new(), listeners: Arc::default(), address }
    }

    #[cfg(test)]
    pub(crate) fn clock(mut self, clock: coalescer::ManualClock) -> Self {
        self.steps = Steps::with_clock(clock);
        self
    }

    pub(crate) fn subscribe(
        &self,
        inbox: &Inbox,
        within: Duration,
    ) -> Result<Subscribed, EngineError> {
        Subscribed::new(&self.pool.source, &self.listeners, inbox, within)
    }

    fn command(
        &self,
        command: &Cmd,
        within: Duration,
        repeated: Repeated,
    ) -> Result<Value, EngineError> {
        self.pool.ask(within, repeated, |link, deadline| link.ask(command, deadline))
    }

    fn script(
        &self,
        call: &Call<'_>,
        within: Duration,
        repeated: Repeated,
    ) -> Result<Value, EngineError> {
        self.pool.ask(within, repeated, |link, deadline| link.run(call, deadline))
    }

    /// The same claim again gets the same answer.
    fn claim_unless(
        &self,
        claim: &Claim<'_>,
        missing: &str,
        within: Duration,
    ) -> Result<Claimed, EngineError> {
        let answer = self.script(&self.steps.claim(claim, missing), within, Repeated::Same)?;
        steps::answer("a claim", &answer, steps::claimed)
    }

    #[cfg(feature = "cluster")]
    fn is_cluster(&self) -> bool {
        matches!(self.pool.source.place, crate::source::Place::Cluster { .. })
    }

    #[cfg(not(feature = "cluster"))]
    #[expect(clippy::unused_self, reason = "there are clusters with the feature")]
    const fn is_cluster(&self) -> bool {
        false
    }

    /// A claim that suspects, in a cluster. A script sees the listeners of its own node alone, so they are looked for
    /// at all nodes, between two claims.
    fn suspect(&self, claim: &Claim<'_>, within: Duration) -> Result<Claimed, EngineError> {
        let deadline = crate::sync::Deadline::after(within);
        let claimed = self.claim_unless(claim, "", within)?;
        let (Claimed::Follow { holder: Some(holder), .. }
        | Claimed::Wait { holder: Some(holder), .. }) = &claimed
        else {
            return Ok(claimed);
        };
        match &*self.listening(std::slice::from_ref(holder), deadline.left())? {
            [false] => self.claim_unless(claim, &steps::missing(holder), deadline.left()),
            _ => Ok(claimed),
        }
    }

    /// How many listen at each channel: at the server, or at each node of a cluster.
    fn counts(&self, channels: &[String], within: Duration) -> Result<Vec<Vec<u32>>, EngineError> {
        let command = numsub(channels);
        let answers = self.pool.ask(within, Repeated::Same, |link, deadline| {
            link.ask_everywhere(&command, deadline)
        })?;
        let read = |answer: &Value| steps::counts(answer, channels.len());
        let counts = |answer| steps::answer("a count of listeners", answer, read);
        answers.iter().map(counts).collect()
    }
}

impl Engine for RedisEngine {
    fn can(&self) -> Can {
        Can::by_messages()
    }

    fn ping(&self, within: Duration) -> Result<(), EngineError> {
        self.command(&redis::cmd("PING"), within, Repeated::Same).map(drop)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Result<Claimed, EngineError> {
        use coalescer_cluster::engine::Manner;
        if claim.manner == Manner::Suspect && self.is_cluster() {
            return self.suspect(claim, within);
        }
        self.claim_unless(claim, "*", within)
    }

    fn publish(
        &self,
        publication: &Publication<'_>,
        within: Duration,
    ) -> Result<Published, EngineError> {
        let answer = self.script(&self.steps.publish(publication), within, Repeated::Differs)?;
        steps::answer("a publication", &answer, steps::published)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Result<Released, EngineError> {
        let Some(call) = self.steps.release(release) else {
            return Err(unexpected("this end has no form in a message"));
        };
        let answer = self.script(&call, within, Repeated::Differs)?;
        steps::answer("a release", &answer, steps::released)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Result<Vec<bool>, EngineError> {
        if leads.is_empty() {
            return Ok(Vec::new());
        }
        let calls: Vec<_> = leads.iter().map(|lead| self.steps.renew(lead)).collect();
        let answers = self
            .pool
            .ask(within, Repeated::Same, |link, deadline| link.run_all(&calls, &[], deadline))?;
        let read = |answer| steps::answer("a renewal", answer, steps::flag);
        answers.iter().map(read).collect()
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Result<Forgotten, EngineError> {
        let answer = self.script(&self.steps.forget(forget), within, Repeated::Differs)?;
        let mut forgotten = steps::answer("a forget", &answer, steps::forgotten)?;
        if self.is_cluster() {
            // A node counts its own listeners alone. The word reaches those of the others.
            forgotten.told = forgotten.noted;
        }
        Ok(forgotten)
    }

    fn forget_all(
        &self,
        forget: &ForgetAll<'_>,
        within: Duration,
    ) -> Result<Forgotten, EngineError> {
        let marks = self.steps.forget_all(forget);
        let count = numsub(&[message::inbox_channel(forget.from)]);
        let mut word = redis::cmd("PUBLISH");
        word.arg(message::common_channel(forget.namespace));
        word.arg(message::encode_forget_all(forget.name, forget.from, forget.id));
        if self.is_cluster() {
            return self.forget_all_of_a_cluster(forget, &marks, word, within);
        }
        let answers = self.pool.ask(within, Repeated::Differs, |link, deadline| {
            link.run_all(&marks, &[count.clone(), word.clone()], deadline)
        })?;
        let told = answers.last().and_then(steps::count);
        let own = answers.get(marks.len()).and_then(|answer| steps::counts(answer, 1));
        let (Some(told), Some(own)) = (told, own) else {
            return Err(unexpected("the answer to a forget of all keys is not understood"));
        };
        let told = told.saturating_sub(own.iter().sum::<u32>().min(1));
        Ok(Forgotten { was_there: false, noted: told, told })
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Result<bool, EngineError> {
        let answer = self.script(&self.steps.discard(key, bytes), within, Repeated::Differs)?;
        steps::answer("a discard", &answer, steps::flag)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Result<Box<dyn Listener>, EngineError> {
        Ok(Box::new(self.subscribe(inbox, within)?))
    }

    fn confirm(
        &self,
        to: &Inbox,
        by: &Inbox,
        id: ForgetId,
        within: Duration,
    ) -> Result<(), EngineError> {
        let mut word = redis::cmd("PUBLISH");
        word.arg(message::inbox_channel(to)).arg(message::encode_dropped(by, id));
        self.command(&word, within, Repeated::Differs).map(drop)
    }

    fn listening(&self, inboxes: &[Inbox], within: Duration) -> Result<Vec<bool>, EngineError> {
        if inboxes.is_empty() {
            return Ok(Vec::new());
        }
        let channels: Vec<_> = inboxes.iter().map(message::inbox_channel).collect();
        let mut listening = vec![false; inboxes.len()];
        for counts in self.counts(&channels, within)? {
            listening.iter_mut().zip(counts).for_each(|(listens, count)| *listens |= count > 0);
        }
        Ok(listening)
    }

    fn fetch(
        &self,
        key: Key<'_>,
        flight: &FlightId,
        within: Duration,
    ) -> Result<Option<End>, EngineError> {
        let deadline = crate::sync::Deadline::after(within);
        // It lies under the token of its leader: that which began the flight, unless somebody took over.
        let mut token = flight.as_str().to_owned();
        for _ in 0..2 {
            let call = self.steps.fetch(key, flight, &token);
            let answer = self.script(&call, deadline.left(), Repeated::Same)?;
            match steps::answer("a fetch", &answer, steps::fetched)? {
                Fetched::Is(end) => return Ok(end),
                Fetched::LiesAt(other) => token = other,
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for RedisEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisEngine").field("address", &self.address).finish_non_exhaustive()
    }
}

impl RedisEngine {
    /// The word reaches all nodes, and each counts its own listeners. So they are counted at all nodes.
    fn forget_all_of_a_cluster(
        &self,
        forget: &ForgetAll<'_>,
        marks: &[Call<'_>],
        word: Cmd,
        within: Duration,
    ) -> Result<Forgotten, EngineError> {
        let deadline = crate::sync::Deadline::after(within);
        self.pool.ask(within, Repeated::Differs, |link, deadline| {
            link.run_all(marks, std::slice::from_ref(&word), deadline)
        })?;
        let channels =
            [message::common_channel(forget.namespace), message::inbox_channel(forget.from)];
        let (mut all, mut own) = (0, 0);
        for counts in self.counts(&channels, deadline.left())? {
            if let [there, asking] = *counts {
                all += there;
                own += asking;
            }
        }
        let noted = all.saturating_sub(own.min(1));
        Ok(Forgotten { was_there: false, noted, told: noted })
    }
}

/// Asks how many listen at each channel.
fn numsub(channels: &[String]) -> Cmd {
    let mut command = redis::cmd("PUBSUB");
    command.arg("NUMSUB").arg(channels);
    command
}

//! The arguments of each step.

use std::time::Duration;

use coalescer_cluster::engine::{
    Claim, DAY, FlightId, Forget, ForgetAll, Inbox, Key, Lead, Manner, PARTITIONS, Presence,
    Publication, Release,
};

use crate::message::{encode_end, prefix};

use super::script::{Call, Scripts};

/// Makes the calls of the steps.
#[derive(Debug)]
pub(crate) struct Steps {
    scripts: Scripts,
    #[cfg(test)]
    clock: Option<Clock>,
}

/// A clock that a test moves, as a time of the server.
#[cfg(test)]
#[derive(Debug)]
struct Clock(coalescer::ManualClock, std::time::Instant);

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            scripts: Scripts::new(),
            #[cfg(test)]
            clock: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn with_clock(clock: coalescer::ManualClock) -> Self {
        let origin = clock.now();
        Self { scripts: Scripts::with_the_tests_clock(), clock: Some(Clock(clock, origin)) }
    }

    /// `missing`: inboxes that are known to have no listener, if not the script is to look.
    pub(crate) fn claim<'a>(&'a self, claim: &Claim<'_>, missing: &str) -> Call<'a> {
        let flight = |flight: Option<&FlightId>| flight.map_or("", FlightId::as_str).to_owned();
        let manner = match claim.manner {
            Manner::Fresh => "fresh",
            Manner::Try => "try",
            Manner::Suspect => "suspect",
            _ => "normal",
        };
        let presence = match claim.presence {
            Presence::Absent => 0,
            Presence::Listens => 1,
            Presence::KeepsCopies => 2,
        };
        let call = self.scripts.claim.call(keys(claim.key)).number(claim.token);
        let call = call.number(micros_of_a_day(claim.lease)).arg(manner);
        let call = call.arg(flight(claim.excluded)).arg(flight(claim.joined)).number(presence);
        let call = call.number(limit(claim.limits.leader_timeout));
        let call = call.number(claim.limits.max_leaders).number(limit(claim.limits.max_join_age));
        self.timed(call.arg(prefix(claim.key.namespace)).arg(missing))
    }

    pub(crate) fn publish<'a>(&'a self, publication: &Publication<'_>) -> Call<'a> {
        let mut keys = keys(publication.key);
        keys.push(handed_on(publication.key, publication.token));
        let keep = publication.keep.map_or(-1, micros_of_a_day);
        let call = self.scripts.publish.call(keys).number(publication.token);
        let call = call.arg(publication.bytes).number(keep);
        let call = call.number(u8::from(publication.is_error)).number(publication.key.digest);
        self.timed(call.arg(prefix(publication.key.namespace)))
    }

    /// `None` for an end that this crate does not know.
    pub(crate) fn release<'a>(&'a self, release: &Release<'_>) -> Option<Call<'a>> {
        let (code, payload) = encode_end(&release.end)?;
        let call = self.scripts.release.call(keys(release.key)).number(release.token);
        let call = call.number(code).arg(payload).number(release.key.digest);
        Some(self.timed(call.arg(prefix(release.key.namespace))))
    }

    pub(crate) fn renew<'a>(&'a self, lead: &Lead<'_>) -> Call<'a> {
        let call = self.scripts.renew.call(keys(lead.key)).number(lead.token);
        self.timed(call.number(micros_of_a_day(lead.lease)))
    }

    pub(crate) fn forget<'a>(&'a self, forget: &Forget<'_>) -> Call<'a> {
        let key = forget.key;
        let call = self.scripts.forget.call(keys(key)).number(forget.from).number(forget.id);
        self.timed(call.number(key.digest).arg(key.name).arg(prefix(key.namespace)))
    }

    /// One call for each partition of the name.
    pub(crate) fn forget_all<'a>(&'a self, forget: &ForgetAll<'_>) -> Vec<Call<'a>> {
        let mark = |partition| mark(forget.namespace, forget.name, partition);
        let call = |partition| self.timed(self.scripts.mark.call(vec![mark(partition)]));
        (0..PARTITIONS).map(call).collect()
    }

    pub(crate) fn discard<'a>(&'a self, key: Key<'_>, bytes: &[u8]) -> Call<'a> {
        self.timed(self.scripts.discard.call(keys(key)).arg(bytes))
    }

    /// `token`: the one under which the outcome may have been handed on.
    pub(crate) fn fetch<'a>(&'a self, key: Key<'_>, flight: &FlightId, token: &str) -> Call<'a> {
        let mut keys = keys(key);
        keys.push(handed_on(key, token));
        self.timed(self.scripts.fetch.call(keys).arg(flight.as_str()).arg(token))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "a test has a clock")]
    const fn timed<'a>(&'a self, call: Call<'a>) -> Call<'a> {
        call
    }

    #[cfg(test)]
    fn timed<'a>(&'a self, call: Call<'a>) -> Call<'a> {
        let Some(Clock(clock, origin)) = &self.clock else { return call };
        // The first moment is a year, since nothing began before.
        call.number(31_536_000_000_000 + clock.now().duration_since(*origin).as_micros())
    }
}

/// Inboxes as the claim's script reads them.
pub(crate) fn missing(inbox: &Inbox) -> String {
    format!(" {inbox} ")
}

fn keys(key: Key<'_>) -> Vec<String> {
    vec![key.to_string(), mark(key.namespace, key.name, key.digest.partition())]
}

fn mark(namespace: &str, name: &str, partition: u8) -> String {
    format!("{{{namespace}:{name}:{partition}}}:e")
}

fn handed_on(key: Key<'_>, token: impl ToString) -> String {
    format!("{key}:{}", token.to_string())
}

/// Nothing stays in the server for longer than a day.
fn micros_of_a_day(duration: Duration) -> i64 {
    i64::try_from(duration.min(DAY).as_micros()).unwrap_or(i64::MAX)
}

/// A limit that is longer than any number of the scripts is none.
fn limit(duration: Option<Duration>) -> i64 {
    const LONGEST: u128 = 1 << 52;
    let micros = duration.map(|duration| duration.as_micros()).filter(|micros| *micros < LONGEST);
    micros.and_then(|micros| i64::try_from(micros).ok()).unwrap_or(-1)
}

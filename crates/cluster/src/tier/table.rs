//! The tier of one table: it turns keys into digests, values into envelopes, and answers into words of the
//! library.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::shared::{Ask, Asked, Claim, Ended, ForgetEverywhere, Served, Tier, Wait};
use coalescer::{Elsewhere, ToKey};

use crate::codec::{Codec, contained};
use crate::engine::{Digest, FlightId, Limits, Wakes};
use crate::health::Reason;
use crate::sync::Deadline;
use crate::wire::{Digests, KeyError, KeyWriter, Kind, Seal, WriteKey};

use super::carry::{CarriesErrors, ChecksValues};
use super::cluster::Cluster;
use super::forgets::ToRepeat;
use super::held::Held;
use super::leads::Place;
use super::lease::LeaseOf;
use super::process::Process;
use super::question::Question;
use super::words::{Outcome, Reply, Terms};

/// How the values of a table are written.
pub(super) struct Form<C, X, D, Q> {
    pub(super) codec: C,
    pub(super) errors: X,
    pub(super) keys: D,
    pub(super) check: Q,
}

pub(super) struct Table<K, C, X, D, Q> {
    /// The cluster stays open as long as a table uses it.
    pub(super) cluster: Cluster,
    pub(super) name: Arc<str>,
    pub(super) digests: Digests,
    pub(super) seal: Seal,
    pub(super) form: Form<C, X, D, Q>,
    /// A larger value stays in its process.
    pub(super) max_value: usize,
    /// As the engine has them: what it knows of a copy goes after a day.
    pub(super) window: Duration,
    pub(super) error_window: Duration,
    /// The longest time for which this process keeps anything by itself.
    pub(super) longest: Duration,
    pub(super) limits: Limits,
    /// An outcome is for so many calls of a process.
    pub(super) uses_up: bool,
    pub(super) copies: bool,
    pub(super) max_remote_wait: Option<Duration>,
    pub(super) nested_wait: Duration,
    pub(super) held: Arc<Held<K>>,
}

impl<K, C, X, D, Q> Table<K, C, X, D, Q> {
    pub(super) fn process(&self) -> &Process {
        self.cluster.process()
    }

    /// This process hears what it must forget, or no message is needed.
    fn hears(&self) -> bool {
        let process = self.process();
        process.can.wakes == Wakes::Blocking || process.ear.hearing().is_some()
    }
}

impl<K, C, X, D: WriteKey<K>, Q> Table<K, C, X, D, Q> {
    /// Fails if the key's bytes do not stand for it.
    fn look_at(&self, key: &K) -> Result<Digest, KeyError> {
        let mut out = KeyWriter::new();
        self.form.keys.write(key, &mut out)?;
        Ok(self.digests.of(out.bytes()))
    }

    /// Does the same for a call, which counts a key that stays in its process.
    fn digest(&self, key: &K) -> Option<Digest> {
        match self.look_at(key) {
            Ok(digest) => Some(digest),
            Err(error) if error.is_by_choice() => {
                self.process().guarded.counters().kept_key();
                None
            }
            Err(error) => {
                self.process().guarded.counters().found_unshareable_key();
                debug_assert!(false, "coalescer-cluster: `{}`: {error}", self.name);
                None
            }
        }
    }
}

impl<K, V, E, C, X, D, Q> Tier<K, V, E> for Table<K, C, X, D, Q>
where
    K: ToKey<K> + Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    C: Codec<V>,
    X: CarriesErrors<E, C>,
    D: WriteKey<K>,
    Q: ChecksValues<V>,
{
    fn keeps_copies(&self) -> bool {
        // At its start a process does not know yet if it hears. The question waits until it does.
        self.process().is_alone() || self.copies && (self.hears() || self.process().ear.is_new())
    }

    fn shares(&self, key: &K) -> bool {
        self.look_at(key).is_ok()
    }

    fn ask<'a>(&'a self, ask: Ask<'a, K>) -> Asked<'a, V, E> {
        let Some(digest) = self.digest(ask.key()) else { return Asked::Alone { keep: true } };
        let place = Place { name: Arc::clone(&self.name), digest };
        let process = self.process();
        if process.is_alone() {
            return self.alone(Reason::Down);
        }
        if process.ear.is_new() {
            let within = self.first_wait(&ask);
            process.ear.wait_for_first_try(Deadline::after(within));
            // That was all the time of the call.
            if process.ear.is_new() && within < process.terms.op_timeout {
                return Asked::TimedOut;
            }
        }
        if ask.admits() && !(self.copies && self.hears()) {
            // Calls have joined that an answer of the engine would not be for.
            let is_up = process.ping().is_ok();
            return self.alone(if is_up { Reason::Deaf } else { Reason::Down });
        }
        self.ask_engine(&ask, &place)
    }

    fn forget(&self, key: &K) -> ForgetEverywhere<bool> {
        let Some(digest) = self.digest(key) else { return Ok(false) };
        let place = Place { name: Arc::clone(&self.name), digest };
        self.process().forget(ToRepeat::Key(place), self.longest, &*self.held)
    }

    fn forget_all(&self) -> ForgetEverywhere<()> {
        let what = ToRepeat::Name(Arc::clone(&self.name));
        self.process().forget(what, self.longest, &*self.held).map(drop)
    }

    fn elsewhere(&self, key: &K) -> Option<Elsewhere> {
        let process = self.process();
        let (holder, began) = process.waits.shown(&self.look_at(key).ok()?)?;
        Some(Elsewhere::new(holder, process.now().saturating_duration_since(began)))
    }
}

impl<K: ToKey<K>, C, X, D, Q> Table<K, C, X, D, Q> {
    fn alone<V, E>(&self, reason: Reason) -> Asked<'_, V, E> {
        let process = self.process();
        process.guarded.counters().ran_alone(reason);
        // Said first, and looked at then: an engine that comes back in between finds what to drop. If only a step
        // has failed, nothing would tell when.
        let keep = reason == Reason::Down && {
            process.keeps_alone();
            process.is_alone()
        };
        Asked::Alone { keep }
    }

    /// The time for which the first question waits until the process hears.
    fn first_wait(&self, ask: &Ask<'_, K>) -> Duration {
        let step = self.process().terms.op_timeout;
        match (ask.wait(), self.held.local.now()) {
            (Wait::Until(end), Some(now)) => end.since(now).min(step),
            _ => step,
        }
    }

    fn ask_engine<'a, V, E>(&'a self, ask: &Ask<'a, K>, place: &Place) -> Asked<'a, V, E>
    where
        C: Codec<V>,
        X: CarriesErrors<E, C>,
        Q: ChecksValues<V>,
    {
        let process = self.process();
        let now = process.now();
        let moment = || self.held.local.now().unwrap_or(ask.asked());
        let door = |opens: bool| match opens {
            true => {
                ask.reopen();
                false
            }
            false => ask.shut(),
        };
        let deadline = match ask.wait() {
            Wait::Until(end) => {
                // In this order: a pause between the two makes the deadline later, and never earlier.
                let left = end.since(moment());
                process.now().checked_add(left)
            }
            Wait::Never | Wait::Endless => None,
        };
        let nested = ask.leads_others().then_some(self.nested_wait);
        let gives_up = [nested, self.max_remote_wait].into_iter().flatten().min();
        let last = self.held.enter(place.digest, ask.key(), now);
        let digest = place.digest;
        let mut flight = InFlight { held: &*self.held, digest, until: Some(now), outcome: None };
        // Looked at when the key is entered: another table that forgets it later finds it.
        if let Some(missed) = process.forgets.of(place) {
            // Until the engine knows of it, it may have what this process has forgotten.
            if !process.repeat(&missed) {
                return self.alone(Reason::Down);
            }
        }
        let terms = Terms {
            place,
            copies: self.copies,
            limits: self.limits,
            not_before: ask.not_before(),
            is_fresh: ask.not_before().is_some_and(|limit| limit >= ask.asked()),
            waits: ask.wait() != Wait::Never,
            deadline,
            gives_up: gives_up.and_then(|limit| now.checked_add(limit)),
            used_up: last.filter(|_| self.uses_up),
            moment: &moment,
            door: &door,
        };
        let mut question = Question::new(process, terms);
        loop {
            let outcome = match question.next() {
                Reply::Lead(lead) => {
                    let began = lead.began.at;
                    return Asked::Lead(Claim::new(LeaseOf::new(self, flight, place, lead), began));
                }
                Reply::Outcome(outcome) => outcome,
                Reply::Panicked { text, began, is_late } => {
                    let served = Served::new(Ended::Panicked(Some(text)), began.at);
                    return Asked::Served(match is_late {
                        true => served.good_until(ask.asked()),
                        false => served,
                    });
                }
                Reply::Alone(reason) => return self.alone(reason),
                Reply::TimedOut => return Asked::TimedOut,
                Reply::WouldBlock => return Asked::WouldBlock,
            };
            let Some((ended, lives_for)) = self.read(digest, &outcome) else {
                question.reject(&outcome);
                continue;
            };
            flight.had(&outcome.flight, process.now().checked_add(lives_for));
            let mut served = Served::new(ended, outcome.began.at);
            let lives_for = lives_for.saturating_sub(outcome.began.earlier);
            if outcome.keep {
                served = served.keep_for(lives_for);
            }
            // Also of one that was on its way: calls that came after its window came after its publication.
            if outcome.is_kept {
                served = served.good_until(outcome.began.at.after(lives_for));
            }
            if outcome.is_late {
                served = served.good_until(ask.asked());
            }
            return Asked::Served(served);
        }
    }

    /// Opens the envelope and decodes what is in it. Returns also how long it is served.
    fn read<V, E>(&self, digest: Digest, outcome: &Outcome) -> Option<(Ended<V, E>, Duration)>
    where
        C: Codec<V>,
        X: CarriesErrors<E, C>,
    {
        let opened = self.seal.open(digest, &outcome.bytes).ok()?;
        let Form { codec, errors, .. } = &self.form;
        let (ended, window) = match opened.kind {
            Kind::Value => {
                let read = || match outcome.is_hit {
                    true => codec.decode_kept(opened.body),
                    false => codec.decode(opened.body),
                };
                let value = contained(read).ok()?;
                (Ended::Value(Arc::new(value)), self.window)
            }
            Kind::Error => {
                let error = contained(|| errors.decode(codec, opened.body)).ok()?;
                (Ended::Failed(Arc::new(error)), self.error_window)
            }
        };
        Some((ended, opened.lives_for.map_or(window, |limit| limit.min(window))))
    }
}

/// The table has the key in flight, or asks for it.
pub(super) struct InFlight<'a, K: ToKey<K>> {
    held: &'a Held<K>,
    digest: Digest,
    /// The end of what may be kept. `None`: without an end.
    until: Option<Instant>,
    outcome: Option<FlightId>,
}

impl<K: ToKey<K>> InFlight<'_, K> {
    /// This process has had the outcome of a flight, and may keep it until then.
    pub(super) fn had(&mut self, outcome: &FlightId, until: Option<Instant>) {
        self.until = until;
        self.outcome = Some(outcome.clone());
    }
}

impl<K: ToKey<K>> Drop for InFlight<'_, K> {
    fn drop(&mut self) {
        self.held.leave(self.digest, self.until, self.outcome.take());
    }
}

//! A lead of this process, until its outcome is published.

use std::time::{Duration, Instant};

use coalescer::shared::{Finished, Lease};
use coalescer::{ShareWith, ToKey};

use crate::codec::{Codec, CodecError};
use crate::engine::{DAY, End, Publication, Published, Released, Wakes};
use crate::health::Unasked;
use crate::observe::{Span, Step};
use crate::sync::{leads_no_more, now_leads};
use crate::wire::Kind;

use super::carry::{CarriesErrors, ChecksValues};
use super::leads::Place;
use super::table::{Form, InFlight, Table};
use super::words::Leads;

pub(super) struct LeaseOf<'a, K: ToKey<K>, C, X, D, Q> {
    table: &'a Table<K, C, X, D, Q>,
    flight: InFlight<'a, K>,
    place: Place,
    lead: Leads,
    has_ended: bool,
}

/// The outcome, as other processes get it.
enum Written {
    Outcome { bytes: Vec<u8>, keep: Option<Duration>, is_error: bool },
    Nothing(End),
}

impl<'a, K: ToKey<K>, C, X, D, Q> LeaseOf<'a, K, C, X, D, Q> {
    pub(super) fn new(
        table: &'a Table<K, C, X, D, Q>,
        flight: InFlight<'a, K>,
        place: &Place,
        lead: Leads,
    ) -> Self {
        now_leads(&lead.token);
        Self { table, flight, place: place.clone(), lead, has_ended: false }
    }

    /// Publishes. Returns true if that is certain, and the flight was the key's until now.
    fn publish(&self, bytes: &[u8], keep: Option<Duration>, is_error: bool) -> bool {
        let process = self.table.process();
        let key = self.place.key(&process.terms.namespace);
        let mut publication = Publication::new(key, &self.lead.token, bytes);
        publication.keep = keep;
        publication.is_error = is_error;
        let published = process.ask(Step::Publish, process.terms.op_timeout, |engine, within| {
            engine.publish(&publication, within)
        });
        match published {
            Ok(Published::Ended { forgotten, .. }) => !forgotten,
            Ok(Published::OthersRun) => false,
            Ok(Published::Refused) => self.refused(),
            Err(error) => self.failed(&error),
        }
    }

    /// Does the same for an end without an outcome for others.
    fn release(&self, end: End) -> bool {
        let process = self.table.process();
        match process.release(&self.lead.token, &self.place, end, process.terms.op_timeout) {
            // The calls of this process have the outcome. Copies have not been published, so none is kept.
            Ok(Released::Ended { forgotten, .. }) => !forgotten && !self.table.copies,
            Ok(Released::OthersRun) => false,
            Ok(Released::Refused) => self.refused(),
            Err(error) => self.failed(&error),
        }
    }

    /// Somebody took over.
    fn refused(&self) -> bool {
        let process = self.table.process();
        if process.leads.leave(&self.lead.token) {
            process.guarded.counters().lost_lease();
        }
        false
    }

    /// The engine may hold the lead until its lease is over: it is released as soon as that can be.
    fn failed(&self, error: &Unasked) -> bool {
        let process = self.table.process();
        let is_held = match error {
            Unasked::Open => true,
            Unasked::Failed { error, .. } => error.kind().may_be_done() || process.can.leases,
            Unasked::Closed => process.leads.has(&self.lead.token),
            Unasked::Forked => false,
        };
        if is_held {
            process.abandon(self.lead.token.clone(), self.place.clone());
        }
        false
    }

    fn end_with(&mut self, written: Written) -> bool {
        self.has_ended = true;
        let process = self.table.process();
        process.leads.ends(&self.lead.token);
        let span = Span::of_publication(&self.place.name);
        let (is_certain, lives_for) = match written {
            Written::Outcome { bytes, keep, is_error } => {
                (self.publish(&bytes, keep, is_error), keep.unwrap_or_default())
            }
            Written::Nothing(end) => (self.release(end), Duration::ZERO),
        };
        span.ends(if is_certain { "published" } else { "not_published" });
        process.leads.leave(&self.lead.token);
        leads_no_more(&self.lead.token);
        let now = process.now();
        let until: Option<Instant> = match is_certain {
            true => now.checked_add(lives_for),
            false => Some(now),
        };
        self.flight.had(&self.lead.flight, until);
        is_certain
    }

    fn write<V, E>(&self, result: &Finished<'_, V, E>) -> Written
    where
        C: Codec<V>,
        X: CarriesErrors<E, C>,
        Q: ChecksValues<V>,
    {
        let table = self.table;
        let (outcome, share, window) = match result {
            Finished::Value(value, share) => (Ok(*value), *share, table.window),
            Finished::Failed(error, share) if X::SHARES => {
                (Err(*error), *share, table.error_window)
            }
            Finished::Failed(..) => return Written::Nothing(End::RunYourOwn),
            Finished::Panicked(_) if !X::TELLS_PANICS => return Written::Nothing(End::RunYourOwn),
            Finished::Panicked(text) => {
                return Written::Nothing(End::panicked(text.unwrap_or_default()));
            }
            _ => return Written::Nothing(End::AskAgain),
        };
        let keep = match share {
            ShareWith::Nobody => return Written::Nothing(End::RunYourOwn),
            ShareWith::Followers => None,
            ShareWith::For(limit) => Some(limit.min(window)),
            _ => Some(window),
        };
        let Form { codec, errors, check, .. } = &table.form;
        let kind = if outcome.is_ok() { Kind::Value } else { Kind::Error };
        let lives_for = keep.filter(|keep| *keep < window);
        let written = table.seal.close(kind, self.place.digest, lives_for, |out| {
            let value = match outcome {
                Ok(value) => value,
                Err(error) => return errors.encode(codec, error, out),
            };
            let from = out.len();
            codec.encode(value, out)?;
            if Q::LOOKS && !check.accepts(value, &codec.decode(&out[from..])?) {
                return Err(CodecError::new("it is read as another value"));
            }
            Ok(())
        });
        let counters = table.process().guarded.counters();
        match written {
            Ok(bytes) if bytes.len() <= table.max_value => {
                let keep = keep.filter(|keep| !keep.is_zero());
                Written::Outcome { bytes, keep, is_error: outcome.is_err() }
            }
            Ok(_) => {
                counters.was_too_large();
                Written::Nothing(End::RunYourOwn)
            }
            Err(_) => {
                counters.could_not_encode();
                Written::Nothing(End::RunYourOwn)
            }
        }
    }
}

impl<K, V, E, C, X, D, Q> Lease<V, E> for LeaseOf<'_, K, C, X, D, Q>
where
    K: ToKey<K>,
    C: Codec<V>,
    X: CarriesErrors<E, C>,
    Q: ChecksValues<V>,
{
    fn may_keep(&self) -> bool {
        let process = self.table.process();
        let hears = match process.can.wakes {
            Wakes::Blocking => true,
            Wakes::Messages => {
                self.lead.hearing.is_some() && process.ear.hearing() == self.lead.hearing
            }
        };
        // A forget finds the copy by the lead until the publication has come.
        let needed = process.now().checked_add(process.terms.op_timeout);
        let stands = match process.can.leases {
            true => process.leads.stands_until(&self.lead.token) > needed && needed.is_some(),
            false => true,
        };
        // Its own window does not end before the engine forgets of the copy: it gets one of the engine's.
        let ends = self.table.longest <= DAY;
        // It goes on with a flight that is older than the clock of its table, which would keep it for too long.
        let is_timed = self.lead.began.earlier.is_zero();
        self.table.copies && hears && stands && ends && is_timed
    }

    fn end(mut self: Box<Self>, result: Finished<'_, V, E>) -> bool {
        let written = self.write(&result);
        self.end_with(written)
    }
}

impl<K: ToKey<K>, C, X, D, Q> Drop for LeaseOf<'_, K, C, X, D, Q> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end_with(Written::Nothing(End::AskAgain));
        }
    }
}

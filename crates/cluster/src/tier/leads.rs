//! The flights that this process leads, whose leases it renews.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::{Digest, Key, Token};
use crate::sync::Mutex;

/// A key with its name, without the namespace that all keys of a cluster have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) name: Arc<str>,
    pub(super) digest: Digest,
}

impl Place {
    pub(super) fn key<'a>(&'a self, namespace: &'a str) -> Key<'a> {
        Key { namespace, name: &self.name, digest: self.digest }
    }
}

/// All leads of the process.
#[derive(Default)]
pub(super) struct Leads {
    leads: Mutex<HashMap<Token, Entry>>,
}

struct Entry {
    place: Place,
    /// By then, the lease is over for certain, by the clock of this process.
    stands_until: Instant,
    /// Its process ends it now.
    is_ending: bool,
}

impl Leads {
    pub(super) fn enter(&self, token: Token, place: Place, stands_until: Instant) {
        self.leads.lock().insert(token, Entry { place, stands_until, is_ending: false });
    }

    /// The process ends a lead. From now on the engine may know of the end before this list does.
    pub(super) fn ends(&self, token: &Token) {
        if let Some(entry) = self.leads.lock().get_mut(token) {
            entry.is_ending = true;
        }
    }

    /// The engine says that a lead does not stand. Returns false if its process ends it, or if it was lost before.
    pub(super) fn lost(&self, token: &Token) -> bool {
        let mut leads = self.leads.lock();
        let is_lost = leads.get(token).is_some_and(|entry| !entry.is_ending);
        if is_lost {
            leads.remove(token);
        }
        is_lost
    }

    /// Returns false if the lead was lost before.
    pub(super) fn leave(&self, token: &Token) -> bool {
        self.leads.lock().remove(token).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leads.lock().is_empty()
    }

    pub(super) fn has(&self, token: &Token) -> bool {
        self.leads.lock().contains_key(token)
    }

    pub(super) fn stands_until(&self, token: &Token) -> Option<Instant> {
        self.leads.lock().get(token).map(|entry| entry.stands_until)
    }

    pub(super) fn all(&self) -> Vec<(Token, Place)> {
        let leads = self.leads.lock();
        leads.iter().map(|(token, entry)| (token.clone(), entry.place.clone())).collect()
    }

    /// Forgets those that are over by now.
    pub(super) fn drop_over(&self, now: Instant) {
        self.leads.lock().retain(|_, entry| now < entry.stands_until);
    }

    pub(super) fn renewed(&self, token: &Token, stands_until: Instant) {
        if let Some(entry) = self.leads.lock().get_mut(token) {
            entry.stands_until = stands_until;
        }
    }
}

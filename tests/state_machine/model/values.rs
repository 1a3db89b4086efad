//! Values without a call: what a peek sees, and what an insert leaves.

use super::{Answer, Flight, Kind, Model, Retained, Serial};
use crate::script::{End, KeyId};

impl Model {
    /// S110.
    pub(super) fn peek(&self, key: KeyId) -> Option<Serial> {
        let room = self.settings.max_requests.unwrap_or(usize::MAX);
        let result = self.held.get(&key)?.retained.as_ref()?;
        let is_served = self.is_live(result) && result.flight.served < room;
        (is_served && result.kind == Kind::Value).then_some(result.serial)
    }

    /// S111: as if an execution had begun and ended now.
    pub(super) fn insert(&mut self, key: KeyId, end: End) -> Answer {
        let serial = self.number();
        self.forget(key);
        if end == End::HookPanic && self.settings.has_rule {
            return Answer::Panicked(serial);
        }
        let (start, life) = (self.now, self.life(end));
        let (id, is_stale, is_refresh) = (self.flights_begun, false, false);
        self.flights_begun += 1;
        let flight = Flight { id, key, start, served: 1, before: None, is_stale, is_refresh };
        let result = Retained::new(serial, flight, Kind::Value, (life, self.retentions));
        if self.is_live(&result) && self.make_room() {
            self.retentions += 1;
            self.held.entry(key).or_default().retained = Some(result);
        }
        Answer::Inserted(serial)
    }
}

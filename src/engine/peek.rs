//! A look at a kept value, which is no call.

use crate::engine::answer::Answered;
use crate::engine::rules::Kind;
use crate::engine::slot::{ShortHash, State};
use crate::engine::table::Table;
use crate::key::ToKey;
use crate::outcome::Role;
use crate::sync::Handle;
use crate::wait::clock::FOREVER;

impl<K, V, E> Table<K, V, E> {
    /// The kept value that a call would be served now. It counts nothing (S110).
    pub(crate) fn peek<Q>(&self, hash: ShortHash, key: &Q) -> Option<Answered<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let entry = self.clock.coarse_now();
        let shard = self.shard(hash).lock();
        let slot = shard.slot(shard.find(hash, key)?);
        let State::Value(value, kept) = &slot.state else { return None };
        let serves = self.serves((Kind::Value, kept.life), slot.start, entry, FOREVER)
            && slot.accepts_a_call(self.rules.max_requests);
        serves.then(|| Answered {
            value: Handle::clone(value),
            role: Role::Late,
            callers: kept.callers as usize,
            waited: 0,
            start: slot.start,
        })
    }
}

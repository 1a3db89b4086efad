//! Keys, values and errors that are counted, and know the execution that made them.

use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::Arc;

use coalescer::{ShareWith, ToKey};

use crate::model::Serial;
use crate::script::{End, KeyId, duration};

/// An object of which none may be alive at the end. Its handles are the count.
pub(crate) type Live = Arc<()>;

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: KeyId,
    _live: Live,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Key {}

pub(crate) struct KeyRef<'a> {
    pub(crate) id: KeyId,
    pub(crate) live: &'a Live,
}

/// A value or an error, which knows the execution that made it.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) serial: Serial,
    end: End,
    _live: Live,
}

impl Product {
    pub(crate) fn new(serial: Serial, end: End, live: &Live) -> Self {
        Self { serial, end, _live: Live::clone(live) }
    }
}

pub(crate) fn share_with(product: &Product) -> ShareWith {
    match product.end {
        End::HookPanic => resume_unwind(Box::new(product.serial)),
        End::Private => ShareWith::Nobody,
        End::Passing => ShareWith::Followers,
        End::Brief(time) | End::BriefError(time) => ShareWith::For(duration(time)),
        _ => ShareWith::Everyone,
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Half the keys have the hash of another one.
        (self.id / 2).hash(state);
    }
}

impl ToKey<Key> for KeyRef<'_> {
    fn is_key(&self, key: &Key) -> bool {
        self.id == key.id
    }

    fn to_key(&self) -> Key {
        Key { id: self.id, _live: Live::clone(self.live) }
    }
}

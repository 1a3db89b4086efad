//! The engine decides, under locks, how each call is answered. It runs no user code but the `Eq` of
//! keys.

pub(crate) mod admit;
pub(crate) mod capacity;
pub(crate) mod completion;
pub(crate) mod forget;
pub(crate) mod publish;
pub(crate) mod queued;
pub(crate) mod rules;
pub(crate) mod shard;
pub(crate) mod slab;
pub(crate) mod slot;
pub(crate) mod slow;
pub(crate) mod table;
pub(crate) mod takeover;

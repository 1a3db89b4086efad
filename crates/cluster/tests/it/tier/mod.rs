//! The tier: several clusters over one engine in one process are as several processes.

mod faults;
mod forgetting;
mod settings;
mod sharing;
pub(crate) mod sites;
#[cfg(feature = "tracing")]
mod spans;
pub(crate) mod suite;
mod waiting;
mod words;

use std::time::Duration;

use coalescer_cluster::engine::Key;
use coalescer_cluster::wire::{Digests, KeyWriter, ReadBack, Schema, Scope, WriteKey};

pub(crate) use sites::*;

/// A user's key as the engine has it, in a cluster of `site`s with a window of a minute.
pub(crate) fn key_of(user: u64) -> Key<'static> {
    let scope = Scope {
        namespace: "shop",
        name: "users",
        schema: Schema::named("1"),
        codec: "postcard",
        window: MINUTE,
        error_window: Duration::ZERO,
    };
    let mut out = KeyWriter::new();
    ReadBack.write(&user, &mut out).unwrap();
    let digest = Digests::new(&scope).unwrap().of(out.bytes());
    Key { namespace: "shop", name: "users", digest }
}

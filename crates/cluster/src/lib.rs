//! Request coalescing across processes.
//!
//! Several processes, on one machine or many, ask the same question. One of them runs the function, and the
//! others get its answer. An *engine* is the store that they share: it knows who runs a key, wakes those who
//! wait, and keeps results for their window.
//!
//! This crate has what all engines have in common:
//!
//! | module | has |
//! |---|---|
//! | [`engine`] | the steps that an engine carries out: [`Engine`](engine::Engine) is the trait to implement |
//! | [`Memory`], `Files` | two engines without a server: for tests, and for one host |
//! | [`wire`] | the digests of keys, and the envelopes of outcomes |
//! | [`codec`] | how values become bytes |
//! | [`health`] | the breaker, which leaves an engine alone that is down, and the counters |
//! | `conformance` | the test kit for engines |
//!
//! ```
//! use std::time::Duration;
//! use coalescer_cluster::Memory;
//! use coalescer_cluster::codec::{Codec, Postcard};
//! use coalescer_cluster::engine::{Claim, Claimed, Engine, Inbox, Key, Publication, Token};
//! use coalescer_cluster::wire::{Digests, Kind, Schema, Scope, Seal};
//!
//! let [within, lease, window] = [100, 3000, 250].map(Duration::from_millis);
//! let schema = Schema::named("3");
//! let scope = Scope {
//!     namespace: "shop", name: "users", schema, codec: "postcard", window, error_window: Duration::ZERO,
//! };
//! let (digests, seal) = (Digests::new(&scope)?, Seal::new(schema, "postcard"));
//! let key = Key { namespace: "shop", name: "users", digest: digests.of(b"7") };
//! let token = Token::new(Inbox::draw("shop"), 1);
//!
//! let engine = Memory::new();
//! if let Claimed::Lead { .. } = engine.claim(&Claim::new(key, &token, lease), within)? {
//!     let user = (7_u64, "ada".to_owned()); // the function's value
//!     let envelope = seal.close(Kind::Value, key.digest, None, |out| Postcard.encode(&user, out))?;
//!     let mut publication = Publication::new(key, &token, &envelope);
//!     publication.keep = Some(window);
//!     engine.publish(&publication, within)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | effect |
//! |---|---|
//! | `files` | `Files`, the engine of one host, on Linux with 64 bits |
//! | `json`, `messagepack` | two more codecs |
//! | `conformance` | the test kit, for the tests of an engine |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod codec;
#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
pub mod engine;
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "files/nowhere.rs")]
#[cfg(feature = "files")]
mod files;
mod hash;
pub mod health;
mod memory;
mod random;
mod sync;
mod tier;
pub mod wire;

#[cfg(feature = "files")]
#[cfg_attr(docsrs, doc(cfg(feature = "files")))]
pub use files::Files;
pub use memory::Memory;
pub use tier::{Cluster, Open, OpenError, Shared};

/// What a [`Shared`] can be made of.
pub mod sharing {
    pub use crate::tier::{
        CarriesErrors, CheckedBy, ChecksValues, OwnErrors, SharedErrors, Unchecked,
    };
}

/// The README's example, which is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Request coalescing across processes.
//!
//! Several processes, on one machine or many, ask the same question. One of them runs the function, and the
//! others get its answer. An *engine* is the store that they share: it knows who runs a key, wakes those who
//! wait, and keeps results for their window.
//!
//! ```
//! use std::time::Duration;
//! use coalescer::Coalescer;
//! use coalescer_cluster::{Cluster, Memory};
//!
//! let cluster = Cluster::over(Memory::new()).namespace("shop").open()?; // once a process
//! let users = Coalescer::builder()
//!     .window(Duration::from_millis(250))
//!     .shared(cluster.named("users"))
//!     .build(|id: &u64| Ok::<_, std::io::Error>(format!("user {id}")));
//! assert_eq!(*users.execute(&7).unwrap(), "user 7");
//! # Ok::<(), coalescer_cluster::OpenError>(())
//! ```
//!
//! Other engines are in crates of their own: `coalescer-redis` and `coalescer-postgres`.
//!
//! | item | is |
//! |---|---|
//! | [`Cluster`], [`Shared`] | the handle of a process, and how one table is shared |
//! | [`sharing`] | what a `Shared` can be made of |
//! | [`engine`] | the steps that an engine carries out: [`Engine`](engine::Engine) is the trait to implement |
//! | [`Memory`], `Files` | two engines without a server: for tests, and for one host |
//! | [`wire`] | the digests of keys, and the envelopes of outcomes |
//! | [`codec`] | how values become bytes |
//! | [`health`] | the breaker, which leaves an engine alone that is down, and the counters |
//! | `conformance` | the test kit for engines |
//!
//! # The steps
//!
//! A tier uses an engine step by step. Programs need none of this:
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
//! | `metrics` | [`metrics`](https://docs.rs/metrics) of each cluster handle |
//! | `tracing` | a span for each question to the engine and each publication |
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
mod observe;
mod panics;
mod random;
mod sync;
mod tier;
pub mod wire;

#[cfg(feature = "files")]
#[cfg_attr(docsrs, doc(cfg(feature = "files")))]
pub use files::Files;
pub use memory::Memory;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use observe::metrics;
pub use tier::{Cluster, Open, OpenError, Shared};

/// The parts of a [`Shared`].
pub mod sharing {
    pub use crate::tier::{
        CarriesErrors, CheckedBy, ChecksValues, OwnErrors, SharedErrors, Unchecked,
    };
}

/// The examples of the README and of the repository's page, which are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../../docs/cluster.md")]
struct Readme;

/// Code that must not compile.
///
/// A value without bytes:
///
/// ```compile_fail,E0277
/// # use coalescer_cluster::{Cluster, Memory};
/// # let cluster = Cluster::over(Memory::new()).open().unwrap();
/// struct User; // no `Serialize`
/// let users = coalescer::Coalescer::builder()
///     .shared(cluster.named("users"))
///     .build(|_: &u64| Ok::<User, ()>(User));
/// ```
///
/// A key that cannot be read back:
///
/// ```compile_fail,E0277
/// # use coalescer_cluster::{Cluster, Memory};
/// # let cluster = Cluster::over(Memory::new()).open().unwrap();
/// let rates = coalescer::Coalescer::builder()
///     .shared(cluster.named("rates"))
///     .build(|currency: &&'static str| Ok::<usize, ()>(currency.len()));
/// ```
///
/// Errors without bytes that are to be shared:
///
/// ```compile_fail,E0277
/// # use coalescer_cluster::{Cluster, Memory};
/// # let cluster = Cluster::over(Memory::new()).open().unwrap();
/// let users = coalescer::Coalescer::builder()
///     .shared(cluster.named("users").share_errors())
///     .build(|_: &u64| Err::<u64, _>(std::io::Error::other("down")));
/// ```
///
/// The same without `share_errors` compiles, also as an option:
///
/// ```
/// # use coalescer_cluster::{Cluster, Memory};
/// # let cluster = Cluster::over(Memory::new()).open().unwrap();
/// let users = coalescer::Coalescer::builder()
///     .shared(Some(cluster.named("users")))
///     .build(|_: &u64| Err::<u64, _>(std::io::Error::other("down")));
/// assert!(users.execute(&7).is_err());
/// ```
#[cfg(doctest)]
struct MustNotCompile;

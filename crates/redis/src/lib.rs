//! Request coalescing across processes by way of Redis (6.2 and later) or Valkey (7.2 and later).
//!
//! Several processes ask the same question. One of them runs the function, and the others get its answer. A
//! [`Cluster`] that [`Redis`] opens is what a builder of `coalescer` shares by:
//!
//! ```no_run
//! use std::io::Error;
//! use std::time::Duration;
//! use coalescer::Coalescer;
//! use coalescer_redis::Redis;
//!
//! let cluster = Redis::open("redis://localhost/").namespace("shop").connect()?;
//! let users = Coalescer::builder()
//!     .window(Duration::from_millis(250))
//!     .shared(cluster.named("users"))
//!     .build(|id: &u64| Ok::<_, Error>(format!("user {id}")));
//! let user = users.execute(&7)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The steps
//!
//! Everything about one key of a table is one key of the server, and each step is a script on it: a claim, a
//! publication, a renewal, a forget. So a check and the change that follows from it are one, also between clusters of
//! processes. Processes are told by messages (`SUBSCRIBE`) that a flight has ended, or that they must forget. Times are
//! the server's.
//!
//! # Features
//!
//! | feature | effect |
//! |---|---|
//! | `tls` | `rediss://`, by rustls with `ring` |
//! | `cluster` | `Redis::cluster`: the nodes of a Redis Cluster |
//!
//! Sentinels need no feature.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod engine;
mod error;
mod link;
mod listener;
mod message;
mod open;
mod pool;
mod servers;
mod source;
mod steps;
mod sync;
// They talk to servers over the sockets of Unix.
#[cfg(all(test, unix))]
mod tests;

pub use coalescer_cluster::{Cluster, OpenError};
pub use engine::RedisEngine;
pub use open::Redis;

/// The README's example, which is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

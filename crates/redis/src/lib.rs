//! Request coalescing across processes by way of Redis or Valkey.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod engine;
mod error;
mod link;
mod listener;
mod message;
mod open;
mod pool;
mod source;
mod steps;
mod sync;
#[cfg(test)]
mod tests;

pub use engine::RedisEngine;
pub use open::{OpenError, Redis};

//! Request coalescing across processes.
//!
//! Several processes, on one machine or many, ask the same question. One of them runs the function, and the
//! others get its answer. An *engine* is the store that they share: it knows who runs a key, wakes those who
//! wait, and keeps results for their window.
//!
//! This crate has what all engines have in common: the [steps](engine) that an engine carries out, and
//! [`Memory`], an engine within one process for tests.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod codec;
#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
pub mod engine;
#[cfg(feature = "files")]
mod files;
pub mod health;
mod memory;
mod random;
mod sync;
pub mod wire;

#[cfg(feature = "files")]
#[cfg_attr(docsrs, doc(cfg(feature = "files")))]
pub use files::Files;
pub use memory::Memory;

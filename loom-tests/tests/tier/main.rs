//! The models of the tier of `coalescer-cluster`: what one process has of the others.
//!
//! `parts` has the files of the tier that are small enough for every order of their steps. They are compiled here as they
//! ship. `processes` has whole processes over the engine in memory, for shuttle: two of them have four threads of their own,
//! and a model of loom has five at most, with the main one.

#![cfg(all(any(loom, shuttle), not(coalescer_leaks)))]

mod parts;
#[cfg(shuttle)]
mod processes;

/// The names that the files of the tier use.
mod engine {
    pub(crate) use coalescer_cluster::engine::*;
}
#[path = "../../../crates/cluster/src/panics.rs"]
mod panics;
#[path = "../../../crates/cluster/src/sync/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the whole crate uses the rest of it")]
mod sync;

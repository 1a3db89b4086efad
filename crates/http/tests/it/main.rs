//! Tests of the two tables, row by row, and of the layer that applies them.
//!
//! No test sleeps. A test that could hang runs under the watchdog.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod after_waits;
mod authorities;
mod bodies;
mod by_settings;
mod cache_status;
mod documents;
mod fields;
mod freshness;
mod fuzzed;
mod hooks;
mod hooks_forgetting;
mod hooks_telling;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
mod purge;
mod requests;
mod responses;
mod routes;
mod secrets;
mod served;
#[cfg(feature = "cluster")]
mod shared;
mod slow_handlers;
#[cfg(feature = "tracing")]
mod spans;
mod stage;
mod stale;
mod statuses;
#[path = "../../../../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests of the core use the rest of it")]
mod support;
mod tags;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "tower")]
mod tower_forgetting;
#[cfg(feature = "tower")]
mod tower_telling;
mod trouble;
mod unshared;
mod writes;

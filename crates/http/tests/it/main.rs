//! Tests of the two tables, row by row, and of the layer that applies them.
//!
//! No test sleeps. A test that could hang runs under the watchdog.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod after_waits;
mod authorities;
mod bodies;
mod cache_status;
mod fields;
mod freshness;
mod fuzzed;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
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
mod trouble;
mod writes;

//! Tests of the formats, of the steps, and of the engines.
//!
//! No test sleeps. A test that could hang runs under the watchdog.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod breaker;
mod codecs;
mod envelopes;
#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
mod files;
#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
mod files_disk;
#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
mod files_threads;
mod house_rules;
mod keys;
#[cfg(feature = "conformance")]
mod ledger;
mod memory;
#[cfg(feature = "conformance")]
mod steps;
#[path = "../../../../tests/support/watchdog.rs"]
mod support;
mod tier;

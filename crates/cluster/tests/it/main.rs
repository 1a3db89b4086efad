//! Tests of the formats, of the steps, and of the engines.
//!
//! No test sleeps. A test that could hang runs under the watchdog.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod codecs;
mod envelopes;
mod keys;

//! Tests of the engine on servers that they start for themselves: answers, and faults.
//!
//! No test sleeps. A test that could hang runs under the watchdog. Without a server's program, the tests say so.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod connections;
mod cut_off;
mod damage;
mod deaths;
#[cfg(feature = "tls")]
mod encrypted;
mod faults;
mod house_rules;
mod listening;
#[path = "../../../../tests/support/lossy.rs"]
mod lossy;
mod nodes;
#[path = "../../../../tests/support/proxy.rs"]
mod proxy;
mod results;
mod rights;
#[path = "../../../../tests/support/servers.rs"]
#[allow(dead_code, reason = "some tests need features, and other crates use the rest")]
mod servers;
mod sharing;
mod storms;
#[path = "../../../../tests/support/watchdog.rs"]
mod support;
mod tier;
mod workers;
mod world;

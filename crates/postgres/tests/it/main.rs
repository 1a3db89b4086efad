//! Tests of the engine against a server of their own.
//!
//! No test sleeps. Each runs under the watchdog.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod checker;
mod cut_off;
mod facts;
mod faults;
mod house_rules;
mod place;
mod poolers;
#[path = "../../../../tests/support/proxy.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod proxy;
#[path = "../../../../tests/support/postgres_server.rs"]
mod server;
mod sessions;
mod steps;
mod suite;
#[path = "../../../../tests/support/watchdog.rs"]
mod support;
mod tier;

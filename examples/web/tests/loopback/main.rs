//! Real clients, a real server and the loopback between them.
//!
//! Nothing sleeps: a handler waits until the layer shows so many followers, or until so many handlers
//! run at the same time. Every test runs under a watchdog, since the failure to fear is a hang.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod program;
mod secrets;
mod sharing;
mod site;
mod support;
mod trouble;

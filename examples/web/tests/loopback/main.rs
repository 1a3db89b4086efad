//! Real clients and a real server, on the loopback.
//!
//! No test sleeps: a handler waits until the layer shows the expected number of followers, or until the
//! expected number of handlers run. Each test has a watchdog, because a failure could be a hang.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[cfg(unix)]
mod live;
mod program;
mod secrets;
mod sharing;
mod site;
mod status;
mod support;
mod trouble;

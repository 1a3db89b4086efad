//! How threads sleep, are woken, and are refused a wait that would never end.
//!
//! | file | holds |
//! |---|---|
//! | [`gate`], [`gate_state`] | the place where the calls of one flight wait, and its executions |
//! | `gate_jobs` | the gate of one job: who begins it |
//! | [`gate_berths`] | calls that wait at several gates, and sleep at one of them at a time |
//! | [`wake`] | who notifies whom when a gate closes |
//! | [`callbacks`] | functions to call when a gate closes, for calls that wait without a thread |
//! | [`deadlock`], [`graph`] | the wait-for graph, which refuses a wait that would close a cycle |
//! | `safe_span` | a span whose subscriber cannot harm a call |
//! | [`nanos`], [`clock`], [`manual_clock`] | the time, and bounds on a wait |
//!
//! **Invariant:** this layer knows no keys and no values.

pub(crate) mod callbacks;
pub(crate) mod clock;
pub(crate) mod contain;
pub(crate) mod deadlock;
pub(crate) mod gate;
pub(crate) mod gate_berths;
mod gate_graph;
mod gate_jobs;
pub(crate) mod gate_seats;
pub(crate) mod gate_state;
mod graph;
pub(crate) mod manual_clock;
pub(crate) mod nanos;
#[cfg(feature = "tracing")]
pub(crate) mod safe_span;
pub(crate) mod seats;
mod wake;

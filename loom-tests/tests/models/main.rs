//! The models: the steps of a few threads, explored in every order.
//!
//! Each file covers a part of the specification, and each model names its sentences. `loom-tests/run`
//! runs them.

#![cfg(all(any(loom, shuttle), not(coalescer_leaks)))]

mod callbacks;
mod clock;
#[cfg(shuttle)]
mod crowd;
mod cycles;
mod drops;
mod endings;
mod forget;
mod fresh;
mod futures;
mod gathering;
mod hooks;
mod insert;
mod leads;
mod limits;
mod lost;
mod manager;
mod many;
mod receivers;
mod refreshing;
mod room;
mod seats;
mod shared;
mod sharing;
mod slow;
mod successors;
mod takeover;
mod tickets;
mod together;
mod waiting;
mod waking;
mod window;

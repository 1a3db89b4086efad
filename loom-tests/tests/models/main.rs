//! The models: what a few threads do at the same time, explored in every order.
//!
//! Each file is a part of the specification; each model names its sentences. `loom-tests/run` says
//! how to run them.

#![cfg(all(any(loom, shuttle), not(coalescer_leaks)))]

mod clock;
#[cfg(shuttle)]
mod crowd;
mod cycles;
mod drops;
mod endings;
mod forget;
mod fresh;
mod limits;
mod manager;
mod sharing;
mod slow;
mod takeover;
mod tickets;
mod waiting;
mod waking;
mod window;

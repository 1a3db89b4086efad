//! The parts of the tier, each with the threads that meet in it.

// The files themselves.
#[path = "../../../../crates/cluster/src/tier/bell.rs"]
#[allow(dead_code, reason = "the whole crate uses the rest of it")]
mod bell;
#[path = "../../../../crates/cluster/src/tier/forgets.rs"]
#[allow(dead_code, reason = "the whole crate uses the rest of it")]
mod forgets;
#[path = "../../../../crates/cluster/src/tier/held.rs"]
#[allow(dead_code, reason = "the whole crate uses the rest of it")]
mod held;
#[path = "../../../../crates/cluster/src/tier/leads.rs"]
#[allow(dead_code, reason = "the whole crate uses the rest of it")]
mod leads;
#[path = "../../../../crates/cluster/src/tier/members.rs"]
#[allow(dead_code, reason = "the whole crate uses the rest of it")]
mod members;
#[path = "../../../../crates/cluster/src/tier/waits.rs"]
#[allow(dead_code, reason = "the whole crate uses the rest of it")]
mod waits;

// The models.
mod answers;
mod copies;
mod keeping;
mod waiting;

use coalescer_loom_tests::checker::thread::{JoinHandle, spawn};

use crate::engine::{Digest, Inbox};

const KEY: Digest = Digest::new([7; 16]);

/// The name of a process.
fn process(number: u8) -> Inbox {
    let text = format!("shop:{number:032x}");
    Inbox::parse(&text).expect("it is a name")
}

/// Waits for a thread of the model.
fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no model panics")
}

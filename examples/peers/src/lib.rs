//! What coalescer and its peers do in the same situation, found out by running it.
//!
//! Each [scenario](scenarios) is written once, against the trait [`Peer`](contender::Peer), and
//! says in a few words what it saw. The [adapters](peers) are small, so that what differs is the
//! contender. `cargo run -p peers` prints all of it as a table; `tests/cells.rs` holds each cell to
//! what the table says; [`bounds`] shows by the compiler which values and errors must be `Clone`.
//!
//! Go cannot be called from here: `go/main.go` runs the same scenarios, and [`go`] reads its report.

pub mod bounds;
pub mod contender;
pub mod crew;
pub mod door;
pub mod go;
pub mod peers;
pub mod scenarios;
pub mod table;

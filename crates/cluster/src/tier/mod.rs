//! The tier that puts an engine behind a table of the library.
//!
//! ```text
//!  Table (one a coalescer) ─▶ Question ─▶ Process ─▶ the engine, guarded
//!    digests, envelopes        claims      ▲   ▲
//!                              and waits   │   └── keeper: renews leases, looks for leaders, repairs
//!                                          └────── ear: messages
//! ```

mod attach;
mod bell;
mod carry;
mod closing;
mod cluster;
mod ear;
mod following;
mod forgets;
mod held;
mod keeper;
mod leads;
mod lease;
mod members;
mod process;
mod question;
mod shared;
mod table;
mod waits;
mod words;

pub use carry::{CarriesErrors, CheckedBy, ChecksValues, OwnErrors, SharedErrors, Unchecked};
pub use cluster::{Cluster, Open, OpenError};
pub use shared::Shared;

//! A call of many keys: `execute_many`.
//!
//! ```text
//! keys ───── hash, drop equal keys, make owned keys        user code; nothing is led
//! admit ──┬─ late ─────▶ answered                          without a wait; late keys of a long list by shards
//!         ├─ lead ─────▶ a part of a run
//!         └─ follow ───▶ a berth
//! gather ─── a call of one key: perhaps its run is for other calls too (`collector`)
//! run ────── one run, or several ── publish each key       the call waits for nothing
//! refresh ── keys that are due go to the executor          (`refreshes`), if the batcher refreshes in the background
//! wait ───┬─ ended ────▶ answered, or run alone            the call leads nothing
//!         ├─ due ──────▶ a part of one more run
//!         └─ deadline ─▶ timed out
//! ```
//!
//! **Invariant:** while the call waits, it leads none of its keys (S142). So calls with the same keys in any
//! order end, and no order of locks is needed.

mod admit;
pub(crate) mod batch;
pub(crate) mod batching;
pub(crate) mod call;
pub(crate) mod collector;
mod gather;
mod gathered;
mod keys;
pub(crate) mod part;
pub(crate) mod refreshes;
mod run;
mod wait;

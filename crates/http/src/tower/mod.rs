//! The layer for async servers: requests that follow wait by tickets, and hold no thread.
//!
//! ```text
//! TowerService::call ─▶ serve ─┬─ Joining::ask ── waits ─▶ the ticket, or the time is over
//!                              ├─ leads ─▶ the service inside, then `respond` makes the page
//!                              └─ passes ─▶ the service inside
//! ```

mod body;
mod layer;
mod respond;
mod serve;

pub use body::TowerBody;
pub use layer::{TowerFuture, TowerLayer, TowerService};

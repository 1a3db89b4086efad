//! A thread pool by hand, and pages that are put together from what its jobs load.
//!
//! ```text
//! page ──▶ submit ──▶ queue, bounded ──▶ worker ──▶ load_user
//!   │                                ──▶ worker ──▶ load_orders
//!   └── select! ◀── user, orders, the deadline, the stop of the program
//! ```
//!
//! Pages of the same user that are asked for meanwhile cost one query of each kind, however many
//! threads ask. A full queue refuses a job at once; what is queued when the pool is shut down still
//! runs; what is lost is told to whoever waits for it.

mod page;
mod pool;

pub use page::{Order, Page, PageError, Shop, User};
pub use pool::{Pool, Queue};

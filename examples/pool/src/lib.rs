//! A hand-written thread pool, and pages that need the results of two of its jobs.
//!
//! ```text
//! page ──▶ submit ──▶ queue, bounded ──▶ worker ──▶ load_user
//!   │                                ──▶ worker ──▶ load_orders
//!   └── select! ◀── user, orders, the deadline, the stop of the program
//! ```
//!
//! Concurrent requests for the page of the same user share one query of each kind. A full queue refuses a
//! job at once. When the pool is shut down, it still runs the queued jobs. If a job is refused or lost,
//! all calls that wait for it get an error.

mod page;
mod pool;

pub use page::{Order, Page, PageError, Shop, User};
pub use pool::{Pool, Queue};

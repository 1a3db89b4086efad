//! A site of slow pages, for axum or for plain hyper: the requests for a page that come together cost one run.
//!
//! A request that follows waits by a ticket and holds no thread. The function of the page blocks, so it runs on tokio's
//! threads for blocking work: one for each run, and not one for each request. If the client of a run goes away, one of
//! the requests that wait begins a run of its own, because hyper drops the handler of a client that has gone.

#![forbid(unsafe_code)]

mod plain;
mod site;

pub use plain::serve;
pub use site::{Site, router};

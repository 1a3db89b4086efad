//! A web server of blocking threads, in which concurrent requests for a page share one run of its
//! handler.
//!
//! ```text
//! oxhttp ──▶ server: a thread for each connection; converts types
//!              └──▶ site: status pages, access control
//!                     └──▶ layer: decides which requests share a run, forgets pages after a write
//!                            └──▶ pages: an ordinary handler
//! ```
//!
//! [`Site`] shows how to use the library. [`serve`] serves any function of a request.

mod pages;
mod server;
mod site;

pub use pages::{Fault, Pages};
pub use server::{LONGEST_BODY, serve};
pub use site::Site;

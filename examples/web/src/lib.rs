//! A web server of blocking threads, in which concurrent requests for a page share one run of its
//! handler.
//!
//! ```text
//! oxhttp ──▶ server: a thread for each connection; converts types
//!              ├──▶ site: access control; measures requests
//!              │      └──▶ layer: decides which requests share a run, forgets pages after a write
//!              │             └──▶ pages: an ordinary handler
//!              └──▶ status, on a port of its own: a live page ──▶ monitor: looks at the layer, ends a window each second
//! ```
//!
//! [`Site`] shows how to use the library. [`serve`] serves any function of a request. [`Monitor`] and [`Status`]
//! show any layer in a browser.

mod demo;
mod histogram;
mod history;
mod monitor;
mod options;
mod pages;
mod server;
mod site;
mod status;

pub use demo::keep_asking;
pub use monitor::{Flight, Layer, Monitor};
pub use options::{Options, USAGE};
pub use pages::{Fault, Pages};
pub use server::{LONGEST_BODY, serve};
pub use site::Site;
pub use status::Status;

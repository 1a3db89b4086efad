//! A web server of blocking threads whose pages are made once for all who ask for them meanwhile.
//!
//! ```text
//! oxhttp ──▶ server: a thread for each connection; from its types to ours, and back
//!              └──▶ site: status pages, access control, forgetting after a write
//!                     └──▶ the layer: who shares
//!                            └──▶ pages: the handler, which knows nothing of all this
//! ```
//!
//! [`Site`] is the use of the library. [`serve`] puts any function of a request on the network.

mod pages;
mod server;
mod site;

pub use pages::{Fault, Pages};
pub use server::{LONGEST_BODY, serve};
pub use site::Site;

//! The engine of one host: the kernel's locks and files, and no server.

mod engine;
mod folder;
mod locks;
mod state;
#[cfg(test)]
mod tests;
mod waits;

pub use engine::Files;

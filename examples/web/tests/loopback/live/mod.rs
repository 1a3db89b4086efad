//! The status page in a browser: what it shows is what the layer did.

#[path = "../../../../../tests/support/missing.rs"]
mod missing;

mod chromium;
mod looks;
mod numbers;
mod stage;
mod trouble;

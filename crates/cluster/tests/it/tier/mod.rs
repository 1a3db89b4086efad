//! The tier: several clusters over one engine in one process are as several processes.

mod faults;
mod forgetting;
mod settings;
mod sharing;
pub(crate) mod sites;
#[cfg(feature = "tracing")]
mod spans;
pub(crate) mod suite;
mod waiting;
mod words;

pub(crate) use sites::*;

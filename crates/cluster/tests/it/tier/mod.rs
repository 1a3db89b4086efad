//! The tier: several clusters over one engine in one process are as several processes.

mod faults;
mod forgetting;
mod settings;
mod sharing;
pub(crate) mod sites;
pub(crate) mod suite;
mod waiting;

pub(crate) use sites::*;

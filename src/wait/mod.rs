//! How threads sleep, are woken, and are refused a wait that would never end.
//!
//! This layer knows no keys and no values.

pub(crate) mod callbacks;
pub(crate) mod clock;
pub(crate) mod deadlock;
pub(crate) mod gate;
pub(crate) mod manual_clock;
pub(crate) mod nanos;

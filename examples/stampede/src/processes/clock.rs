//! The clock that all processes of a host share: times of two workers can be compared.

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of [`now`].
pub(super) type Nanos = u64;

pub(super) const MS: Nanos = 1_000_000;

/// Nanoseconds since the host's start. It never goes back.
pub(super) fn now() -> Nanos {
    // The clock is part of Linux. `check` has read it before anything is measured.
    read().unwrap_or_default()
}

/// Fails if the clock cannot be read.
pub(super) fn check() -> Result<()> {
    read().map(drop).context("the clock of the host cannot be read")
}

fn read() -> nix::Result<Nanos> {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
    Ok(time.tv_sec() as Nanos * 1_000_000_000 + time.tv_nsec() as Nanos)
}

pub(super) fn ms(nanos: Nanos) -> f64 {
    nanos as f64 / MS as f64
}

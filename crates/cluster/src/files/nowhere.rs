//! The engine of one host, where there are no locks of open files.

use std::convert::Infallible;
use std::io;
use std::path::Path;

/// The engine of one host. It needs Linux with 64 bits, and cannot be opened here.
#[derive(Clone, Debug)]
pub struct Files {
    _nobody_makes_one: Infallible,
}

impl Files {
    /// Fails on this system.
    ///
    /// # Errors
    ///
    /// Always: `Unsupported`.
    pub fn open(_dir: impl AsRef<Path>) -> io::Result<Self> {
        let text = "the engine of one host needs Linux with 64 bits: use a server here";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }
}

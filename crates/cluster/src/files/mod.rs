//! The engine of one host: the kernel's locks and files, and no server.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod engine;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod folder;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod locks;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod state;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod waits;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use engine::Files;
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub use nowhere::Files;

/// Elsewhere there are no such locks.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod nowhere {
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
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests;

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

#[cfg(all(test, feature = "conformance", target_os = "linux", target_pointer_width = "64"))]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use coalescer::ManualClock;

    use crate::conformance::Conformance;

    use super::Files;

    /// Two hundred sequences of steps, compared with the reference. The clock is the test's, so no step of it
    /// waits.
    #[test]
    fn the_engine_of_one_host_conforms() {
        let name = format!("coalescer-conforms-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let clock = ManualClock::new();
        let engine = Files::open_with(&dir, Some(clock.clone())).unwrap();
        Conformance::new().sequences(200).check(&engine, &|time| clock.advance(time));
        std::fs::remove_dir_all(dir).unwrap();
    }
}

//! The name of the layout of a build's types, which tells other processes if they may decode its bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::hash::first;
use crate::sync::OnceLock;

/// Says which processes understand each other's values.
///
/// Without a name it is the digest of the running program: only processes of one build share. Name a schema to
/// let builds share, and change the name whenever the type of a key, value or shared error changes.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::Schema;
///
/// assert_eq!(Schema::named("3"), Schema::named("3"));
/// assert_ne!(Schema::named("3"), Schema::named("4"));
/// assert_ne!(Schema::of_this_build()?, Schema::named("3"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schema([u8; 16]);

impl Schema {
    /// The schema of this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::wire::Schema;
    ///
    /// let schema = Schema::named("2026-04");
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::of(b"name", name.as_bytes())
    }

    /// The schema of the running program. Its file is read by the first call, once in a process.
    ///
    /// # Errors
    ///
    /// If the file cannot be read. Then nothing can be shared without a named schema.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::wire::Schema;
    ///
    /// assert_eq!(Schema::of_this_build()?, Schema::of_this_build()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn of_this_build() -> io::Result<Self> {
        static READ: OnceLock<Result<Schema, (io::ErrorKind, String)>> = OnceLock::new();
        let read = || {
            let of_program = program().and_then(|path| Self::of_file(&path));
            of_program.map_err(|error| (error.kind(), error.to_string()))
        };
        READ.get_or_init(read).clone().map_err(|(kind, text)| io::Error::new(kind, text))
    }

    /// Returns the bytes that stand for it in a digest.
    pub(super) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the bytes that stand for it in an envelope.
    pub(super) fn begin(&self) -> [u8; 8] {
        std::array::from_fn(|at| self.0[at])
    }

    fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 16];
        let mut hasher = blake3::Hasher::new();
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => drop(hasher.update(&buffer[..read])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::of(b"program", hasher.finalize().as_bytes()))
    }

    fn of(sort: &[u8], bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(sort).update(&[0]).update(bytes);
        Self(first(&hasher))
    }
}

/// The file of the running program. On Linux it is found even if a deploy has put another one in its place.
fn program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_read_is_an_error() {
        let missing = Schema::of_file(Path::new("/nonexistent/program"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

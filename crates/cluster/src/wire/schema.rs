//! The name of the layout of a build's types, which tells other processes if they may decode its bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::hash::first;
use crate::sync::OnceLock;

/// A program's file is read in parts of so many bytes.
const PART: u64 = 1 << 16;

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
        let mut part = Vec::with_capacity(PART as usize);
        let mut hasher = blake3::Hasher::new();
        // Each part is whole, whatever a read returns, so that two processes cut the file at the same places.
        while file.by_ref().take(PART).read_to_end(&mut part)? > 0 {
            hasher.update(&condensed(&part));
            part.clear();
        }
        Ok(Self::of(b"program", hasher.finalize().as_bytes()))
    }

    fn of(sort: &[u8], bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(sort).update(&[0]).update(bytes);
        Self(first(&hasher))
    }
}

/// A short form of a part of a program's file. Nobody chooses a program so that it looks like another one, so this
/// need not resist malice. It must be fast without optimisation: a cryptographic hash of a program with debug
/// information takes seconds in such a build.
fn condensed(part: &[u8]) -> [u8; 40] {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1_u64, 2, 3, 4];
    let mut words = part.chunks_exact(32);
    let mix = |lane: u64, bytes: &[u8]| {
        let word = bytes.try_into().map_or(0, u64::from_le_bytes);
        // Each step maps lanes one to one, so a part with one other word is never the same.
        (lane ^ word).wrapping_mul(FACTOR).rotate_left(29)
    };
    for four in words.by_ref() {
        lanes[0] = mix(lanes[0], &four[..8]);
        lanes[1] = mix(lanes[1], &four[8..16]);
        lanes[2] = mix(lanes[2], &four[16..24]);
        lanes[3] = mix(lanes[3], &four[24..]);
    }
    for byte in words.remainder() {
        lanes[0] = mix(lanes[0], &u64::from(*byte).to_le_bytes());
    }
    let mut out = [0; 40];
    let all = lanes.into_iter().chain([part.len() as u64]);
    out.chunks_exact_mut(8).zip(all).for_each(|(to, lane)| to.copy_from_slice(&lane.to_le_bytes()));
    out
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
    fn programs_that_differ_in_a_byte_differ() {
        let program: Vec<_> = (0..200_u32).map(|n| n as u8).collect();
        for at in 0..program.len() {
            let mut other = program.clone();
            other[at] ^= 1;
            assert_ne!(condensed(&program), condensed(&other), "byte {at}");
        }
        assert_ne!(condensed(&[0; 32]), condensed(&[0; 64]));
        assert_ne!(condensed(&[]), condensed(&[0]));
    }

    #[test]
    fn a_program_that_cannot_be_read_is_an_error() {
        let missing = Schema::of_file(Path::new("/nonexistent/program"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

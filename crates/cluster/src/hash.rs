//! The one way in which this crate hashes parts, and takes bytes of a hash.

/// Adds a part with its length in front, so that no two lists of parts have the same bytes.
pub(crate) fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
}

/// The first bytes of a hash.
pub(crate) fn first<const N: usize>(hasher: &blake3::Hasher) -> [u8; N] {
    let mut bytes = [0; N];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

//! Random bits for the names of processes.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::hash::first;
use crate::sync::{Counter, Ordering, nanos_since_1970};

/// Draws 128 bits that no other process, and no other call, draws.
///
/// The standard library seeds its hashers from the system's source of randomness, and brings no crate. A
/// forked child has the seeds of its parent, and so has a second copy of a virtual machine: the number of
/// the process and the time tell them apart.
pub(crate) fn random() -> [u8; 16] {
    static DRAWN: Counter = Counter::new(0);
    let seeds = RandomState::new();
    let mut bits = blake3::Hasher::new();
    bits.update(&seeds.hash_one(0_u8).to_le_bytes());
    bits.update(&seeds.hash_one(1_u8).to_le_bytes());
    bits.update(&DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    bits.update(&std::process::id().to_le_bytes());
    bits.update(&nanos_since_1970().to_le_bytes());
    first(&bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_equal() {
        let drawn: std::collections::HashSet<_> = (0..1000).map(|_| random()).collect();
        assert_eq!(drawn.len(), 1000);
    }
}

//! The check of the fuzzer, with the bytes of a generator. So it runs without a nightly toolchain.

#[path = "../../fuzz/check.rs"]
mod check;
#[path = "../../fuzz/messages.rs"]
mod messages;

use check::{Seen, check};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// H1: what has equal keys looks equal to every handler. Nothing panics.
#[test]
fn requests_with_equal_keys_look_equal() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config =
        ProptestConfig { failure_persistence: None, cases: 15_000, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let counts = [const { std::cell::Cell::new(0) }; 5];
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    let result = runner.run(&bytes, |bytes| {
        let kinds = [Seen::PassedThrough, Seen::Apart, Seen::Together, Seen::Same, Seen::Rewritten];
        let seen = check(&bytes);
        let count = kinds.iter().position(|kind| *kind == seen).map(|place| &counts[place]);
        count.iter().for_each(|count| count.set(count.get() + 1));
        Ok(())
    });
    result.unwrap();
    // Each kind is there, so the check has something to say.
    let counts = counts.map(|count| count.get());
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}

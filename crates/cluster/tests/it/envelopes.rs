//! C4: what is not exactly an envelope of this scope and key is never handed out.

use std::time::Duration;

use coalescer_cluster::codec::{Bytes, Codec, CodecError};
use coalescer_cluster::engine::{Digest, Key};
use coalescer_cluster::wire::{Digests, HEADER, Kind, Schema, Scope, Seal, Undecodable};
use proptest::prelude::*;

const DIGEST: Digest = Digest::new([0xd7; 16]);

fn scope() -> Scope<'static> {
    Scope {
        namespace: "shop",
        name: "users",
        schema: Schema::named("3"),
        codec: "text",
        window: Duration::from_millis(100),
        error_window: Duration::ZERO,
    }
}

fn seal() -> Seal {
    Seal::new(Schema::named("3"), "text")
}

fn envelope_by(seal: &Seal, body: &str) -> Vec<u8> {
    seal.close(Kind::Value, DIGEST, None, |out| Bytes.encode(&body.to_owned(), out)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Processes of two versions meet by these bytes, which a program in another language has computed. A change
/// of them needs another number of the format.
#[test]
fn the_bytes_of_envelopes_and_digests_are_fixed() {
    let header = ["434f", "01", "01", "831c6831", "794502da0a74ef77", &"d7".repeat(16), "03000000"];
    let envelope = hex(&envelope_by(&seal(), "ada"));
    let checksum = "96bbae0e68808c1dbde531860e2ca5dc";
    assert_eq!(envelope, header.concat() + checksum + "616461");
    let keyed = hex(&envelope_by(&seal().secret(&[9; 32]), "ada"));
    let checksum = "b2943eee4ca9c56c1c84dc97d6dfb293";
    assert_eq!(keyed, header.concat() + checksum + "616461");

    let digest = Digests::new(&scope()).unwrap().of(b"7");
    let key = Key { namespace: "shop", name: "users", digest };
    assert_eq!(key.to_string(), "{shop:users:53}:753bdec53359191b88407e41516dd27d");
}

#[test]
fn every_setting_of_a_scope_is_in_the_digest() {
    let of = |scope: Scope<'_>| Digests::new(&scope).unwrap().of(b"7");
    let ms = Duration::from_millis;
    let digests = [
        of(scope()),
        Digests::new(&scope()).unwrap().of(b"8"),
        Digests::new(&scope()).unwrap().of(b""),
        of(Scope { namespace: "shops", ..scope() }),
        of(Scope { name: "user", ..scope() }),
        // Lengths stand in front: what moves from one part to the next makes another digest.
        of(Scope { namespace: "shopu", name: "sers", ..scope() }),
        of(Scope { schema: Schema::named("4"), ..scope() }),
        of(Scope { codec: "bytes", ..scope() }),
        of(Scope { window: ms(101), ..scope() }),
        of(Scope { error_window: ms(100), window: ms(0), ..scope() }),
        of(Scope { error_window: ms(100), ..scope() }),
    ];
    let different: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(different.len(), digests.len(), "{digests:?}");
}

#[test]
fn names_that_no_engine_could_take_are_refused() {
    let long = "x".repeat(65);
    for name in ["", "a b", "a:b", "a{b", "ä", "a\n", "a/b", "a*", &long] {
        let of_namespace = Digests::new(&Scope { namespace: name, ..scope() });
        let of_name = Digests::new(&Scope { name, ..scope() });
        assert!(of_namespace.is_err() && of_name.is_err(), "{name:?}");
    }
    assert!(Digests::new(&Scope { name: &long[1..], ..scope() }).is_ok());
}

#[test]
fn each_difference_has_its_own_reason() {
    let envelope = envelope_by(&seal(), "ada");
    let open = |bytes: &[u8]| seal().open(DIGEST, bytes).unwrap_err();
    let changed = |at: usize| {
        let mut bytes = envelope.clone();
        bytes[at] ^= 1;
        open(&bytes)
    };
    assert_eq!(open(&envelope[..HEADER - 1]), Undecodable::Short);
    assert_eq!(changed(0), Undecodable::Foreign);
    assert_eq!(changed(2), Undecodable::Format);
    assert_eq!(changed(32), Undecodable::Length);
    assert_eq!(changed(HEADER), Undecodable::Checksum);
    assert_eq!(open(&[&envelope[..], &[0]].concat()), Undecodable::Length);

    // Whole envelopes of others, with checksums that are right.
    let of_codec = Seal::new(Schema::named("3"), "bytes");
    assert_eq!(open(&envelope_by(&of_codec, "ada")), Undecodable::Codec);
    let of_schema = Seal::new(Schema::named("4"), "text");
    assert_eq!(open(&envelope_by(&of_schema, "ada")), Undecodable::Schema);
    let of_secret = seal().secret(&[9; 32]);
    assert_eq!(open(&envelope_by(&of_secret, "ada")), Undecodable::Checksum);
    assert_eq!(of_secret.open(DIGEST, &envelope), Err(Undecodable::Checksum));
    assert_eq!(seal().open(Digest::new([1; 16]), &envelope), Err(Undecodable::Key));
}

#[test]
fn a_codec_that_fails_or_panics_makes_no_envelope() {
    let close = |write: fn(&mut Vec<u8>) -> Result<(), CodecError>| {
        seal().close(Kind::Value, DIGEST, None, write).unwrap_err().to_string()
    };
    assert_eq!(close(|_| Err(CodecError::new("no bytes for it"))), "no bytes for it");
    assert_eq!(close(|_| panic!("no variant")), "it panicked: no variant");
    let text = close(|out| {
        out.clear();
        Ok(())
    });
    assert!(text.contains("took bytes out"), "{text}");
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_envelope_comes_back(body in ".{0,200}", is_error: bool, secret: Option<[u8; 32]>) {
        let seal = secret.map_or_else(seal, |secret| seal().secret(&secret));
        let kind = if is_error { Kind::Error } else { Kind::Value };
        let envelope = seal.close(kind, DIGEST, None, |out| Bytes.encode(&body, out)).unwrap();
        let opened = seal.open(DIGEST, &envelope).unwrap();
        prop_assert_eq!((opened.kind, opened.body), (kind, body.as_bytes()));
    }

    #[test]
    fn no_random_bytes_are_an_envelope(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(seal().open(DIGEST, &bytes).is_err());
        // With a beginning that is right, too.
        let bytes = [&envelope_by(&seal(), "")[..36], &bytes].concat();
        prop_assert!(seal().open(DIGEST, &bytes).is_err());
    }

    #[test]
    fn no_envelope_survives_a_cut_or_a_change(
        body in ".{0,60}",
        at: prop::sample::Index,
        change in 1..=u8::MAX,
        more in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let envelope = envelope_by(&seal(), &body);
        let at = at.index(envelope.len());
        prop_assert!(seal().open(DIGEST, &envelope[..at]).is_err());
        prop_assert!(seal().open(DIGEST, &[&envelope[..], &more].concat()).is_err());
        let mut changed = envelope.clone();
        changed[at] ^= change;
        prop_assert!(seal().open(DIGEST, &changed).is_err(), "byte {}", at);
    }
}

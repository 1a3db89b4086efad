//! Keys that do not come back equal are never shared: two of them could be one digest, and so one value.

use coalescer_cluster::wire::{KeyWriter, ReadBack, With, WriteKey};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Skips {
    id: u64,
    #[serde(skip)]
    tenant: String,
}

/// It writes itself as stars, as types of secrets do.
#[derive(Debug, PartialEq, Eq)]
struct Secret(String);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Panics;

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("nobody reads it")
    }
}

fn refusal<K>(key: &K) -> String
where
    ReadBack: WriteKey<K>,
{
    let mut out = KeyWriter::new();
    let refusal = ReadBack.write(key, &mut out).unwrap_err();
    assert!(out.bytes().is_empty(), "a refused key leaves nothing");
    refusal.to_string()
}

#[test]
fn a_key_with_a_skipped_field_is_not_shared() {
    let key = Skips { id: 7, tenant: "acme".into() };
    assert!(refusal(&key).contains("it came back as another key"));
}

#[test]
fn a_key_that_writes_stars_is_not_shared() {
    let text = refusal(&Secret("acme's token".into()));
    assert!(text.contains("it came back as another key") && !text.contains("acme"), "{text}");
}

#[test]
fn a_key_whose_code_panics_is_not_shared() {
    assert!(refusal(&Panics).contains("it panicked: nobody reads it"));
    let panics = With(|_: &u8, _: &mut KeyWriter| panic!("nobody writes it"));
    let refusal = panics.write(&7, &mut KeyWriter::new()).unwrap_err();
    assert!(refusal.to_string().contains("it panicked: nobody writes it"));
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Blob(Vec<u8>),
    Number(u128),
    Signed(i128),
    Flag(bool),
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        "[ab]{0,3}".prop_map(Part::Text),
        prop::collection::vec(b'a'..=b'b', 0..3).prop_map(Part::Blob),
        (0_u128..3).prop_map(Part::Number),
        (0_i128..3).prop_map(Part::Signed),
        any::<bool>().prop_map(Part::Flag),
    ];
    prop::collection::vec(part, 0..4)
}

fn written(parts: &[Part]) -> Vec<u8> {
    let mut out = KeyWriter::new();
    for part in parts {
        match part {
            Part::Text(text) => out.text(text),
            Part::Blob(bytes) => out.blob(bytes),
            Part::Number(number) => out.number(*number),
            Part::Signed(number) => out.signed(*number),
            Part::Flag(flag) => out.flag(*flag),
        };
    }
    out.bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 5000, ..ProptestConfig::default()
    })]

    #[test]
    fn keys_have_equal_bytes_only_if_their_parts_are_equal(one in parts(), other in parts()) {
        prop_assert_eq!(written(&one) == written(&other), one == other);
    }
}

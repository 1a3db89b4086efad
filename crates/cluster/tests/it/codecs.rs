//! The codecs: values come back, and what is no value is an error (C4).

use std::collections::BTreeMap;

#[cfg(feature = "json")]
use coalescer_cluster::codec::Json;
#[cfg(feature = "messagepack")]
use coalescer_cluster::codec::MessagePack;
use coalescer_cluster::codec::{Bytes, Codec, Postcard};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Line { length: i64, name: Option<String> },
    Many(Vec<Shape>, BTreeMap<String, u8>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let line = (any::<i64>(), any::<Option<String>>())
        .prop_map(|(length, name)| Shape::Line { length, name });
    let leaf = prop_oneof![Just(Shape::Dot), line];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let map = prop::collection::btree_map(".{0,4}", any::<u8>(), 0..3);
        (prop::collection::vec(inner, 0..4), map).prop_map(|(many, map)| Shape::Many(many, map))
    })
}

fn comes_back<T: PartialEq>(codec: &impl Codec<T>, value: &T) -> bool {
    let mut bytes = b"before".to_vec();
    codec.encode(value, &mut bytes).unwrap();
    let body = bytes.strip_prefix(b"before").expect("a codec appends");
    let longer = [body, b"7"].concat();
    assert!(codec.name() == "text" || codec.decode(&longer).is_err(), "bytes are left over");
    codec.decode(body).unwrap() == *value
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 500, ..ProptestConfig::default()
    })]

    #[test]
    fn values_come_back(shape in shapes(), text: String) {
        prop_assert!(comes_back(&Postcard, &shape));
        #[cfg(feature = "json")]
        prop_assert!(comes_back(&Json, &shape));
        #[cfg(feature = "messagepack")]
        prop_assert!(comes_back(&MessagePack, &shape));
        prop_assert!(comes_back(&Bytes, &text));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _: Result<Shape, _> = Postcard.decode(&bytes);
        #[cfg(feature = "json")]
        let _: Result<Shape, _> = Json.decode(&bytes);
        #[cfg(feature = "messagepack")]
        let _: Result<Shape, _> = MessagePack.decode(&bytes);
        let _: Result<String, _> = Bytes.decode(&bytes);
    }
}

#[cfg(feature = "json")]
#[test]
fn an_error_of_json_does_not_show_the_value() {
    let decoded: Result<u8, _> = Json.decode(br#""a secret""#);
    let text = decoded.unwrap_err().to_string();
    assert!(!text.contains("secret"), "{text}");
}

/// The names are part of every digest, so two codecs must not have one.
#[test]
fn the_names_of_the_codecs_differ() {
    let names = [
        <Postcard as Codec<String>>::name(&Postcard),
        <Bytes as Codec<String>>::name(&Bytes),
        <Bytes as Codec<Vec<u8>>>::name(&Bytes),
        #[cfg(feature = "json")]
        <Json as Codec<String>>::name(&Json),
        #[cfg(feature = "messagepack")]
        <MessagePack as Codec<String>>::name(&MessagePack),
    ];
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
}

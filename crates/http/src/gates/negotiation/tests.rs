use http::request::Parts;
use proptest::prelude::*;

use super::*;

fn with(name: &HeaderName, lines: &[&str]) -> Parts {
    let request = lines
        .iter()
        .fold(http::Request::get("/"), |request, line| request.header(name.clone(), *line));
    request.body(()).unwrap().into_parts().0
}

/// The field that the handler sees.
fn seen(gates: &Gates, name: &HeaderName, lines: &[&str]) -> String {
    let mut request = with(name, lines);
    gates.rewrite(&mut request);
    let lines = request.headers.get_all(name).iter().map(|line| line.to_str().unwrap());
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("|") }
}

fn coding(lines: &[&str]) -> String {
    seen(&Gates::new().accept_encodings(["br", "GZIP"]), &ACCEPT_ENCODING, lines)
}

fn tongue(lines: &[&str]) -> String {
    seen(&Gates::new().accept_languages(["en", "de", "pt-BR"]), &ACCEPT_LANGUAGE, lines)
}

/// H41
#[test]
fn the_coding_with_the_largest_weight_holds() {
    for (line, expected) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip;q=1, br;q=0.999", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("gzip ; q=0.5 ,br\t;\tQ=0.500", "br"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=0.2, *;q=0.1", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("identity, gzip", "gzip"),
        ("a, b, br;q=1.000", "br"),
    ] {
        assert_eq!(coding(&[line]), expected, "{line}");
    }
    assert_eq!(coding(&["gzip;q=0.5", "br;q=0.7"]), "br", "on two lines");
}

/// H41: the client gets what it accepts in any case.
#[test]
fn a_request_that_accepts_none_of_the_codings_wants_identity() {
    for line in [
        "",
        "identity",
        "deflate",
        "deflate, zstd;q=0.5",
        "gzip;q=0, br;q=0.0",
        "br;q=0, gzip;q=0, *",
        "identity;q=1, gzip;q=0.9",
        "gzip;q=0.2, br;q=0, *;q=0.3",
    ] {
        assert_eq!(coding(&[line]), "identity", "{line}");
    }
    assert_eq!(coding(&[]), "none", "it does not say what it accepts");
}

/// H41
#[test]
fn codings_that_cannot_be_read_stay_as_they_are() {
    for line in [
        "identity;q=0",
        "*;q=0",
        "deflate, *;q=0",
        "gzip;q=2",
        "gzip;q=1.001",
        "gzip;q=0.0001",
        "gzip;q=",
        "gzip;q=.5",
        "gzip;q =1",
        "gzip;q=-1",
        "gzip;q=1;x=2",
        "gzip;x=1",
        "gzip;",
        "gzip, gzip;q=0",
        "gzip, x-GZIP;q=0",
        "g zip",
        "gzip, \"br",
    ] {
        assert_eq!(coding(&[line]), line);
    }
    assert_eq!(coding(&["gzip", "br;q=x"]), "gzip|br;q=x", "all lines stay");
}

/// H41
#[test]
fn the_language_with_the_largest_weight_holds() {
    for (line, expected) in [
        ("en-US,en;q=0.9", "en"),
        ("en-US", "en"),
        ("de-CH,de;q=0.9,en;q=0.8", "de"),
        ("fr,de;q=0.5,en;q=0.4", "de"),
        ("DE", "de"),
        ("pt", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("pt-PT, pt;q=0.1", "pt-BR"),
        ("de, en", "de"),
        ("en, de", "en"),
        ("*", "en"),
        ("fr, *;q=0.1", "en"),
        ("en;q=0, *", "de"),
        ("en-US;q=0, en", "en"),
        ("en-GB;q=0.3, en-US;q=0.7, de;q=0.5", "en"),
        ("en-GB, en;q=0.1, de;q=0.5", "de"),
        ("*;q=0.5, de;q=0.1", "en"),
        ("zh-Hant-TW, de;q=0.1", "de"),
    ] {
        assert_eq!(tongue(&[line]), expected, "{line}");
    }
    assert_eq!(tongue(&["fr", "de;q=0.1"]), "de", "on two lines");
}

/// H41
#[test]
fn a_request_that_accepts_none_of_the_languages_has_no_field() {
    for line in
        ["", "fr", "fr-FR, es;q=0.5", "en;q=0", "pt-PT", "e", "english", "*;q=0", "en-US;q=0"]
    {
        assert_eq!(tongue(&[line]), "none", "{line}");
    }
    assert_eq!(tongue(&[]), "none");
}

/// H41
#[test]
fn languages_that_cannot_be_read_stay_as_they_are() {
    for line in
        ["en_US", "en;q=1.5", "en-", "-", "123", "*-CH", "en-abcdefghi", "en US", "en;level=1"]
    {
        assert_eq!(tongue(&[line]), line);
    }
}

/// H41: the setting decides about its field, and about no other.
#[test]
fn other_settings_of_the_field_do_not_matter() {
    for gates in [
        Gates::new().accept_encodings(["br"]).key_header("accept-encoding"),
        Gates::new().ignore_header("accept-encoding").accept_encodings(["br"]),
        Gates::new().strict().accept_encodings(["gzip"]).accept_encodings(["br"]),
    ] {
        assert_eq!(seen(&gates, &ACCEPT_ENCODING, &["gzip, br"]), "br");
        let verdict = |line: &str| gates.request(&with(&ACCEPT_ENCODING, &[line]));
        assert_eq!(verdict("gzip, br"), verdict("br;q=0.1"));
        assert_ne!(verdict("br"), verdict("gzip"));
        assert_ne!(verdict("gzip"), gates.request(&with(&ACCEPT_ENCODING, &[])));
        assert_eq!(seen(&gates, &ACCEPT_LANGUAGE, &["de, en"]), "de, en");
    }
}

#[test]
fn names_that_a_site_cannot_have_are_refused() {
    let refused = |set: fn() -> Gates| {
        let panic = std::panic::catch_unwind(set).unwrap_err();
        panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| (*panic.downcast_ref::<&str>().expect("a text")).to_owned())
    };
    for (set, text) in [
        (
            (|| Gates::new().accept_encodings(["identity"])) as fn() -> Gates,
            "identity is always there",
        ),
        (|| Gates::new().accept_encodings(["*"]), "such as gzip"),
        (|| Gates::new().accept_encodings(["g zip"]), "such as gzip"),
        (|| Gates::new().accept_encodings([""; 0]), "name a coding"),
        (|| Gates::new().accept_languages(["*"]), "such as en or pt-BR"),
        (|| Gates::new().accept_languages(["en_US"]), "such as en or pt-BR"),
        (|| Gates::new().accept_languages([""; 0]), "name a language"),
        (|| Gates::new().key_cookie("a b"), "no cookie has such a name"),
        (|| Gates::new().key_cookie("a*"), "no pattern"),
        (|| Gates::new().key_cookie(""), "no cookie has such a name"),
        (|| Gates::new().ignore_cookies(["a*b"]), "one * at the end"),
        (|| Gates::new().ignore_cookies(["a**"]), "one * at the end"),
        (|| Gates::new().ignore_cookies([""]), "one * at the end"),
        (|| Gates::new().ignore_cookies(["a;b"]), "one * at the end"),
    ] {
        let said = refused(set);
        assert!(said.contains(text), "{said}");
    }
}

/// Words of both fields, in any order.
fn any_line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "gzip", "br", "identity", "*", "en", "de", "en-US", ",", ",", ";q=", ";q=", "0", "1",
        "0.5", "0.5", " ", "\"", "_",
    ]);
    prop::collection::vec(words, 0..10).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    /// The handler sees one of the site's values, or the field as it was. What it sees says the same once more.
    #[test]
    fn the_handler_sees_a_value_of_the_site(line in any_line()) {
        let chosen = coding(&[&line]);
        prop_assert!(["br", "gzip", "identity", &line].contains(&&*chosen), "{}", chosen);
        prop_assert_eq!(coding(&[&chosen]), chosen);
        let chosen = tongue(&[&line]);
        prop_assert!(["en", "de", "pt-BR", "none", &line].contains(&&*chosen), "{}", chosen);
        prop_assert!(chosen == "none" || tongue(&[&chosen]) == chosen);
    }

    /// H41: the client accepts what is chosen for it, and nothing of the list with a larger weight.
    #[test]
    fn the_client_accepts_the_coding(
        weights in prop::collection::vec((0..5_usize, 0..=1000_u16), 0..5),
    ) {
        let names = ["br", "gzip", "identity", "*", "zstd"];
        let mut stated = [None; 5];
        for (name, weight) in weights {
            stated[name] = Some(weight);
        }
        let elements = stated.iter().enumerate().filter_map(|(name, weight)| {
            let weight = (*weight)?;
            Some(format!("{};q={}.{:03}", names[name], weight / 1000, weight % 1000))
        });
        let line = elements.collect::<Vec<_>>().join(", ");
        let weight = |name: usize| stated[name].or(stated[3]);
        let [br, gzip] = [0, 1].map(|name| weight(name).unwrap_or(0));
        match &*coding(&[&line]) {
            "br" => prop_assert!(br > 0 && br >= gzip && weight(2).is_none_or(|identity| br >= identity)),
            "gzip" => prop_assert!(gzip > br && weight(2).is_none_or(|identity| gzip >= identity)),
            "identity" => prop_assert!(weight(2) != Some(0) && (br.max(gzip) == 0 || weight(2) > Some(br.max(gzip)))),
            other => prop_assert!(other == line && br.max(gzip) == 0 && weight(2) == Some(0), "{}", other),
        }
    }

    /// Bytes of any kind are read, never a panic.
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let gates = Gates::new().accept_encodings(["br"]).accept_languages(["en"]);
            for name in [ACCEPT_ENCODING, ACCEPT_LANGUAGE] {
                let mut request = with(&name, &[]);
                request.headers.insert(name, value.clone());
                gates.rewrite(&mut request);
            }
        }
    }
}

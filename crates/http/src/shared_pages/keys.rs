//! [`PageKeys`]: the bytes of a key, and the keys that have none.

use coalescer_cluster::wire::{KeyError, KeyWriter, WriteKey};
use http::{HeaderName, Version};

use crate::gates::Gates;
use crate::gates::request_fields::is_about_one_person;
use crate::key::{Added, Key, KeyParts, Target};

/// Writes everything that `Eq` of keys compares, part by part, behind what processes must agree on.
#[derive(Debug)]
pub struct PageKeys {
    agreement: Box<[u8]>,
    shares_credentials: bool,
}

impl PageKeys {
    pub(crate) fn new(gates: &Gates, shares_credentials: bool) -> Self {
        let mut out = KeyWriter::new();
        gates.write_agreement(&mut out);
        Self { agreement: out.bytes().into(), shares_credentials }
    }
}

impl WriteKey<Key> for PageKeys {
    fn write(&self, key: &Key, out: &mut KeyWriter) -> Result<(), KeyError> {
        if !self.shares_credentials && is_for_one_person(key) {
            return Err(KeyError::by_choice("its page is for one person"));
        }
        out.blob(&self.agreement);
        write_parts(key.parts(), out)
    }
}

/// A key that names a person, or that has a credential other than the name of a tenant.
fn is_for_one_person(key: &Key) -> bool {
    let is_credential = |name: &str| {
        HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| is_about_one_person(&name))
    };
    key.has_principal() || key.has_credentials() && key.has_field(is_credential)
}

fn write_parts(parts: &KeyParts, out: &mut KeyWriter) -> Result<(), KeyError> {
    // A part that is forgotten here does not compile.
    let KeyParts { method, version, target, fields, forwarded, added, principal, has_credentials } =
        parts;
    let Target { is_absolute, has_host, scheme, authority, path_and_query } = target;
    out.text(method.as_str()).number(number(*version)?);
    out.flag(*is_absolute).flag(*has_host).text(scheme).text(authority).text(path_and_query);
    out.number(fields.parts().count() as u64);
    for part in fields.parts() {
        out.blob(part);
    }
    out.flag(forwarded.is_some()).blob(forwarded.as_deref().unwrap_or_default());
    out.number(added.len() as u64);
    for part in added {
        match part {
            Added::Text(text) => option(text.as_deref(), out),
            // It differs from a text that is absent.
            Added::Extension(None) => _ = out.number(0_u8),
            Added::Extension(Some(_)) => {
                return Err(KeyError::by_choice("it has an extension, which has no bytes"));
            }
        }
    }
    out.number(principal.len() as u64);
    for name in principal {
        option(name.as_deref(), out);
    }
    out.flag(*has_credentials);
    Ok(())
}

/// An absent text differs from an empty one.
fn option(text: Option<&str>, out: &mut KeyWriter) {
    out.flag(text.is_some()).text(text.unwrap_or_default());
}

fn number(version: Version) -> Result<u8, KeyError> {
    match version {
        Version::HTTP_09 => Ok(9),
        Version::HTTP_10 => Ok(10),
        Version::HTTP_11 => Ok(11),
        Version::HTTP_2 => Ok(20),
        Version::HTTP_3 => Ok(30),
        _ => Err(KeyError::by_choice("its version has no number")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use http::{HeaderValue, Method};
    use proptest::prelude::*;

    use super::*;
    use crate::key_lines::KeyLines;

    fn written(key: &Key) -> Vec<u8> {
        let mut out = KeyWriter::new();
        PageKeys::new(&Gates::new(), true).write(key, &mut out).unwrap();
        out.bytes().to_vec()
    }

    /// The parts of a key, as they are drawn. Texts have few letters, so that equal ones and moved ones come up.
    #[derive(Clone, Debug)]
    struct Drawn {
        method: Method,
        version: Version,
        flags: [bool; 3],
        target: [String; 3],
        lines: Vec<(&'static str, String)>,
        forwarded: Option<String>,
        /// `None` is an extension that the request has not.
        added: Vec<Option<Option<String>>>,
        principal: Vec<Option<String>>,
    }

    impl Drawn {
        fn key(&self) -> Key {
            let value = |value: &String| HeaderValue::from_str(value).unwrap();
            let lines: Vec<_> = self
                .lines
                .iter()
                .map(|(name, text)| (HeaderName::from_static(name), value(text)))
                .collect();
            let [is_absolute, has_host, has_credentials] = self.flags;
            let [scheme, authority, path_and_query] =
                self.target.each_ref().map(|text| text[..].into());
            let added = self.added.iter().cloned();
            let added = added.map(|part| part.map_or(Added::Extension(None), Added::Text));
            Key::new(KeyParts {
                method: self.method.clone(),
                version: self.version,
                target: Target { is_absolute, has_host, scheme, authority, path_and_query },
                fields: KeyLines::new(
                    &lines.iter().map(|(name, value)| (name, value)).collect::<Vec<_>>(),
                ),
                forwarded: self.forwarded.as_ref().map(|text| text.as_bytes().into()),
                added: added.collect(),
                principal: self.principal.clone(),
                has_credentials,
            })
        }

        /// This key with one part of another one.
        fn with(&self, part: u8, other: &Self) -> Self {
            let (mut mixed, other) = (self.clone(), other.clone());
            match part {
                0 => mixed.method = other.method,
                1 => mixed.version = other.version,
                2 => mixed.flags = other.flags,
                3 => mixed.target = other.target,
                4 => mixed.lines = other.lines,
                5 => mixed.forwarded = other.forwarded,
                6 => mixed.added = other.added,
                7 => mixed.principal = other.principal,
                _ => mixed = other,
            }
            mixed
        }
    }

    fn text() -> impl Strategy<Value = String> {
        "[ab]{0,2}"
    }

    fn drawn() -> impl Strategy<Value = Drawn> {
        let versions = vec![
            Version::HTTP_09,
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ];
        let names = prop::sample::select(vec!["a", "ab", "b"]);
        let heads = (
            prop::sample::select(vec![Method::GET, Method::HEAD]),
            prop::sample::select(versions),
            any::<[bool; 3]>(),
            [text(), text(), text()],
        );
        let tails = (
            prop::collection::vec((names, text()), 0..3),
            prop::option::of(text()),
            prop::collection::vec(prop::option::of(prop::option::of(text())), 0..3),
            prop::collection::vec(prop::option::of(text()), 0..3),
        );
        (heads, tails).prop_map(|((method, version, flags, target), tails)| {
            let (lines, forwarded, added, principal) = tails;
            Drawn { method, version, flags, target, lines, forwarded, added, principal }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None, cases: 2000, ..ProptestConfig::default()
        })]

        /// H23: keys have equal bytes if they are equal, and only then.
        #[test]
        fn bytes_are_equal_as_keys_are(one in drawn(), other in drawn(), part in 0..9_u8) {
            let other = one.with(part, &other).key();
            let one = one.key();
            prop_assert_eq!(written(&one) == written(&other), one == other);
        }
    }

    /// H25: what has no bytes, and what is for one person, stays in its process.
    #[test]
    fn keys_that_stay_have_no_bytes() {
        let gates = Gates::new()
            .key_cookie("id")
            .key_extension::<u32>()
            .key_principal(|request| request.uri.query().map(str::to_owned));
        let stays = |request: http::request::Builder, shares_credentials| {
            let request = request.body(()).unwrap().into_parts().0;
            let crate::RequestVerdict::Shared(key) = gates.request(&request) else {
                panic!("it is shared")
            };
            let written =
                PageKeys::new(&gates, shares_credentials).write(&key, &mut KeyWriter::new());
            written.err().map(|error| error.to_string())
        };
        let get = http::Request::get;
        assert_eq!(stays(get("/"), false), None);
        for (path, name) in [("/", "cookie"), ("/?ada", "x-a")] {
            let request = || get(path).header(name, "id=1");
            assert!(stays(request(), false).unwrap().ends_with("for one person"));
            assert_eq!(stays(request(), true), None);
        }
        assert!(stays(get("/").extension(7_u32), true).unwrap().contains("an extension"));
    }

    /// H23: processes whose settings of the key differ have keys that differ.
    #[test]
    fn settings_that_decide_about_keys_are_in_them() {
        let settings = [
            Gates::new(),
            Gates::new().key_header("x-a"),
            Gates::new().ignore_header("x-a"),
            Gates::new().key_header("x-a").key_header("x-b"),
            Gates::new().key_part(|_| None),
            Gates::new().key_principal(|_| None),
            Gates::new().should_share(|_, _| true),
            Gates::new().strict(),
            Gates::new().own_server_errors(),
            Gates::new().key_cookie("x-a"),
            Gates::new().ignore_cookies(["x-a"]),
            Gates::new().ignore_cookies(["x-a*"]),
            Gates::new().accept_encodings(["br"]),
            Gates::new().accept_encodings(["br", "gzip"]),
            Gates::new().accept_encodings(["gzip", "br"]),
            Gates::new().accept_languages(["br"]),
            Gates::new().window_for(|_| None),
        ];
        let agreement = |gates: &Gates| PageKeys::new(gates, false).agreement;
        for (at, one) in settings.iter().enumerate() {
            for other in &settings[..at] {
                assert_ne!(agreement(one), agreement(other), "{one:?} {other:?}");
            }
        }
        let [one, other] = [["x-a", "x-b"], ["x-b", "x-a"]]
            .map(|names| names.iter().fold(Gates::new(), Gates::key_header));
        assert_eq!(agreement(&one), agreement(&other), "the order of names is of no account");
        let [one, other] =
            [["a", "b*"], ["b*", "a"]].map(|names| Gates::new().ignore_cookies(names));
        assert_eq!(agreement(&one), agreement(&other), "nor that of cookies");
    }
}

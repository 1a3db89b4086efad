//! [`check`]: two requests with equal keys look equal to every handler, and nothing panics.
//!
//! The fuzzer runs it, and so does an ordinary test with bytes of a generator. It knows the gates by their
//! documentation only: the fields that a handler must not go by are written down here once more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use coalescer_http::{
    CoalesceLayer, Gates, Key, RequestVerdict, ResponseVerdict, Settings, SharedResponse,
};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, Request, Response};

use super::messages::{Choices, Draft, response, tag};

/// The fields in which requests with equal keys may differ, unless the gates are strict.
const OUTSIDE: &[&str] =
    &["user-agent", "referer", "x-forwarded-for", "x-request-id", "x-acme", "via", "forwarded"];

/// The fields that the gates read themselves.
const JUDGED: &[&str] = &["cache-control", "pragma", "content-length", "connection"];

/// The outcome of a check, so that a test can tell that it has seen something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// One of the requests is none, or is passed through.
    PassedThrough,
    Apart,
    /// Equal keys of unequal requests.
    Together,
    /// Equal keys of equal requests.
    Same,
    /// Equal keys of requests that the gates make equal for the handler.
    Rewritten,
}

/// Panics if two requests have one key and a handler could tell them apart, or if a gate shares what it
/// must not.
pub(crate) fn check(data: &[u8]) -> Seen {
    let mut choices = Choices(data);
    let (gates, layer, outside) = settings(&mut choices);
    let draft = Draft::new(&mut choices);
    let other = draft.changed(&mut choices);
    let page = response(&mut choices);
    let own = tags(page.headers());
    if !own.is_empty() {
        let own = own.get(choices.byte() % (2 * own.len())).cloned();
        check_tags(&page, &own.unwrap_or_else(|| tag(&mut choices)));
    }
    if let Some(request) = draft.request() {
        check_response(&gates, request.clone(), &page);
        if choices.byte() % 4 == 0 {
            check_purge(request);
        }
    }
    let requests = || Some([draft.request()?, other.request()?]);
    let Some([one, other]) = requests() else { return Seen::PassedThrough };
    let seen = check_keys(&gates, &one, &other, &outside);
    if let Some(requests) = requests() {
        check_layer(&gates, layer, requests, &page);
    }
    seen
}

fn settings(choices: &mut Choices<'_>) -> (Gates, CoalesceLayer, Vec<&'static str>) {
    let (gates, layer) = (Gates::new(), CoalesceLayer::new());
    let outside = [OUTSIDE, JUDGED].concat();
    match choices.byte() % 10 {
        0 => (gates.strict(), layer.strict(), JUDGED.to_vec()),
        1 => (gates.key_header("cookie"), layer.key_header("cookie"), outside),
        2 => {
            let name = "accept-language";
            (gates.ignore_header(name), layer.ignore_header(name), [&outside[..], &[name]].concat())
        }
        3 => (gates.ignore_request_directives(), layer.ignore_request_directives(), outside),
        4 | 5 => {
            let (name, ignored) = ("session", ["_ga*", "theme"]);
            let gates = gates.key_cookie(name).ignore_cookies(ignored);
            (gates, layer.key_cookie(name).ignore_cookies(ignored), outside)
        }
        6 => {
            let ignored = ["_ga*"];
            let gates = gates.strict().key_header("cookie").ignore_cookies(ignored);
            let layer = layer.strict().key_header("cookie").ignore_cookies(ignored);
            (gates, layer, JUDGED.to_vec())
        }
        7 | 8 => {
            let (codings, languages) = (["br", "gzip"], ["en", "de", "pt-BR"]);
            let gates = gates.accept_encodings(codings).accept_languages(languages);
            (gates, layer.accept_encodings(codings).accept_languages(languages), outside)
        }
        _ => (gates, layer, outside),
    }
}

fn key(gates: &Gates, request: &Request<()>) -> Option<Key> {
    // The transport knows that there is no body.
    match gates.request_with(&request.clone().into_parts().0, false) {
        RequestVerdict::PassThrough(_) => None,
        RequestVerdict::Shared(key)
        | RequestVerdict::Within(key, _)
        | RequestVerdict::OnlyIfCached(key, _)
        | RequestVerdict::Fresh(key) => Some(key),
    }
}

/// The request that the handler sees, if this one shares.
fn rewritten(gates: &Gates, request: &Request<()>) -> Request<()> {
    let (mut parts, ()) = request.clone().into_parts();
    gates.rewrite(&mut parts);
    Request::from_parts(parts, ())
}

fn check_keys(gates: &Gates, one: &Request<()>, other: &Request<()>, outside: &[&str]) -> Seen {
    let (Some(key), Some(other_key)) = (key(gates, one), key(gates, other)) else {
        return Seen::PassedThrough;
    };
    let are_equal = one.headers() == other.headers();
    let (one, other) = (&rewritten(gates, one), &rewritten(gates, other));
    assert_eq!(self::key(gates, one).as_ref(), Some(&key), "what is rewritten has the same key");
    if key != other_key {
        assert!(
            one.headers() != other.headers() || looks(one, outside) != looks(other, outside),
            "{one:?}"
        );
        return Seen::Apart;
    }
    assert_eq!(looks(one, outside), looks(other, outside));
    assert_eq!(forwarded(one.headers()), forwarded(other.headers()), "{one:?} {other:?}");
    match one.headers() == other.headers() {
        true if are_equal => Seen::Same,
        true => Seen::Rewritten,
        false => Seen::Together,
    }
}

type Looks = (String, BTreeMap<String, Vec<Vec<u8>>>);

/// The view that a handler has of a request, apart from the fields of a list.
fn looks(request: &Request<()>, outside: &[&str]) -> Looks {
    let start = format!("{} {} {:?}", request.method(), request.uri(), request.version());
    let mut fields = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in request.headers() {
        if !outside.contains(&name.as_str()) {
            fields.entry(name.to_string()).or_default().push(value.as_bytes().to_vec());
        }
    }
    (start, fields)
}

/// The reading of `Forwarded` by a handler that has no regard for quotes.
fn forwarded(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all("forwarded").iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split([',', ';'])).map(|pair| pair.trim().to_ascii_lowercase());
    pairs.filter(|pair| pair.starts_with("host=") || pair.starts_with("proto=")).collect()
}

/// The plainest forms of what must never be shared.
fn check_response(gates: &Gates, request: Request<()>, page: &Response<&'static str>) {
    let Some(key) = key(gates, &request) else { return };
    let parts = page.clone().into_parts().0;
    let verdict = gates.response(&key, &parts, Some(4));
    let is_never_shared = parts.headers.contains_key(SET_COOKIE)
        || parts
            .headers
            .get_all(CACHE_CONTROL)
            .iter()
            .any(|line| line == "no-store" || line == "private")
        || parts.headers.get_all("vary").iter().any(|line| line == "*")
        || matches!(
            parts.status.as_u16(),
            100..=199 | 400 | 401 | 403 | 407 | 412 | 421 | 429 | 431
        );
    assert!(!is_never_shared || matches!(verdict, ResponseVerdict::Unshared(_)), "{parts:?}");
    let shared = SharedResponse::new(&parts, *page.body());
    for response in [shared.response(), shared.late_response(Duration::MAX)] {
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(response.status(), parts.status);
    }
}

/// Two requests through the layer, and a write between them. The handler sees each as the gates rewrite it, or unchanged.
fn check_layer(
    gates: &Gates,
    layer: CoalesceLayer,
    requests: [Request<()>; 2],
    page: &Response<&'static str>,
) {
    let (made, seen) = (RefCell::new(page.clone()), RefCell::new(None));
    let pages = layer.layer(|request: Request<()>| {
        seen.replace(Some(looks(&request, &[])));
        Ok::<_, Infallible>(made.borrow().clone())
    });
    for request in requests {
        let expected = match key(gates, &request) {
            Some(_) => looks(&rewritten(gates, &request), &[]),
            None => looks(&request, &[]),
        };
        let mut write = request.clone();
        *write.method_mut() = http::Method::POST;
        pages.call(request).expect("infallible");
        if let Some(seen) = seen.take() {
            assert_eq!(seen, expected);
        }
        pages.call(write).expect("infallible");
        seen.take();
    }
    if page.status().is_success() || page.status().is_redirection() {
        assert_eq!(
            pages.forget_path("/a") + pages.forget_path("/%61"),
            0,
            "a write forgets its path"
        );
    }
}

/// A page that is retained is forgotten by a tag if it has it, and else not.
fn check_tags(page: &Response<&'static str>, tag: &str) {
    let pages = || {
        let settings = Settings::new().window(Duration::MAX).shards(1);
        let pages = CoalesceLayer::new()
            .settings(settings)
            .layer(|_: Request<()>| Ok::<_, Infallible>(page.clone()));
        pages.call(Request::new(())).expect("infallible");
        pages
    };
    let retained = pages().forget_all();
    let pages = pages();
    let expected = if has_tag(page.headers(), tag) { (retained, 0) } else { (0, retained) };
    assert_eq!((pages.forget_tag(tag), pages.forget_all()), expected, "{tag:?}: {page:?}");
}

fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let tag = tag.trim_matches([' ', '\t']);
    !tag.is_empty() && tags(headers).iter().any(|one| one.eq_ignore_ascii_case(tag))
}

/// The tags of a response, by their documentation. Those that are no text are left out.
fn tags(headers: &HeaderMap) -> Vec<String> {
    let lines = |name| headers.get_all(name).iter().map(|line| line.as_bytes().to_vec());
    let mut words = Vec::new();
    for line in lines("surrogate-key") {
        words.extend(line.split(|byte| b" \t".contains(byte)).map(<[u8]>::to_vec));
    }
    for line in lines("cache-tag") {
        words.extend(line.split(|byte| *byte == b',').map(<[u8]>::to_vec));
    }
    let words = words.into_iter().filter_map(|word| String::from_utf8(word).ok());
    let words = words.map(|word| word.trim_matches([' ', '\t']).to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// A purge runs no handler, whatever its fields are, and says what it has done.
fn check_purge(mut request: Request<()>) {
    *request.method_mut() = http::Method::from_bytes(b"PURGE").expect("a method");
    let pages = CoalesceLayer::new().purge_if(|_| true).layer(
        |request: Request<()>| -> Result<Response<&'static str>, Infallible> {
            panic!("a handler runs for {request:?}")
        },
    );
    let is_path = request.uri().path().starts_with('/');
    let names_tags = request.headers().contains_key("surrogate-key");
    let answer = pages.call(request).expect("infallible");
    match answer.status().as_u16() {
        200 => assert!(is_path || names_tags),
        400 => assert!(!is_path || names_tags),
        status => panic!("a purge with status {status}"),
    }
}

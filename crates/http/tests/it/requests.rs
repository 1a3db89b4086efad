//! The table of requests, row by row, and the parts of a key.

use std::time::Duration;

use coalescer_http::{Gates, Key, PassThrough, RequestVerdict};
use http::request::Builder;
use http::{Method, Request, Version};

fn verdict(gates: &Gates, request: Builder) -> RequestVerdict {
    gates.request(&request.body(()).unwrap().into_parts().0)
}

fn get() -> Builder {
    Request::get("/")
}

#[track_caller]
fn passed(request: Builder) -> PassThrough {
    match verdict(&Gates::new(), request) {
        RequestVerdict::PassThrough(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn key(gates: &Gates, request: Builder) -> Key {
    match verdict(gates, request) {
        RequestVerdict::Shared(key) => key,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_fresh(request: Builder) -> bool {
    match verdict(&Gates::new(), request) {
        RequestVerdict::Fresh(_) => true,
        RequestVerdict::Shared(_) => false,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_same(gates: &Gates, one: Builder, other: Builder) {
    assert_eq!(key(gates, one), key(gates, other));
}

#[track_caller]
fn assert_apart(gates: &Gates, one: Builder, other: Builder) {
    assert_ne!(key(gates, one), key(gates, other));
}

// Requests that are passed through.

#[test]
fn only_get_and_head_share() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "QUERY"]
    {
        assert_eq!(passed(get().method(method)), PassThrough::Method, "{method}");
    }
    for method in [Method::GET, Method::HEAD] {
        key(&Gates::new(), get().method(method));
    }
}

#[test]
fn a_get_that_wants_to_be_another_method_is_passed_through() {
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        assert_eq!(passed(get().header(name, "DELETE")), PassThrough::Method, "{name}");
    }
}

#[test]
fn a_request_with_a_body_is_passed_through() {
    let with_body = [
        get().header("content-length", "1"),
        get().header("content-length", "00"),
        get().header("content-length", "many"),
        get().header("content-length", "0").header("content-length", "5"),
        get().header("transfer-encoding", "chunked"),
        get().header("content-length", "0").header("transfer-encoding", "chunked"),
        get().version(Version::HTTP_2),
        get().version(Version::HTTP_3),
        get().version(Version::HTTP_2).header("content-length", "3"),
    ];
    for request in with_body {
        assert_eq!(passed(request), PassThrough::Body);
    }
    let without = [
        get().header("content-length", "0"),
        get().version(Version::HTTP_10),
        get().version(Version::HTTP_2).header("content-length", "0"),
    ];
    for request in without {
        key(&Gates::new(), request);
    }
}

#[test]
fn upgrade_and_expect_are_passed_through() {
    assert_eq!(passed(get().header("upgrade", "websocket")), PassThrough::Upgrade);
    assert_eq!(passed(get().header("expect", "100-continue")), PassThrough::Expect);
}

#[test]
fn an_event_stream_is_passed_through_wherever_it_stands_in_accept() {
    let streams = [
        "text/event-stream",
        "text/html, Text/Event-Stream;q=0.5",
        "text/html;x=\"a,b\" ,\ttext/event-stream ; charset=utf-8",
    ];
    for accept in streams {
        assert_eq!(passed(get().header("accept", accept)), PassThrough::EventStream, "{accept}");
    }
    let on_a_second_line = get().header("accept", "a/b").header("accept", "text/event-stream");
    assert_eq!(passed(on_a_second_line), PassThrough::EventStream);
    for accept in ["text/*", "*/*", "text/event-streams", "a/b;x=\"text/event-stream\""] {
        key(&Gates::new(), get().header("accept", accept));
    }
    assert_eq!(passed(get().header("accept", "a/b;x=\"")), PassThrough::Malformed);
}

#[test]
fn no_store_is_passed_through() {
    for value in ["no-store", "max-age=0, No-Store"] {
        assert_eq!(passed(get().header("cache-control", value)), PassThrough::NoStore, "{value}");
    }
    let on_a_second_line =
        get().header("cache-control", "no-cache").header("cache-control", "no-store");
    assert_eq!(passed(on_a_second_line), PassThrough::NoStore);
    key(&Gates::new(), get().header("cache-control", "ext=\"no-store\""));
}

#[test]
fn what_cannot_be_read_is_passed_through() {
    for value in ["no store", "max-age=\"", "="] {
        assert_eq!(passed(get().header("cache-control", value)), PassThrough::Malformed, "{value}");
    }
    assert_eq!(passed(get().header("pragma", "\"")), PassThrough::Malformed);
    for host in ["a b", "[::1"] {
        assert_eq!(passed(get().header("host", host)), PassThrough::Malformed, "{host}");
    }
    assert_eq!(passed(get().header("forwarded", "host=\"a")), PassThrough::Malformed);
}

// Credentials.

const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

#[test]
fn credentials_are_passed_through() {
    for name in CREDENTIALS {
        assert_eq!(passed(get().header(name, "x")), PassThrough::Credentials, "{name}");
        assert_eq!(passed(get().header(name, "")), PassThrough::Credentials, "{name}");
    }
}

#[test]
fn credentials_are_passed_through_also_when_the_request_wants_a_fresh_answer() {
    // Two users would have the same key.
    for name in CREDENTIALS {
        let request = get().header(name, "x").header("cache-control", "no-cache");
        assert_eq!(passed(request), PassThrough::Credentials, "{name}");
    }
}

#[test]
fn credentials_that_the_user_names_are_a_part_of_the_key() {
    for name in CREDENTIALS {
        let gates = Gates::new().key_header(name.to_uppercase());
        assert_same(&gates, get().header(name, "a"), get().header(name, "a"));
        assert_apart(&gates, get().header(name, "a"), get().header(name, "b"));
        assert_apart(&gates, get().header(name, "a"), get());
        assert_apart(&gates, get().header(name, ""), get());
        assert!(key(&gates, get().header(name, "a")).has_credentials());
        assert!(!key(&gates, get()).has_credentials());
    }
}

#[test]
fn one_credential_in_the_key_does_not_stand_for_another() {
    let gates = Gates::new().key_header("authorization");
    let request = get().header("authorization", "a").header("cookie", "b");
    let expected = RequestVerdict::PassThrough(PassThrough::Credentials);
    assert_eq!(verdict(&gates, request), expected);
}

// Fresh requests.

#[test]
fn a_request_for_a_fresh_answer_gets_one() {
    for value in ["no-cache", "NO-CACHE, x", "max-age=0", "max-age=\"0\"", "max-age=soon"] {
        assert!(is_fresh(get().header("cache-control", value)), "{value}");
    }
    assert!(is_fresh(get().header("pragma", "No-Cache")));
    for value in ["max-age=60", "max-stale", "x-only-if-cached", ""] {
        assert!(!is_fresh(get().header("cache-control", value)), "{value}");
    }
    assert!(!is_fresh(get().header("pragma", "x")));
}

/// H43
#[test]
fn a_max_age_shorter_than_the_window_asks_for_a_younger_answer() {
    let gates = Gates::new().window(Duration::from_secs(5));
    let asks = |age| verdict(&gates, get().header("cache-control", format!("max-age={age}")));
    let plain = key(&gates, get());
    assert_eq!(asks(0), RequestVerdict::Fresh(plain.clone()));
    assert_eq!(asks(4), RequestVerdict::Within(plain.clone(), Duration::from_secs(4)));
    assert_eq!(asks(5), RequestVerdict::Shared(plain.clone()));
    let ignoring = Gates::new().window(Duration::from_secs(5)).ignore_request_directives();
    let asks = verdict(&ignoring, get().header("cache-control", "max-age=4"));
    assert_eq!(asks, RequestVerdict::Shared(plain));
}

/// H42
#[test]
fn a_request_can_want_the_window_alone() {
    let gates = Gates::new().window(Duration::from_secs(5));
    let asks = |line: &str| verdict(&gates, get().header("cache-control", line));
    let plain = key(&gates, get());
    for (line, age) in [
        ("only-if-cached", None),
        ("Only-If-Cached=\"x\"", None),
        ("only-if-cached, max-age=5", None),
        ("max-age=4, only-if-cached", Some(4)),
        ("only-if-cached, max-age=0", Some(0)),
        ("only-if-cached, no-cache", Some(0)),
    ] {
        let age = age.map(Duration::from_secs);
        assert_eq!(asks(line), RequestVerdict::OnlyIfCached(plain.clone(), age), "{line}");
    }
    assert_eq!(asks("only-if-cached, no-store"), RequestVerdict::PassThrough(PassThrough::NoStore));
    let ignoring = Gates::new().ignore_request_directives();
    let asks = verdict(&ignoring, get().header("cache-control", "only-if-cached"));
    assert_eq!(asks, RequestVerdict::Shared(plain));
}

#[test]
fn fresh_requests_share_the_key_of_the_others() {
    let RequestVerdict::Fresh(fresh) = verdict(&Gates::new(), get().header("pragma", "no-cache"))
    else {
        panic!("not fresh")
    };
    assert_eq!(fresh, key(&Gates::new(), get()));
}

// The key.

#[test]
fn method_scheme_path_and_query_are_in_the_key() {
    let gates = Gates::new();
    assert_apart(&gates, Request::get("/"), Request::head("/"));
    assert_eq!(key(&gates, Request::head("/")).method(), Method::HEAD);
    let at = |target| Request::get(target).header("host", "a");
    assert_apart(&gates, at("http://a/"), at("https://a/"));
    assert_same(&gates, at("HTTP://a/"), at("http://a/"));
    assert_apart(&gates, get(), get().version(Version::HTTP_10));
    for (one, other) in [
        ("/a", "/A"),
        ("/a", "/a/"),
        ("/a?b", "/a"),
        ("/a?", "/a"),
        ("/a?b&c", "/a?c&b"),
        ("/%61", "/a"),
    ] {
        assert_apart(&gates, Request::get(one), Request::get(other));
    }
}

#[test]
fn the_fields_of_the_table_are_in_the_key_as_they_are() {
    let gates = Gates::new();
    let names = [
        "accept",
        "accept-encoding",
        "accept-language",
        "origin",
        "range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "if-anything",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    for name in names {
        let with = |value| get().header(name, value);
        assert_same(&gates, with("a, b"), with("a, b"));
        assert_apart(&gates, with("a, b"), with("a,b"));
        assert_apart(&gates, with("a"), with("A"));
        assert_apart(&gates, with("a"), get());
        assert_apart(&gates, with(""), get());
        assert_apart(&gates, with("a, b"), with("a").header(name, "b"));
        assert_apart(&gates, with("b").header(name, "a"), with("a").header(name, "b"));
    }
}

#[test]
fn what_one_field_says_does_not_pass_for_what_another_says() {
    let gates = Gates::new();
    for (one, other) in [("accept", "origin"), ("range", "if-range"), ("if-match", "if-none-match")]
    {
        assert_apart(&gates, get().header(one, "x"), get().header(other, "x"));
    }
}

#[test]
fn the_order_of_different_fields_does_not_matter() {
    let fields = [("if-range", "1"), ("accept", "2"), ("if-match", "3"), ("origin", "4")];
    let request = |fields: &mut dyn Iterator<Item = &(&'static str, &'static str)>| {
        fields.fold(get(), |request, (name, value)| request.header(*name, *value))
    };
    let forwards = request(&mut fields.iter());
    let backwards = request(&mut fields.iter().rev());
    assert_same(&Gates::new(), forwards, backwards);
}

#[test]
fn other_fields_are_not_in_the_key_unless_the_user_names_them() {
    let gates = Gates::new().key_header("X-Tenant").key_header("x-tenant").key_header("if-match");
    assert_same(&gates, get().header("user-agent", "a"), get().header("user-agent", "b"));
    assert_apart(&gates, get().header("x-tenant", "a"), get().header("x-tenant", "b"));
    let plain = Gates::new();
    assert_same(&plain, get().header("x-colour", "a"), get().header("x-colour", "b"));
    // A field that is in the table and is named too stands in the key once.
    assert_same(&gates, get().header("if-match", "a"), get().header("if-match", "a"));
}

#[test]
#[should_panic(expected = "key_header(\"x tenant\"): no field has such a name")]
fn a_name_that_no_field_can_have_is_refused() {
    drop(Gates::new().key_header("x tenant"));
}

#[test]
fn the_users_functions_add_to_the_key_and_cannot_take_from_it() {
    let part = |name: &'static str| {
        move |request: &http::request::Parts| {
            request.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
        }
    };
    let gates =
        Gates::new().key_part(part("x-a")).key_part(part("x-b")).key_part(|_| Some("".into()));
    let with = |name: &'static str| get().header(name, "1");
    assert_same(&gates, with("x-a"), with("x-a"));
    assert_apart(&gates, with("x-a"), with("x-b"));
    assert_apart(&gates, get().header("x-a", ""), get());
    assert_apart(&gates, with("x-a"), with("x-a").header("accept", "a/b"));
}

#[test]
fn the_users_function_can_decline_and_cannot_let_through() {
    let gates = Gates::new()
        .should_coalesce(|request| request.uri.path() != "/a")
        .should_coalesce(|request| request.uri.path() != "/b");
    for path in ["/a", "/b"] {
        let expected = RequestVerdict::PassThrough(PassThrough::Declined);
        assert_eq!(verdict(&gates, Request::get(path)), expected);
    }
    key(&gates, Request::get("/c"));
    let eager = Gates::new().should_coalesce(|_| true);
    let expected = RequestVerdict::PassThrough(PassThrough::Method);
    assert_eq!(verdict(&eager, Request::post("/")), expected);
    let cookie = get().header("cookie", "a");
    let expected = RequestVerdict::PassThrough(PassThrough::Credentials);
    assert_eq!(verdict(&eager, cookie), expected);
}

/// H9: neither a field's value nor the query is shown.
#[test]
fn a_key_shows_no_value_of_a_field() {
    let gates = Gates::new().key_header("authorization");
    let request = Request::get("/b?reset=hunter2").header("host", "a");
    let request = request.header("authorization", "Bearer hunter2");
    let key = key(&gates, request);
    assert_eq!(key.to_string(), "GET http://a/b");
    assert_eq!(format!("{key:?}"), "Key(GET http://a/b, by [\"authorization\"])");
    #[cfg(feature = "serde")]
    assert_eq!(serde_json::to_string(&key).unwrap(), "\"GET http://a/b\"");
}

#[test]
fn the_gates_show_their_settings() {
    let shown = format!("{:?}", Gates::new().key_header("x-tenant").max_body(7));
    assert!(shown.contains("x-tenant") && shown.contains("max_body: 7"), "{shown}");
}

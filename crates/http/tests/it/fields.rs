//! Each request field by its class: what the table of the documentation says about a name.

use coalescer_http::{Gates, Key, PassThrough, RequestVerdict};
use http::Request;
use http::request::Builder;

fn get() -> Builder {
    Request::get("/").header("host", "shop.example")
}

fn verdict(gates: &Gates, request: Builder) -> RequestVerdict {
    gates.request(&request.body(()).unwrap().into_parts().0)
}

#[track_caller]
fn key(gates: &Gates, request: Builder) -> Key {
    match verdict(gates, request) {
        RequestVerdict::Shared(key) => key,
        other => panic!("{other:?}"),
    }
}

fn passed(gates: &Gates, request: Builder) -> Option<PassThrough> {
    match verdict(gates, request) {
        RequestVerdict::PassThrough(reason) => Some(reason),
        _ => None,
    }
}

/// Fields that say who asks.
const CREDENTIALS: [&str; 62] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-access-token",
    "private-token",
    "x-amz-security-token",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "x-vault-token",
    "x-session-id",
    "x-csrf-token",
    "x-xsrf-token",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-remote-user",
    "remote-user",
    "remote-groups",
    "x-auth-request-user",
    "x-auth-request-email",
    "cf-access-jwt-assertion",
    "x-goog-iap-jwt-assertion",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-ms-client-principal",
    "x-ms-client-principal-name",
    "x-ms-token-aad-id-token",
    "client-cert",
    "x-client-cert",
    "x-ssl-client-cert",
    "x-ssl-client-s-dn",
    "ssl-client-verify",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "dpop",
    "signature",
    "signature-input",
    "x-user-id",
    "x-user",
    "x-tenant-id",
    "x-tenant",
    "from",
    "x-webauth-user",
    "x-authenticated-userid",
    "x-pomerium-jwt-assertion",
    "x-hub-signature-256",
    "x-acme-token",
    "x-acme-key",
    "x-acme-user",
    "x-acme-session",
    "x-acme-auth",
    "x-acme-assertion",
    "x-acme-secret",
    "x-hasura-role",
    "x-goog-authenticated-user-email",
    "impersonate-user",
    "x-on-behalf-of",
];

/// Fields that may decide the page.
const KEYED: [&str; 54] = [
    "accept",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "accept-language",
    "accept-ch",
    "accept-anything",
    "origin",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-range",
    "if-anything",
    "a-im",
    "prefer",
    "save-data",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-gpc",
    "dnt",
    "dpr",
    "viewport-width",
    "device-memory",
    "hx-request",
    "hx-target",
    "hx-boosted",
    "x-requested-with",
    "x-inertia",
    "x-inertia-version",
    "turbo-frame",
    "rsc",
    "next-router-state-tree",
    "x-pjax",
    "x-up-target",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-scheme",
    "x-forwarded-prefix",
    "x-forwarded-ssl",
    "x-forwarded-server",
    "x-host",
    "x-original-host",
    "front-end-https",
    "x-url-scheme",
    "x-script-name",
    "x-wap-profile",
    "cf-ipcountry",
    "upgrade-insecure-requests",
    "content-type",
    "x-api-version",
];

/// Fields in place of the path.
const OVERRIDES: [&str; 7] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-rewrite-uri",
    "x-envoy-original-path",
    "x-acme-path",
    "x-acme-url",
];

/// Fields that are deliberately outside the key.
const OUTSIDE: [&str; 16] = [
    "user-agent",
    "referer",
    "x-forwarded-for",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "client-ip",
    "x-client-ip",
    "x-request-id",
    "x-correlation-id",
    "traceparent",
    "tracestate",
    "via",
    "x-varnish",
    "priority",
    "x-b3-traceid",
];

/// H3: a credential is passed through, unless the user puts it into the key.
#[test]
fn a_credential_of_any_name_is_passed_through_unless_it_is_in_the_key() {
    for name in CREDENTIALS {
        let plain = Gates::new();
        for value in ["ada", ""] {
            assert_eq!(
                passed(&plain, get().header(name, value)),
                Some(PassThrough::Credentials),
                "{name}"
            );
        }
        let fresh = get().header(name, "ada").header("cache-control", "no-cache");
        assert_eq!(passed(&plain, fresh), Some(PassThrough::Credentials), "{name}");
        let keyed = Gates::new().key_header(name);
        let user = |user| key(&keyed, get().header(name, user));
        assert_eq!(user("ada"), user("ada"), "{name}");
        assert_ne!(user("ada"), user("bob"), "{name}");
        assert_ne!(user("ada"), key(&keyed, get()), "{name}");
        assert!(user("ada").has_credentials() && !user("ada").has_principal(), "{name}");
    }
}

/// H5: what may decide the page is in the key, line by line and byte by byte.
#[test]
fn what_may_decide_the_page_is_in_the_key() {
    let gates = Gates::new();
    for name in KEYED {
        let with = |value| key(&gates, get().header(name, value));
        assert_eq!(with("a, b"), with("a, b"), "{name}");
        for (one, other) in [("a, b", "a,b"), ("a", "A"), ("a", "b"), ("a", "")] {
            assert_ne!(with(one), with(other), "{name}");
        }
        assert_ne!(with(""), key(&gates, get()), "{name}");
        assert_ne!(with("a, b"), key(&gates, get().header(name, "a").header(name, "b")), "{name}");
    }
}

/// H6: what replaces the path is passed through.
#[test]
fn what_replaces_the_path_is_passed_through() {
    for name in OVERRIDES {
        let request = || get().header(name, "/admin");
        assert_eq!(passed(&Gates::new(), request()), Some(PassThrough::Override), "{name}");
        assert_eq!(passed(&Gates::new().key_header(name), request()), None, "{name}");
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let gates = Gates::new().key_header(name);
        assert_eq!(passed(&gates, get().header(name, "DELETE")), Some(PassThrough::Method));
    }
    assert!(passed(&Gates::new(), get().header("x-acme-method", "DELETE")).is_some());
}

/// H8: what is outside is outside by decision, and inside if the gates are strict.
#[test]
fn what_is_outside_the_key_is_in_it_if_the_gates_are_strict() {
    let (plain, strict) = (Gates::new(), Gates::new().strict());
    for name in OUTSIDE.into_iter().chain(["x-acme", "forwarded"]) {
        let with = |gates: &Gates, value| key(gates, get().header(name, value));
        assert_eq!(with(&plain, "for=a"), with(&plain, "for=b"), "{name}");
        assert_eq!(with(&plain, "for=a"), key(&plain, get()), "{name}");
        assert_ne!(with(&strict, "for=a"), with(&strict, "for=b"), "{name}");
        assert_ne!(with(&strict, "for=a"), key(&strict, get()), "{name}");
        let ignoring = Gates::new().strict().ignore_header(name);
        assert_eq!(with(&ignoring, "for=a"), with(&ignoring, "for=b"), "{name}");
        assert_eq!(with(&ignoring, "for=a"), key(&ignoring, get()), "{name}");
    }
    for name in CREDENTIALS {
        assert_eq!(
            passed(&strict, get().header(name, "a")),
            Some(PassThrough::Credentials),
            "{name}"
        );
    }
}

/// H8: what the user ignores is outside the key.
#[test]
fn a_field_that_is_ignored_is_outside_the_key() {
    for name in ["accept-language", "x-csrf-token", "x-original-url", "forwarded", "hx-request"] {
        let gates = Gates::new().ignore_header(name).ignore_header(name);
        assert_eq!(key(&gates, get().header(name, "host=a")), key(&gates, get()), "{name}");
        let gates = gates.key_header(name);
        assert_ne!(key(&gates, get().header(name, "host=a")), key(&gates, get()), "{name}");
    }
}

#[test]
#[should_panic(expected = "remove a credential before the layer instead")]
fn a_cookie_cannot_be_ignored() {
    drop(Gates::new().ignore_header("Cookie"));
}

#[test]
#[should_panic(expected = "ignore_header(\"a b\"): no field has such a name")]
fn a_name_that_no_field_can_have_cannot_be_ignored() {
    drop(Gates::new().ignore_header("a b"));
}

/// H4: of `Forwarded`, everything but plain addresses is in the key.
#[test]
fn forwarded_counts_without_its_addresses() {
    let gates = Gates::new();
    let with = |value: &str| key(&gates, get().header("forwarded", value));
    assert_eq!(with("for=192.0.2.1;host=a"), with("for=\"[2001:db8::1]:4711\";host=a"));
    assert_eq!(with("for=192.0.2.1, for=192.0.2.2"), key(&gates, get()));
    for other in
        ["host=b", "proto=https", "for=1;secret=1", "for=\"a;host=b\"", "Host=a", "host=\"a\""]
    {
        assert_ne!(with("host=a"), with(other), "{other}");
        assert_ne!(with(other), key(&gates, get()), "{other}");
    }
    assert_ne!(with("host=a, host=b"), with("host=b, host=a"));
    let whole = Gates::new().key_header("forwarded");
    let with = |value: &str| key(&whole, get().header("forwarded", value));
    assert_ne!(with("for=192.0.2.1"), with("for=192.0.2.2"));
}

/// H2: what a handler may be unable to read is passed through, in a field of any name.
#[test]
fn what_a_handler_may_be_unable_to_read_is_passed_through() {
    for name in KEYED.into_iter().chain(OUTSIDE).chain(["x-acme", "cache-control"]) {
        for value in [&b"\xff"[..], "é".as_bytes(), b"a\x80"] {
            let value = http::HeaderValue::from_bytes(value).unwrap();
            let reason = passed(&Gates::new(), get().header(name, value.clone()));
            assert_eq!(reason, Some(PassThrough::Unreadable), "{name}");
            let keyed = Gates::new().key_header(name);
            assert_eq!(passed(&keyed, get().header(name, value)), Some(PassThrough::Unreadable));
        }
        let of = |length| passed(&Gates::new(), get().header(name, "1".repeat(length)));
        assert_eq!(of(4097), Some(PassThrough::TooLong), "{name}");
        assert_eq!(of(4096), None, "{name}");
    }
}

/// H2: the fields together are bounded too.
#[test]
fn fields_that_are_too_long_together_are_passed_through() {
    let with = |lines: usize| {
        let request = (0..lines).fold(get(), |request, _| request.header("x-a", "a".repeat(997)));
        passed(&Gates::new(), request)
    };
    // Each line is 1000 bytes, beside those of `Host`.
    assert_eq!((with(16), with(17)), (None, Some(PassThrough::TooLong)));
}

/// H20: an extension counts if the user names its type.
#[test]
fn an_extension_is_in_the_key_if_its_type_is_named() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct User(&'static str);
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Tenant(&'static str);

    let plain = Gates::new();
    let gates = Gates::new().key_extension::<User>().key_extension::<Tenant>();
    let ada = || get().extension(User("ada"));
    assert_eq!(key(&plain, ada()), key(&plain, get().extension(User("bob"))));
    assert_eq!(key(&gates, ada()), key(&gates, ada().extension(1_u8)));
    let others = [get(), get().extension(User("bob")), get().extension(Tenant("ada"))];
    for other in others.into_iter().chain([ada().extension(Tenant("ada"))]) {
        assert_ne!(key(&gates, ada()), key(&gates, other));
    }
    assert!(!format!("{:?}", key(&gates, ada())).contains("ada"));
}

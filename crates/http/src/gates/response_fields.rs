//! Response fields that are for one client: those that make a response unshared, and those that are
//! removed from what is shared.

use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, PROXY_AUTHENTICATE, SET_COOKIE,
    TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::gates::fields::{elements, remove_hop_by_hop};
use crate::gates::request_fields::Class;

/// Names that have the words of a credential and are none.
const HARMLESS: &[&str] = &[
    "cache-key",
    "permissions-policy",
    "permissions-policy-report-only",
    "public-key-pins",
    "public-key-pins-report-only",
    "surrogate-key",
    "x-cache-group",
    "x-cache-key",
    "xkey",
];

/// The beginning of the names of CORS fields, which say what credentials a browser may send.
const CORS: &str = "access-control-";

/// Numbers of one request, for logs and traces.
const OF_ONE_REQUEST: [&str; 12] = [
    "cf-ray",
    "request-id",
    "server-timing",
    "traceparent",
    "traceresponse",
    "tracestate",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-correlation-id",
    "x-request-id",
    "x-trace-id",
];

/// Returns `true` if the response sets a cookie.
pub(crate) fn sets_cookie(headers: &HeaderMap) -> bool {
    headers.contains_key(SET_COOKIE) || headers.contains_key("set-cookie2")
}

/// Returns `true` if a field hands something to one client: a token, a challenge, a nonce.
pub(crate) fn has_secret(headers: &HeaderMap) -> bool {
    headers.keys().any(is_secret) || has_nonce(headers)
}

fn is_secret(name: &HeaderName) -> bool {
    let text = name.as_str();
    let is_harmless = text.starts_with(CORS) || HARMLESS.contains(&text);
    let is_challenge = name == WWW_AUTHENTICATE || name == PROXY_AUTHENTICATE;
    is_challenge
        || text == "clear-site-data"
        || (!is_harmless && Class::of(name) == Class::Credential)
}

/// Returns `true` if the policy names a nonce. The page has it too, and a second client may not know it.
fn has_nonce(headers: &HeaderMap) -> bool {
    let names = [CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY];
    let mut policies = names.iter().flat_map(|name| headers.get_all(name));
    policies.any(|policy| contains(policy, b"nonce-"))
}

fn contains(value: &HeaderValue, word: &[u8]) -> bool {
    value.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Returns `true` if the body is coded as only a connection's next recipient can know. The field is
/// removed from what is shared, so the body would be taken for what it is not.
pub(crate) fn has_transfer_coding(headers: &HeaderMap) -> bool {
    elements(headers, TRANSFER_ENCODING).map_or(true, |codings| {
        codings.iter().any(|coding| !coding.eq_ignore_ascii_case(b"chunked"))
    })
}

/// Removes what is for one connection or one request.
pub(crate) fn keep_shared(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    for name in OF_ONE_REQUEST {
        headers.remove(name);
    }
    let is_limit = |name: &&HeaderName| {
        let name = name.as_str();
        name.starts_with("ratelimit")
            || name.starts_with("x-ratelimit")
            || name.starts_with("x-rate-limit")
    };
    let limits: Vec<_> = headers.keys().filter(is_limit).cloned().collect();
    for name in limits {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &'static str, value: &'static str) -> HeaderMap {
        let name = HeaderName::from_static(name);
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    /// H12: a token, a challenge or a nonce is for one client.
    #[test]
    fn secrets_are_found_by_name_and_nonces_by_value() {
        for name in [
            "authorization",
            "x-auth-token",
            "x-csrf-token",
            "x-subject-token",
            "authentication-info",
            "proxy-authentication-info",
            "www-authenticate",
            "proxy-authenticate",
            "clear-site-data",
            "replay-nonce",
            "dpop-nonce",
            "x-acme-session",
            "set-login",
            "signature",
        ] {
            assert!(has_secret(&says(name, "x")), "{name}");
        }
        let usual = "accept-ch accept-ranges access-control-allow-credentials access-control-allow-headers \
            access-control-expose-headers age allow alt-svc cache-control cache-status cdn-cache-control \
            cf-cache-status content-digest content-disposition content-encoding content-language \
            content-length content-location content-range content-security-policy content-type critical-ch \
            cross-origin-embedder-policy cross-origin-opener-policy cross-origin-resource-policy date digest \
            document-policy etag expect-ct expires feature-policy last-modified link location nel \
            origin-agent-cluster p3p permissions-policy pragma referrer-policy refresh report-to \
            reporting-endpoints retry-after server sourcemap strict-transport-security surrogate-control \
            surrogate-key timing-allow-origin tk vary via warning x-aspnet-version x-cache x-cache-hits \
            x-content-type-options x-dns-prefetch-control x-download-options x-drupal-cache x-frame-options \
            x-generator x-permitted-cross-domain-policies x-powered-by x-robots-tag x-runtime x-served-by \
            x-timer x-total-count x-ua-compatible x-xss-protection hx-redirect hx-trigger";
        for name in usual.split_whitespace() {
            assert!(!has_secret(&says(name, "x")), "{name}");
        }
        let nonce = "default-src 'self'; script-src 'NONCE-11'";
        assert!(has_secret(&says("content-security-policy", nonce)));
        assert!(has_secret(&says("content-security-policy-report-only", nonce)));
    }

    #[test]
    fn only_chunked_is_no_coding_of_the_content() {
        assert!(!has_transfer_coding(&HeaderMap::new()));
        assert!(!has_transfer_coding(&says("transfer-encoding", "Chunked")));
        for value in ["gzip, chunked", "identity", "\""] {
            assert!(has_transfer_coding(&says("transfer-encoding", value)), "{value}");
        }
    }

    #[test]
    fn numbers_of_one_request_are_taken_out() {
        for name in ["x-request-id", "ratelimit-remaining", "x-ratelimit-limit", "ratelimit", "te"]
        {
            let mut headers = says(name, "x");
            keep_shared(&mut headers);
            assert!(headers.is_empty(), "{name}");
        }
    }
}

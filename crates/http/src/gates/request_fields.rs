//! [`Class`]: what the request gate does with a request field, decided by its name.
//!
//! A handler can read every field. So for each known name somebody has decided what happens to a request
//! that has it, and this file is the place where the decision stands. A name that no list has is judged by
//! its words: `X-Acme-Token` is a credential. What remains is outside the key, unless the gates are
//! [`strict`](crate::Gates::strict).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use http::HeaderName;

/// The request gate's decision about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The gate reads the field itself, by a rule of its own. Its text is in no key, also if the gates are
    /// strict.
    Judged,
    /// It says who asks. A request that has it is passed through, unless the user puts it into the key.
    Credential,
    /// It replaces the path or the method. A request that has it is passed through.
    Override,
    /// It may decide the page: the language, the encoding, a fragment in place of a page, the host that
    /// links name. It is in every key.
    Keyed,
    /// It differs between clients and seldom decides the page. It is outside the key.
    Outside,
    /// No list and no word has it. It is outside the key.
    Unknown,
}

/// Fields that the gate reads by a rule of its own, and fields of one connection.
const JUDGED: &str = "
    cache-control connection content-length expect host keep-alive pragma proxy-connection
    transfer-encoding upgrade
";

/// Fields that carry a credential, or by which a proxy or a certificate says who asks.
const CREDENTIALS: &str = "
    api-key authorization cert cf-access-client-id cf-access-client-secret
    cf-access-jwt-assertion client-cert client-cert-chain cookie cookie2 dpop from
    impersonate-group impersonate-user ocp-apim-subscription-key private-token
    proxy-authorization remote-email remote-groups remote-name remote-user sec-token-binding
    signature signature-agent signature-input ssl-client-cert ssl-client-s-dn ssl-client-verify
    sudo x-access-token x-amz-date x-amz-security-token x-amzn-oidc-accesstoken x-amzn-oidc-data
    x-amzn-oidc-identity x-anonymous-consumer x-api-key x-apikey x-arr-clientcert
    x-auth-request-email x-auth-request-user x-auth-token x-client-cert x-client-id
    x-consumer-custom-id x-consumer-id x-consumer-username x-csrf-token x-csrftoken x-device-id
    x-forwarded-access-token x-forwarded-client-cert x-forwarded-email x-forwarded-groups
    x-forwarded-preferred-username x-forwarded-tls-client-cert x-forwarded-tls-client-cert-info
    x-forwarded-user x-goog-api-key x-goog-iap-jwt-assertion x-ms-client-principal
    x-ms-client-principal-id x-ms-client-principal-idp x-ms-client-principal-name
    x-ms-token-aad-id-token x-on-behalf-of x-remote-user x-session-id x-ssl-client-s-dn x-tenant
    x-tenant-id x-uidh x-user x-user-id x-vault-token x-xsrf-token
";

/// Those of them that name a tenant: many people, and nothing secret. A name that is not exactly one of these, such as
/// `X-Tenant-Token`, may be more.
#[cfg(feature = "cluster")]
const TENANTS: &str = "tenant tenant-id tenantid x-tenant x-tenant-id x-tenantid";

/// Fields by which a request asks for another path or method than its first line says.
const OVERRIDES: &str = "
    base-url destination request-uri x-envoy-original-path x-http-destinationurl x-http-method
    x-http-method-override x-method-override x-original-uri x-original-url x-override-url
    x-path-info x-proxy-url x-replaced-path x-rewrite-uri x-rewrite-url x-waws-unencoded-url
";

/// Fields that may decide the page.
const KEYED: &[&str] = &[
    // Negotiation (RFC 9110, 12) and its extensions. All other `Accept-*` and `If-*` are in by their
    // beginning; to find a name here costs less.
    "a-im accept accept-encoding accept-language if-modified-since if-none-match alt-used content-encoding content-type depth negotiate origin prefer profile
     range request-range soapaction tcn te trailer translate want-digest want-content-digest
     want-repr-digest x-wap-profile",
    // Properties of the client. `Sec-*` is in by its beginning.
    "device-memory dnt downlink dpr ect purpose rtt save-data service-worker
     service-worker-navigation-preload upgrade-insecure-requests viewport-width width x-moz
     x-purpose",
    // A fragment or data in place of the page. `HX-*`, `Turbo-*`, `X-Inertia-*`, `Next-*` and others are
    // in by their beginnings.
    "datastar-request rsc x-ajax x-alpine-request x-fragment x-fetch x-livewire x-nextjs-data
     x-requested-with x-sveltekit-invalidated",
    // The host, scheme, port and prefix of the client's request. Other `X-Forwarded-*` are in by their
    // beginning, and of `Forwarded` what `forwarded` takes from it.
    "x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-server cf-visitor cloudfront-forwarded-proto front-end-https forwarded-host forwarded-proto
     fastly-ssl script-name wl-proxy-ssl x-arr-ssl x-forwarded x-host x-http-host-override
     x-original-host x-original-proto x-port x-proto x-real-host x-scheme x-script-name
     x-url-scheme",
    // Where a proxy says the client is.
    "cf-ipcountry cloudfront-viewer-country x-appengine-country x-country-code
     x-vercel-ip-country",
    // The version of an interface.
    "api-version x-api-version",
];

/// Fields that are deliberately outside the key. The documentation of the crate says so.
const OUTSIDE: &[&str] = &[
    // The program and the page that the client came from: each would be a key of its own.
    "referer user-agent x-original-user-agent x-user-agent",
    // The address of the client.
    "cf-connecting-ip cf-connecting-ipv6 cf-pseudo-ipv4 client-ip fastly-client-ip fly-client-ip
     forwarded-for true-client-ip x-appengine-remote-addr x-appengine-user-ip x-azure-clientip
     x-azure-socketip x-client-ip x-cluster-client-ip x-envoy-external-address x-forwarded-for
     x-host-ip x-nf-client-connection-ip x-originating-ip x-original-forwarded-for
     x-proxyuser-ip x-real-ip x-real-port x-forwarded-client-port x-remote-addr x-remote-ip
     x-vercel-forwarded-for x-vercel-proxied-for wl-proxy-client-ip proxy-client-ip",
    // Numbers of one request, for traces and logs.
    "amz-sdk-invocation-id amz-sdk-request b3 baggage cf-ray correlation-context
     elastic-apm-traceparent grpc-trace-bin newrelic request-id sentry-trace traceparent
     tracestate uber-trace-id x-amz-cf-id x-amzn-trace-id x-b3-flags x-b3-parentspanid
     x-b3-sampled x-b3-spanid x-b3-traceid x-client-request-id x-client-trace-id
     x-cloud-trace-context x-correlation-id x-datadog-origin x-datadog-parent-id
     x-datadog-sampling-priority x-datadog-trace-id x-envoy-attempt-count
     x-envoy-expected-rq-timeout-ms x-ms-request-id x-queue-start x-request-id x-request-start
     x-requestid x-span-id x-trace-id x-traceid x-transaction-id x-turbo-request-id x-vercel-id",
    // The way of the message, and not its content.
    "cdn-loop date early-data http2-settings max-forwards priority via x-forwarded-by
     x-varnish",
];

/// Beginnings of names, and the class of the names that no list has.
const BEGINNINGS: &[(&str, Class)] = &[
    ("access-control-request-", Class::Keyed),
    ("hx-", Class::Keyed),
    ("next-", Class::Keyed),
    ("sec-", Class::Keyed),
    ("turbo-", Class::Keyed),
    ("turbolinks-", Class::Keyed),
    ("x-inertia", Class::Keyed),
    ("x-pjax", Class::Keyed),
    ("x-remix-", Class::Keyed),
    ("x-up-", Class::Keyed),
];

/// Beginnings of names that decide after the words of a credential. `X-Forwarded-Groups` is one.
const LATE_BEGINNINGS: &str = "
    accept- if- x-forwarded- cloudfront-is- cloudfront-viewer-
";

/// Words of a name, between its hyphens, that make it a credential or an identity.
const CREDENTIAL_WORDS: &str = "
    account accountid admin assertion auth authenticated authentication authorization bearer
    cert certificate challenge claim claims clientcert consumer credential credentials csrf
    customer dn dpop email entitlement group groups hmac iap identity impersonate jwt login mail
    member nonce oauth oauth2 oidc org organization passphrase passwd password permission
    permissions person pin principal role roles saml scope scopes secret sid signature sso
    subject tenant tenantid ticket uid username viewerid visitor webauth workspace xsrf
";

/// Ends of a name that make it a credential or an identity, with or without a hyphen before them.
const CREDENTIAL_ENDS: &str = "
    apikey assertion auth cert cookie credential credentials email jwt key secret session sessid
    signature token user userid username
";

/// Parts of a name, with hyphens, that make it a credential or an identity.
const CREDENTIAL_PARTS: &str = "
    -key- -session- -token- -user- api-key client-cert client-id client-secret client-verify
    device-id session-id sessionid ssl-client tls-client user-id userinfo
";

/// Words that make a name the address of a client.
const ADDRESS_WORDS: &str = "addr address clientip ip ips ipaddress ipv4 ipv6";

/// Words that make a name replace the path or the method.
const OVERRIDE_WORDS: &str = "
    method override path pathinfo rewrite uri url
";

/// Words that make a name decide the page.
const KEYED_WORDS: &str = "
    accept ajax base city continent country currency device domain experiment fragment format
    geo host hostname https lang language layout locale mobile partial platform port prefix
    preview proto protocol pjax region scheme server site ssl theme timezone variant version
";

/// The names are those of this file, so no client can choose them, and a plain hash suffices.
static CLASSES: LazyLock<HashMap<&'static str, Class, BuildHasherDefault<Fnv>>> =
    LazyLock::new(|| {
        let of = |lists: &[&'static str], class| {
            let names = lists.iter().copied().flat_map(str::split_whitespace);
            names.map(|name| (name, class)).collect::<Vec<_>>()
        };
        let classes = [
            of(&[JUDGED], Class::Judged),
            of(&[CREDENTIALS], Class::Credential),
            of(&[OVERRIDES], Class::Override),
            of(KEYED, Class::Keyed),
            of(OUTSIDE, Class::Outside),
        ];
        classes.into_iter().flatten().collect()
    });

/// FNV-1a.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Class {
    /// Returns the class of a name: by the lists, or else by its beginning and its words.
    pub(crate) fn of(name: &HeaderName) -> Self {
        let name = name.as_str();
        CLASSES.get(name).copied().unwrap_or_else(|| Self::by_words(name))
    }

    /// The order matters: of two words that say different things, the one that shares less decides.
    fn by_words(name: &str) -> Self {
        if let Some((_, class)) = BEGINNINGS.iter().find(|(start, _)| name.starts_with(start)) {
            return *class;
        }
        let has = |words: &str| name.split(['-', '_', '.']).any(|word| is_one(word, words));
        if is_credential(name) || has(CREDENTIAL_WORDS) {
            return Self::Credential;
        }
        if has(ADDRESS_WORDS) {
            return Self::Outside;
        }
        if LATE_BEGINNINGS.split_whitespace().any(|start| name.starts_with(start)) {
            return Self::Keyed;
        }
        if has(OVERRIDE_WORDS) {
            return Self::Override;
        }
        if has(KEYED_WORDS) { Self::Keyed } else { Self::Unknown }
    }
}

/// Returns `true` for a credential that is about one person, and not a tenant.
#[cfg(feature = "cluster")]
pub(crate) fn is_about_one_person(name: &HeaderName) -> bool {
    Class::of(name) == Class::Credential && !is_one(name.as_str(), TENANTS)
}

fn is_one(word: &str, words: &str) -> bool {
    words.split_whitespace().any(|one| one == word)
}

fn is_credential(name: &str) -> bool {
    CREDENTIAL_ENDS.split_whitespace().any(|end| name.ends_with(end))
        || CREDENTIAL_PARTS.split_whitespace().any(|part| name.contains(part))
        || name.starts_with("user-")
        || name.starts_with("session-")
        || name.starts_with("token-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn class(name: &'static str) -> Class {
        Class::of(&HeaderName::from_static(name))
    }

    /// H3: each name has one class.
    #[test]
    fn no_name_is_in_two_lists() {
        let mut seen = BTreeMap::<_, usize>::new();
        let lists = [JUDGED, CREDENTIALS, OVERRIDES].iter().chain(KEYED).chain(OUTSIDE);
        for name in lists.flat_map(|list| list.split_whitespace()) {
            assert_eq!(HeaderName::from_static(name).as_str(), name);
            *seen.entry(name).or_default() += 1;
        }
        seen.retain(|_, count| *count > 1);
        assert!(seen.is_empty(), "{seen:?}");
    }

    /// H25: a tenant is many people, and every name of one is a credential within a process.
    #[cfg(feature = "cluster")]
    #[test]
    fn the_name_of_a_tenant_is_about_nobody() {
        for name in TENANTS.split_whitespace() {
            assert_eq!(class(name), Class::Credential, "{name}");
            assert!(!is_about_one_person(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["x-tenant-token", "x-tenant-user", "cookie", "x-acme-tenant"] {
            assert!(is_about_one_person(&HeaderName::from_static(name)), "{name}");
        }
    }

    /// H3: what no list has is judged by its words.
    #[test]
    fn unlisted_names_are_judged_by_their_words() {
        let credentials = [
            "x-acme-token",
            "acme-key",
            "x-acme-user",
            "x-acme-session",
            "x-acme-auth",
            "acmetoken",
            "x-acme-assertion",
            "x-forwarded-roles",
            "x-acme-user-name",
            "x-pomerium-claim-email",
            "x_api_key",
            "x-hasura-admin-secret",
            "x-apigateway-api-userinfo",
            "tailscale-user-login",
        ];
        for name in credentials {
            assert_eq!(class(name), Class::Credential, "{name}");
        }
        for name in ["x-acme-url", "x-acme-path", "x-acme-method", "x-uri"] {
            assert_eq!(class(name), Class::Override, "{name}");
        }
        let keyed = [
            "accept-anything",
            "if-anything",
            "hx-target",
            "sec-ch-ua",
            "sec-fetch-dest",
            "turbo-frame",
            "x-forwarded-port",
            "x-forwarded-anything",
            "x-acme-host",
            "x-acme-country",
            "x-inertia",
            "sec-websocket-key",
            "next-url",
        ];
        for name in keyed {
            assert_eq!(class(name), Class::Keyed, "{name}");
        }
        for name in
            ["x-acme-ip", "x-forwarded-client-ip", "cloudfront-viewer-address", "remote-addr"]
        {
            assert_eq!(class(name), Class::Outside, "{name}");
        }
        assert_eq!(class("x-acme"), Class::Unknown);
    }
}

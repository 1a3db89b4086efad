//! Requests and responses made of bytes, from the words that the gates read.

use http::{HeaderName, HeaderValue, Request, Response, Version};

/// The bytes that choose. After their end everything is zero.
pub(crate) struct Choices<'d>(pub(crate) &'d [u8]);

impl Choices<'_> {
    pub(crate) fn byte(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.byte() % of.len()]
    }
}

/// Names of fields of all classes.
const NAMES: &[&str] = &[
    "host",
    "host",
    "forwarded",
    "forwarded",
    "cache-control",
    "pragma",
    "accept",
    "accept-language",
    "accept-language",
    "accept-encoding",
    "range",
    "if-none-match",
    "origin",
    "cookie",
    "cookie",
    "authorization",
    "x-api-key",
    "x-acme-token",
    "user-agent",
    "referer",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-original-url",
    "x-http-method-override",
    "hx-request",
    "turbo-frame",
    "x-requested-with",
    "accept-charset",
    "x-request-id",
    "x-acme",
    "sec-fetch-dest",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "expect",
    "connection",
    "content-type",
    "te",
    "via",
    "surrogate-key",
];

/// Names of fields of responses.
const RESPONSE_NAMES: &[&str] = &[
    "cache-control",
    "cache-control",
    "cdn-cache-control",
    "surrogate-control",
    "x-accel-expires",
    "pragma",
    "vary",
    "vary",
    "age",
    "expires",
    "connection",
    "set-cookie",
    "content-security-policy",
    "transfer-encoding",
    "location",
    "content-location",
    "etag",
    "x-request-id",
    "www-authenticate",
    "x-csrf-token",
    "surrogate-key",
    "surrogate-key",
    "cache-tag",
    "cache-tag",
];

const WORDS: &[&[u8]] = &[
    b"",
    b"a",
    b"A",
    b"0",
    b"80",
    b"443",
    b"8080",
    b":",
    b"+",
    b",",
    b";",
    b"=",
    b"\"",
    b"\\",
    b" ",
    b"\t",
    b"*",
    b"/",
    b"//",
    b".",
    b"..",
    b"?",
    b"#",
    b"%61",
    b"@",
    b"[",
    b"]",
    b"[::1]",
    b"shop.example",
    b"Shop.example",
    b"evil.example",
    b"host=",
    b"Host=",
    b"proto=",
    b"for=",
    b"by=",
    b"for=192.0.2.1",
    b"for=192.0.2.2",
    b"no-store",
    b"no-cache",
    b"private",
    b"max-age=",
    b"s-maxage=",
    b"accept",
    b"user-agent",
    b"cookie",
    b"chunked",
    b"gzip",
    b"br",
    b"identity",
    b";q=0",
    b";q=0.5",
    b"en",
    b"en-US",
    b"de",
    b"session=ada",
    b"session=bob",
    b"_ga=1",
    b"theme=dark",
    b"; ",
    b"only-if-cached",
    b"close",
    b"'nonce-",
    b"http://",
    b"text/event-stream",
    b"\xff",
    "é".as_bytes(),
    b"-",
    b"_",
    b"99999999999999999999",
    b"x-acme",
];

/// Fields of browsers that say the same to a site with few cookies, codings and languages.
const BROWSERS: &[(&str, &[&[u8]])] = &[
    (
        "cookie",
        &[
            b"_ga=1; session=ada",
            b"session=ada; theme=dark",
            b"session=ada",
            b"session=bob",
            b"_ga=2",
        ],
    ),
    ("accept-encoding", &[b"gzip, deflate, br", b"br;q=0.5", b"gzip", b"zstd", b"identity"]),
    ("accept-language", &[b"en-US,en;q=0.9", b"en", b"de, en;q=0.1", b"pt", b"fr"]),
];

const METHODS: &[&str] = &["GET", "GET", "GET", "HEAD", "POST", "PURGE"];

const TARGETS: &[&str] = &[
    "/",
    "/a",
    "/a?b",
    "/a?c",
    "/%61",
    "//",
    "http://shop.example/",
    "http://shop.example/a",
    "https://shop.example/a",
    "http://Shop.example/",
    "http://shop.example:80/a",
    "http://[::1]/",
    "*",
    "shop.example",
];

const VERSIONS: &[Version] =
    &[Version::HTTP_11, Version::HTTP_11, Version::HTTP_10, Version::HTTP_2];

/// The parts that a request is made of.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    method: &'static str,
    target: &'static str,
    version: Version,
    lines: Vec<(&'static str, Vec<u8>)>,
}

impl Draft {
    pub(crate) fn new(choices: &mut Choices<'_>) -> Self {
        let method = choices.one(METHODS);
        let (target, version) = (choices.one(TARGETS), choices.one(VERSIONS));
        let mut lines = Vec::new();
        if choices.byte() % 4 != 0 {
            lines.push(("host", b"shop.example".to_vec()));
        }
        for _ in 0..choices.byte() % 4 {
            lines.push((choices.one(NAMES), value(choices)));
        }
        for (name, values) in BROWSERS {
            if choices.byte() % 3 == 0 {
                lines.push((name, choices.one(values).to_vec()));
            }
        }
        Self { method, target, version, lines }
    }

    /// The same with a few changes.
    pub(crate) fn changed(&self, choices: &mut Choices<'_>) -> Self {
        let mut draft = self.clone();
        if choices.byte() % 2 == 0 {
            draft.browse_by_another(choices);
            return draft;
        }
        for _ in 0..choices.byte() % 3 {
            let place = choices.byte() % draft.lines.len().max(1);
            match choices.byte() % 8 {
                0 => draft.method = choices.one(METHODS),
                1 => draft.target = choices.one(TARGETS),
                2 => draft.version = choices.one(VERSIONS),
                3 | 4 => draft.lines.push((choices.one(NAMES), value(choices))),
                5 => draft.lines.truncate(place),
                6 => draft.lines.reverse(),
                _ => {
                    if let Some((_, text)) = draft.lines.get_mut(place) {
                        text.extend_from_slice(&value(choices));
                    }
                }
            }
        }
        draft
    }

    /// Gives a field of a browser the text of another one.
    fn browse_by_another(&mut self, choices: &mut Choices<'_>) {
        for (name, text) in &mut self.lines {
            if let Some((_, values)) = BROWSERS.iter().find(|(field, _)| field == name) {
                *text = choices.one(values).to_vec();
            }
        }
    }

    /// The request, or `None` if HTTP has no such request.
    pub(crate) fn request(&self) -> Option<Request<()>> {
        let request = Request::builder().method(self.method).uri(self.target).version(self.version);
        let request = self.lines.iter().fold(request, |request, (name, text)| {
            request.header(
                *name,
                HeaderValue::from_bytes(text).unwrap_or(HeaderValue::from_static("")),
            )
        });
        request.body(()).ok()
    }
}

/// A tag, which a response may have or not.
pub(crate) fn tag(choices: &mut Choices<'_>) -> String {
    let (one, other) = (choices.one(WORDS), choices.one(&[&b""[..], b" a", b"a", b",", b"A"]));
    String::from_utf8_lossy(&[one, other].concat()).into_owned()
}

/// A response of any status.
pub(crate) fn response(choices: &mut Choices<'_>) -> Response<&'static str> {
    let status = 100 + (choices.byte() * 256 + choices.byte()) % 500;
    let usual = [200, 204, 303, 304, 404];
    let status = if choices.byte() % 2 == 0 { usual[status % usual.len()] } else { status };
    let mut response = Response::new("page");
    *response.status_mut() =
        u16::try_from(status).ok().and_then(|s| s.try_into().ok()).unwrap_or_default();
    for _ in 0..choices.byte() % 4 {
        let name = HeaderName::from_static(choices.one(RESPONSE_NAMES));
        let value = HeaderValue::from_bytes(&value(choices));
        response.headers_mut().append(name, value.unwrap_or(HeaderValue::from_static("")));
    }
    response
}

fn value(choices: &mut Choices<'_>) -> Vec<u8> {
    let count = choices.byte() % 5;
    (0..count).flat_map(|_| choices.one(WORDS).iter().copied()).collect()
}

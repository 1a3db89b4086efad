//! [`Gates`]: the decisions about sharing, as functions over the parts of a message.
//!
//! ```text
//! request  ──▶ request_gate ──▶ passed through, or a key
//! response ──▶ response_gate ─▶ unshared, unkept or kept
//!                   │
//!                   └─▶ cache_control ─▶ fields      parse header fields
//! ```
//!
//! The gates know no flights and no threads. They call no user code but the functions given to
//! [`Gates::key_part`] and [`Gates::should_coalesce`].

pub(crate) mod cache_control;
pub(crate) mod fields;
mod request_gate;
mod response_gate;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ORIGIN, RANGE};
use http::uri::Scheme;
use http::{HeaderName, request};

/// Fields that are in every key.
const KEY_HEADERS: [HeaderName; 5] = [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ORIGIN, RANGE];

/// Fields by which a proxy states the scheme and authority of the client's request. They are in
/// every key too.
const FORWARDED: [&str; 2] = ["x-forwarded-host", "x-forwarded-proto"];

/// The length of the longest body that is shared if [`Gates::max_body`] is not set: 1 MiB.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer_http::DEFAULT_MAX_BODY, 1 << 20);
/// ```
pub const DEFAULT_MAX_BODY: u64 = 1 << 20;

/// The two gates: which requests may share a response, and who may get a response.
///
/// The gates are pure functions of their settings and the parts of a message. Use them for a server
/// that has no handler function for a [`CoalesceLayer`](crate::CoalesceLayer). Put a
/// [`Group`](coalescer::Group) of [`Key`](crate::Key)s with a keyed hasher behind them.
///
/// A shared response must not contain the fields of one connection. Remove the fields that
/// `Connection` names and those of RFC 9110, 7.6.1, as the layer does.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::hash::RandomState;
/// use coalescer::Group;
/// use coalescer_http::{Gates, Key, RequestVerdict, ResponseVerdict};
/// use http::{Request, Response, request};
///
/// struct Page { response: Response<String>, verdict: ResponseVerdict }
///
/// fn render(request: &request::Parts) -> Response<String> {
///     Response::new(format!("page {}", request.uri))
/// }
///
/// let gates = Gates::new();
/// let pages: Group<Key, Page, Infallible, RandomState> = Group::builder()
///     .window(coalescer::DEFAULT_WINDOW)
///     .max_retained(256)
///     .hasher(RandomState::new())
///     .share_with(|page: &Page| page.verdict.share_with())
///     .build();
///
/// let (request, ()) = Request::get("/a").body(()).unwrap().into_parts();
/// let page = |key: &Key| {
///     let (parts, body) = render(&request).into_parts();
///     let verdict = gates.response(key, &parts, Some(body.len() as u64));
///     Ok(Page { response: Response::from_parts(parts, body), verdict })
/// };
/// let shared = match gates.request(&request) {
///     RequestVerdict::PassThrough(_) => None,
///     RequestVerdict::Shared(key) => Some(pages.execute(&key, || page(&key))),
///     RequestVerdict::Fresh(key) => Some(pages.execute_fresh(&key, || page(&key))),
/// };
/// let response = match shared {
///     None => render(&request),
///     Some(page) => page.expect("nothing fails here").response.clone(),
/// };
/// assert_eq!(response.body(), "page /a");
/// ```
#[derive(Clone)]
#[must_use = "gates do nothing until they see a message"]
pub struct Gates {
    pub(crate) key_headers: Vec<HeaderName>,
    pub(crate) key_parts: Vec<KeyPart>,
    pub(crate) should_coalesce: Option<Predicate>,
    pub(crate) scheme: Scheme,
    pub(crate) max_body: u64,
    pub(crate) window: Duration,
}

type KeyPart = Arc<dyn Fn(&request::Parts) -> Option<String> + Send + Sync>;
type Predicate = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;

impl Gates {
    /// Makes gates that follow the tables of the [crate page](crate), without exceptions.
    ///
    /// # Examples
    ///
    /// ```
    /// let gates = coalescer_http::Gates::new();
    /// # let _ = gates;
    /// ```
    pub fn new() -> Self {
        let forwarded = FORWARDED.map(HeaderName::from_static);
        Self {
            key_headers: KEY_HEADERS.into_iter().chain(forwarded).collect(),
            key_parts: Vec::new(),
            should_coalesce: None,
            scheme: Scheme::HTTP,
            max_body: DEFAULT_MAX_BODY,
            window: coalescer::DEFAULT_WINDOW,
        }
    }

    /// Adds a request field to the key. Requests share only if the field's values are equal.
    ///
    /// Name every field that the handler reads and that is not in the table, such as an API key or a
    /// tenant. A request with `Authorization`, `Proxy-Authorization` or `Cookie` is passed through
    /// unless the key has that field. If the key has it, requests share only with requests of the
    /// same credentials.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid name of a field.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, PassThrough, RequestVerdict};
    ///
    /// let request = || {
    ///     let request = http::Request::get("/").header("authorization", "Bearer 1");
    ///     request.body(()).unwrap().into_parts().0
    /// };
    /// let verdict = Gates::new().request(&request());
    /// assert_eq!(verdict, RequestVerdict::PassThrough(PassThrough::Credentials));
    ///
    /// let gates = Gates::new().key_header(http::header::AUTHORIZATION);
    /// assert!(matches!(gates.request(&request()), RequestVerdict::Shared(_)));
    /// ```
    #[track_caller]
    pub fn key_header(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            panic!("key_header({name:?}): no field has such a name; use one such as x-tenant")
        };
        if !self.key_headers.contains(&name) {
            self.key_headers.push(name);
        }
        self
    }

    /// Adds the result of a function to the key. Requests share only if the results are equal.
    ///
    /// Use it for a value that is not a whole field, such as a tenant known from the connection, or
    /// one of several cookies. The function can only separate requests. It cannot bring together
    /// requests that the table separates. Each call of this method adds one more part. `None` differs
    /// from an empty string.
    ///
    /// A panic of the function unwinds through the call that asks the gate.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    ///
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// let gates = Gates::new().key_part(|request| {
    ///     request.extensions.get::<Tenant>().map(|tenant| tenant.0.clone())
    /// });
    /// let verdict = |tenant: &str| {
    ///     let request = http::Request::get("/").extension(Tenant(tenant.to_owned()));
    ///     gates.request(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert_eq!(verdict("a"), verdict("a"));
    /// assert_ne!(verdict("a"), verdict("b"));
    /// ```
    pub fn key_part(
        mut self,
        part: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.key_parts.push(Arc::new(part));
        self
    }

    /// Passes through every request for which a function returns `false`.
    ///
    /// The gate calls the function only for requests that the table would coalesce. So the function
    /// can exclude requests but not include more. A second call of this method adds a function: a
    /// request is coalesced only if all functions return `true`.
    ///
    /// A panic of the function unwinds through the call that asks the gate.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, PassThrough, RequestVerdict};
    ///
    /// let gates = Gates::new().should_coalesce(|request| !request.uri.path().starts_with("/live"));
    /// let verdict = |path: &str| {
    ///     gates.request(&http::Request::get(path).body(()).unwrap().into_parts().0)
    /// };
    /// assert!(matches!(verdict("/news"), RequestVerdict::Shared(_)));
    /// assert_eq!(verdict("/live/7"), RequestVerdict::PassThrough(PassThrough::Declined));
    /// ```
    pub fn should_coalesce(
        mut self,
        should: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.should_coalesce = Some(match self.should_coalesce {
            Some(before) => Arc::new(move |request| before(request) && should(request)),
            None => Arc::new(should),
        });
        self
    }

    /// Sets the scheme of requests that state none. Most requests of HTTP/1.1 state none.
    ///
    /// The default is `http`. The scheme is in the key. It also decides which port is the default
    /// port, which the key leaves out.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    /// use http::uri::Scheme;
    ///
    /// let gates = Gates::new().scheme(Scheme::HTTPS);
    /// let verdict = |host: &str| {
    ///     let request = http::Request::get("/").header("host", host);
    ///     gates.request(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert_eq!(verdict("example.com:443"), verdict("example.com"));
    /// assert_ne!(verdict("example.com:80"), verdict("example.com"));
    /// ```
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// Sets the length in bytes of the longest body that is shared.
    ///
    /// The default is [`DEFAULT_MAX_BODY`], 1 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unshared};
    ///
    /// let gates = Gates::new().max_body(4);
    /// # let request = http::Request::get("/").body(()).unwrap();
    /// # let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    /// let (parts, body) = http::Response::new("hello").into_parts();
    /// let verdict = gates.response(&key, &parts, Some(body.len() as u64));
    /// assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::TooLong));
    /// ```
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// States the window of the group behind the gates.
    ///
    /// The default is [`DEFAULT_WINDOW`](coalescer::DEFAULT_WINDOW), 100 ms. The gates compare
    /// `max-age` with the window. A request with a shorter `max-age` asks for a fresh response. A
    /// response with a shorter `max-age` is not retained.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unkept};
    ///
    /// let gates = Gates::new().window(Duration::from_secs(5));
    /// # let request = http::Request::get("/").body(()).unwrap();
    /// # let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    /// let page = http::Response::builder().header("cache-control", "max-age=3").body(()).unwrap();
    /// let verdict = gates.response(&key, &page.into_parts().0, Some(0));
    /// assert_eq!(verdict, ResponseVerdict::Unkept(Unkept::MaxAge));
    /// ```
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }
}

impl Default for Gates {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gates")
            .field("key_headers", &self.key_headers)
            .field("scheme", &self.scheme)
            .field("max_body", &self.max_body)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

//! [`Gates`]: the decisions about sharing, as functions over the parts of a message.
//!
//! ```text
//! request  ──▶ request_gate ──▶ passed through, or a key
//!                   ├─▶ request_fields               each name has a class
//!                   ├─▶ cookies, negotiation ─▶ replaced   what the key and the handler have of a field
//!                   ├─▶ authority, forwarded         for whom the request is
//!                   ├─▶ cache_control ─▶ fields      parse header fields
//!                   ├─▶ statuses                     each status has a row
//!                   ├─▶ response_fields              what is for one client
//! response ──▶ response_gate ─▶ unshared, unkept or kept
//! page past its lifetime ──▶ staleness ─▶ for this request, or not
//! verdict  ──▶ page_says ─▶ a page that is never shared is remembered
//! ```
//!
//! The gates know no flights and no threads. They call no user code but the functions that the settings
//! of a key, [`Gates::should_coalesce`] and [`Gates::should_share`] have.

#[cfg(feature = "cluster")]
mod agreement;
mod authority;
pub(crate) mod cache_control;
mod cookies;
pub(crate) mod fields;
mod forwarded;
mod key_settings;
mod negotiation;
pub(crate) mod page_says;
mod replaced;
pub(crate) mod request_fields;
mod request_gate;
pub(crate) mod response_fields;
mod response_gate;
mod settings;
pub(crate) mod staleness;
mod statuses;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderName, HeaderValue, request, response};

use crate::has_body::BodyRule;
use crate::key::{Added, Key};
use cookies::CookieRules;

pub(crate) use replaced::Replaced;
pub(crate) use request_gate::Judged;

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
/// A response for another request must not contain what belongs to one connection or one request.
/// [`SharedResponse`](crate::SharedResponse) removes it, as the layer does.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::hash::RandomState;
/// use std::time::Duration;
/// use coalescer::Group;
/// use coalescer::Role;
/// use coalescer_http::{Body, Gates, Key, RequestVerdict, ResponseVerdict, SharedResponse};
/// use http::{Request, Response, request};
///
/// struct Page { shared: SharedResponse, verdict: ResponseVerdict }
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
/// let serve = |request: Request<()>| -> Response<Body> {
///     let (request, ()) = request.into_parts();
///     let (key, max_age) = match gates.request(&request) {
///         RequestVerdict::PassThrough(_) => return render(&request).map(Body::from),
///         RequestVerdict::Shared(key) => (key, Duration::MAX),
///         RequestVerdict::Fresh(key) => (key, Duration::ZERO),
///         RequestVerdict::Within(key, age) => (key, age),
///         RequestVerdict::OnlyIfCached(key, age) => {
///             let late = pages.peek_outcome(&key);
///             return match late.filter(|late| age.is_none_or(|age| late.age < age)) {
///                 Some(late) => late.value.shared.late_response(late.age),
///                 None => Response::builder().status(504).body(Body::empty()).unwrap(),
///             };
///         }
///     };
///     // The leader's own response does not go through the group.
///     let mut own = None;
///     let call = pages.call(&key);
///     let call = match max_age {
///         Duration::MAX => call,
///         Duration::ZERO => call.fresh(),
///         age => call.max_age(age),
///     };
///     let outcome = call.outcome(|| {
///         let (parts, body) = render(&request).into_parts();
///         let verdict = gates.response(&key, &parts, Some(body.len() as u64));
///         let shared = SharedResponse::new(&parts, body.clone());
///         own = Some(Response::from_parts(parts, Body::from(body)));
///         Ok(Page { shared, verdict })
///     });
///     match (own, outcome.expect("nothing fails here")) {
///         (Some(own), _) => own,
///         (None, late) if late.role == Role::Late => late.value.shared.late_response(late.age),
///         (None, outcome) => outcome.value.shared.response(),
///     }
/// };
/// for age in [None, Some("0")] {
///     let response = serve(Request::get("/a").body(()).unwrap());
///     assert_eq!(response.headers().get("age").map(|age| age.to_str().unwrap()), age);
///     assert_eq!(response.into_body().into_bytes().unwrap(), "page /a");
/// }
/// ```
#[derive(Clone)]
#[must_use = "gates do nothing until they see a message"]
pub struct Gates {
    /// The fields that the user puts into the key.
    key_headers: Vec<HeaderName>,
    /// The fields that the user takes out of it.
    ignored_headers: Vec<HeaderName>,
    /// The cookies that the user puts into the key, or takes out of the request.
    cookies: CookieRules,
    /// The content codings and languages that the site has. Empty: the gate reads no such field.
    encodings: Vec<HeaderValue>,
    languages: Vec<HeaderValue>,
    key_parts: Vec<KeyPart>,
    principals: Vec<Principal>,
    should_coalesce: Option<Predicate>,
    should_share: Vec<ResponsePredicate>,
    pub(crate) scheme: Scheme,
    pub(crate) max_body: u64,
    pub(crate) has_body: BodyRule,
    pub(crate) max_retained_bytes: Option<u64>,
    window: Duration,
    window_for: Option<WindowRule>,
    is_strict: bool,
    ignores_directives: bool,
    has_own_server_errors: bool,
}

type KeyPart = Arc<dyn Fn(&request::Parts) -> Added + Send + Sync>;
type Principal = Arc<dyn Fn(&request::Parts) -> Option<String> + Send + Sync>;
type ResponsePredicate = Arc<dyn Fn(&Key, &response::Parts) -> bool + Send + Sync>;
type WindowRule = Arc<dyn Fn(&Key) -> Option<Duration> + Send + Sync>;
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
        Self {
            key_headers: Vec::new(),
            ignored_headers: Vec::new(),
            cookies: CookieRules::default(),
            encodings: Vec::new(),
            languages: Vec::new(),
            key_parts: Vec::new(),
            principals: Vec::new(),
            should_coalesce: None,
            should_share: Vec::new(),
            scheme: Scheme::HTTP,
            max_body: DEFAULT_MAX_BODY,
            has_body: BodyRule::default(),
            max_retained_bytes: None,
            window: coalescer::DEFAULT_WINDOW,
            window_for: None,
            is_strict: false,
            ignores_directives: false,
            has_own_server_errors: false,
        }
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
            .field("ignored_headers", &self.ignored_headers)
            .field("cookies", &self.cookies)
            .field("encodings", &self.encodings)
            .field("languages", &self.languages)
            .field("is_strict", &self.is_strict)
            .field("ignores_directives", &self.ignores_directives)
            .field("scheme", &self.scheme)
            .field("max_body", &self.max_body)
            .field("has_body", &self.has_body)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

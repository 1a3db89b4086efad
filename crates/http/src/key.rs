//! [`Key`]: the parts of a request that must be equal for two requests to share a response.

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, Method};

/// The parts of a request that must be equal for two requests to share a response.
///
/// A key has the method, scheme, authority, path and query, and the values of the fields that the
/// [`Gates`](crate::Gates) name. Each part is stored on its own, so the text of one part never
/// passes for the text of another. An absent field differs from an empty one.
///
/// A key is a handle: a clone is cheap. It holds copies, so it keeps no buffer of the server alive.
/// `Debug`, `Display` and `Serialize` show the target with its query. They show no value of a field,
/// because the value may be a secret.
///
/// # Examples
///
/// ```
/// use coalescer_http::{Gates, RequestVerdict};
///
/// let request = http::Request::get("http://Example.com:80/a?b=c").body(()).unwrap();
/// let RequestVerdict::Shared(key) = Gates::new().request(&request.into_parts().0) else {
///     panic!("an ordinary request")
/// };
/// assert_eq!(key.to_string(), "GET http://example.com/a?b=c");
/// assert_eq!((key.method().as_str(), key.path_and_query()), ("GET", "/a?b=c"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<KeyParts>);

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyParts {
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// The fields in the order of the gates' names, the lines of one field in their own order.
    pub(crate) fields: Vec<(HeaderName, Box<[u8]>)>,
    /// The results of the functions given to `key_part`, in their order.
    pub(crate) added: Vec<Option<String>>,
    pub(crate) has_credentials: bool,
}

/// The resource that a request asks for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) scheme: Box<str>,
    /// In lower case, without the scheme's default port. Empty if the request states none.
    pub(crate) authority: Box<str>,
    pub(crate) path_and_query: Box<str>,
}

impl Key {
    pub(crate) fn new(parts: KeyParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns the method, which is GET or HEAD.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Gates, RequestVerdict};
    /// let request = http::Request::head("/").body(()).unwrap();
    /// match Gates::new().request(&request.into_parts().0) {
    ///     RequestVerdict::Shared(key) => assert_eq!(key.method(), http::Method::HEAD),
    ///     verdict => panic!("{verdict:?}"),
    /// }
    /// ```
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// Returns the path and query, unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Gates, RequestVerdict};
    /// let request = http::Request::get("/A%20b?Q").body(()).unwrap();
    /// match Gates::new().request(&request.into_parts().0) {
    ///     RequestVerdict::Shared(key) => assert_eq!(key.path_and_query(), "/A%20b?Q"),
    ///     verdict => panic!("{verdict:?}"),
    /// }
    /// ```
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.0.target.path_and_query
    }

    /// Returns `true` if the request had credentials: `Authorization`, `Proxy-Authorization` or
    /// `Cookie`. They are then in the key.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Gates, RequestVerdict};
    /// let gates = Gates::new().key_header("cookie");
    /// let key = |request: http::request::Builder| {
    ///     match gates.request(&request.body(()).unwrap().into_parts().0) {
    ///         RequestVerdict::Shared(key) => key,
    ///         verdict => panic!("{verdict:?}"),
    ///     }
    /// };
    /// assert!(key(http::Request::get("/").header("cookie", "id=1")).has_credentials());
    /// assert!(!key(http::Request::get("/")).has_credentials());
    /// ```
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.0.has_credentials
    }
}

/// Shows method and target: `GET http://example.com/a?b=c`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { scheme, authority, path_and_query } = &self.0.target;
        write!(f, "{} {scheme}://{authority}{path_and_query}", self.0.method)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.fields.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "Key({self}, by {names:?})")
    }
}

#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

//! [`Key`]: the parts of a request that must be equal for two requests to share a response.

use std::fmt;
use std::sync::Arc;

use http::{Method, Version};

use crate::extension_value::ExtensionValue;
use crate::key_lines::KeyLines;

/// The parts of a request that must be equal for two requests to share a response.
///
/// A key has the method, the version, the scheme, authority, path and query, and the values of the fields
/// that the [`Gates`](crate::Gates) name. Each part is stored on its own, so the text of one part never
/// passes for the text of another. An absent field differs from an empty one.
///
/// A key is a handle: a clone is cheap. It holds copies, so it keeps no buffer of the server alive.
/// `Debug`, `Display` and `Serialize` show the method and the target without its query. They show no value
/// of a field. A query or a value may be a secret, such as the token of a reset or a signed URL.
///
/// # Examples
///
/// ```
/// use coalescer_http::{Gates, RequestVerdict};
///
/// let request = http::Request::get("/a?b=c").header("host", "example.com").body(()).unwrap();
/// let RequestVerdict::Shared(key) = Gates::new().request(&request.into_parts().0) else {
///     panic!("an ordinary request")
/// };
/// assert_eq!(key.to_string(), "GET http://example.com/a");
/// assert_eq!((key.method().as_str(), key.path_and_query()), ("GET", "/a?b=c"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<KeyParts>);

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyParts {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) target: Target,
    /// The fields in the order of their names, the lines of one field in their own order.
    pub(crate) fields: KeyLines,
    /// `Forwarded`, without its addresses.
    pub(crate) forwarded: Option<Box<[u8]>>,
    /// The parts that the user added, in their order.
    pub(crate) added: Vec<Added>,
    /// The results of the functions given to `key_principal`, in their order.
    pub(crate) principal: Vec<Option<String>>,
    pub(crate) has_credentials: bool,
}

/// A part of a key that the user added.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Added {
    /// The result of a function given to `key_part`.
    Text(Option<String>),
    /// An extension of the request, if it has one of that type.
    Extension(Option<ExtensionValue>),
}

/// The resource that a request asks for, and the form in which it does. A handler sees the form.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// The target itself states scheme and authority.
    pub(crate) is_absolute: bool,
    /// There is a `Host` field.
    pub(crate) has_host: bool,
    pub(crate) scheme: Box<str>,
    /// In its usual form, unchanged. Empty if the request states none.
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

    /// Returns `true` if the request had credentials, such as `Authorization`, `Cookie` or `X-Api-Key`.
    /// They are then in the key.
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

    /// Returns `true` if the key names a person: a function given to
    /// [`key_principal`](crate::Gates::key_principal) returned `Some`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Gates, RequestVerdict};
    /// let gates = Gates::new().key_principal(|request| request.uri.query().map(str::to_owned));
    /// let key = |path: &str| {
    ///     match gates.request(&http::Request::get(path).body(()).unwrap().into_parts().0) {
    ///         RequestVerdict::Shared(key) => key,
    ///         verdict => panic!("{verdict:?}"),
    ///     }
    /// };
    /// assert!(key("/?ada").has_principal());
    /// assert!(!key("/").has_principal());
    /// ```
    #[must_use]
    pub fn has_principal(&self) -> bool {
        self.0.principal.iter().any(Option::is_some)
    }

    /// Returns the path, unchanged and without the query.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Gates, RequestVerdict};
    /// let request = http::Request::get("/a?b=c").body(()).unwrap();
    /// match Gates::new().request(&request.into_parts().0) {
    ///     RequestVerdict::Shared(key) => assert_eq!(key.path(), "/a"),
    ///     verdict => panic!("{verdict:?}"),
    /// }
    /// ```
    #[must_use]
    pub fn path(&self) -> &str {
        let target = &self.0.target.path_and_query;
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// Returns the authority, `example.com:8080`. It is empty if the request states none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_http::{Gates, RequestVerdict};
    /// let request = http::Request::get("/").header("host", "example.com").body(()).unwrap();
    /// match Gates::new().request(&request.into_parts().0) {
    ///     RequestVerdict::Shared(key) => assert_eq!(key.authority(), "example.com"),
    ///     verdict => panic!("{verdict:?}"),
    /// }
    /// ```
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0.target.authority
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn parts(&self) -> &KeyParts {
        &self.0
    }

    /// Returns `true` if a field whose name fits is in the key.
    pub(crate) fn has_field(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.0.fields.names().any(fits)
    }
}

/// Shows the method and the target without its query: `GET http://example.com/a`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { scheme, authority, .. } = &self.0.target;
        write!(f, "{} {scheme}://{authority}{}", self.0.method, self.path())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.fields.names().collect();
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

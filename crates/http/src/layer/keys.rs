//! The settings of a layer about the key.

use std::hash::Hash;

use http::request;
use http::uri::Scheme;

use crate::layer::CoalesceLayer;

impl<P> CoalesceLayer<P> {
    /// Adds a request field to the key. See [`Gates::key_header`](crate::Gates::key_header).
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid name of a field.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().key_header("x-tenant");
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn key_header(mut self, name: impl AsRef<str>) -> Self {
        self.gates = self.gates.key_header(name);
        self
    }

    /// Adds the result of a function to the key. See [`Gates::key_part`](crate::Gates::key_part).
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .key_part(|request| request.extensions.get::<Tenant>().map(|tenant| tenant.0.clone()));
    /// # let _ = layer;
    /// ```
    pub fn key_part(
        mut self,
        part: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.gates = self.gates.key_part(part);
        self
    }

    /// Adds an extension of the request to the key. See [`Gates::key_extension`](crate::Gates::key_extension).
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(Clone, PartialEq, Eq, Hash)]
    /// struct User(u32);
    ///
    /// let layer = coalescer_http::CoalesceLayer::new().key_extension::<User>();
    /// # let _ = layer;
    /// ```
    pub fn key_extension<T>(mut self) -> Self
    where
        T: Clone + Eq + Hash + Send + Sync + 'static,
    {
        self.gates = self.gates.key_extension::<T>();
        self
    }

    /// States the person for whom a request is. See [`Gates::key_principal`](crate::Gates::key_principal).
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct User(String);
    ///
    /// // An outer layer has checked the session, and removed the cookie.
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .key_principal(|request| request.extensions.get::<User>().map(|user| user.0.clone()));
    /// # let _ = layer;
    /// ```
    pub fn key_principal(
        mut self,
        principal: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.gates = self.gates.key_principal(principal);
        self
    }

    /// Puts every field into the key but a list. See [`Gates::strict`](crate::Gates::strict).
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .strict()
    ///     .ignore_header("user-agent")
    ///     .ignore_header("x-forwarded-for")
    ///     .ignore_header("x-request-id");
    /// # let _ = layer;
    /// ```
    pub fn strict(mut self) -> Self {
        self.gates = self.gates.strict();
        self
    }

    /// Takes a request field out of the key. See [`Gates::ignore_header`](crate::Gates::ignore_header).
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid name of a field, and for `Authorization`, `Proxy-Authorization` and
    /// `Cookie`.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().ignore_header("accept-language");
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn ignore_header(mut self, name: impl AsRef<str>) -> Self {
        self.gates = self.gates.ignore_header(name);
        self
    }

    /// Sets the scheme of requests that state none. See [`Gates::scheme`](crate::Gates::scheme).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::uri::Scheme;
    ///
    /// let layer = coalescer_http::CoalesceLayer::new().scheme(Scheme::HTTPS);
    /// # let _ = layer;
    /// ```
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.gates = self.gates.scheme(scheme);
        self
    }
}

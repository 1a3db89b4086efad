//! The settings of the gates about the key.

use std::hash::Hash;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderName, request};

use crate::extension_value::ExtensionValue;
use crate::gates::Gates;
use crate::key::Added;

impl Gates {
    /// Adds a request field to the key. Requests share only if the field's values are equal.
    ///
    /// Name every field that the handler reads and that is not in the table. A request with a credential,
    /// such as `Authorization`, `Cookie` or `X-Api-Key`, is passed through unless the key has that field.
    /// If the key has it, requests share only with requests of the same credentials.
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
    /// Use it for a value that is not a whole field, such as a part of the path. The function can only
    /// separate requests. It cannot bring together requests that the table separates, and it does not
    /// stand for a credential: a request with `Cookie` is passed through unless
    /// [`key_header`](Self::key_header) names the field. For an extension there is
    /// [`key_extension`](Self::key_extension). Each call of this method adds one more part. `None` differs
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
        self.key_parts.push(Arc::new(move |request| Added::Text(part(request))));
        self
    }

    /// Adds an extension of the request to the key. Requests share only if both have equal values of this
    /// type, or both have none.
    ///
    /// Use it for what an outer layer has found out about the client and put into
    /// [`Parts::extensions`](request::Parts::extensions): the user of a certificate, the tenant of a
    /// connection. The key holds a clone of the value.
    ///
    /// # Panics
    ///
    /// A panic of `T`'s `Clone` unwinds through the call that asks the gate. `Eq` runs under a lock of the
    /// flights, as that of every key: it must not call the layer.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    ///
    /// #[derive(Clone, PartialEq, Eq, Hash)]
    /// struct User(u32);
    ///
    /// let gates = Gates::new().key_extension::<User>();
    /// let verdict = |user| {
    ///     let request = http::Request::get("/").extension(User(user));
    ///     gates.request(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert_eq!(verdict(1), verdict(1));
    /// assert_ne!(verdict(1), verdict(2));
    /// ```
    pub fn key_extension<T>(mut self) -> Self
    where
        T: Clone + Eq + Hash + Send + Sync + 'static,
    {
        let part = |request: &request::Parts| {
            Added::Extension(request.extensions.get::<T>().cloned().map(ExtensionValue::new))
        };
        self.key_parts.push(Arc::new(part));
        self
    }

    /// States the person for whom a request is, and adds the name to the key.
    ///
    /// A response with `private`, or with status 401, 403, 407 or 429, is for one person. It is shared only
    /// between requests for which the function returned the same name. A credential alone names nobody:
    /// two strangers can have the same `Cookie: theme=dark`. Return `None` if the request names nobody.
    ///
    /// The function does not stand for a credential. Name each field that carries one by
    /// [`key_header`](Self::key_header) too. A second call of this method adds a name: a request has a
    /// person if one of the functions returns `Some`.
    ///
    /// A panic of the function unwinds through the call that asks the gate.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unshared};
    ///
    /// let verdict = |gates: Gates| {
    ///     let request = http::Request::get("/me").header("x-api-key", "ada").body(()).unwrap();
    ///     let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    ///     let page = http::Response::builder().header("cache-control", "private").body(()).unwrap();
    ///     gates.response(&key, &page.into_parts().0, Some(0))
    /// };
    /// let gates = Gates::new().key_header("x-api-key");
    /// assert_eq!(verdict(gates.clone()), ResponseVerdict::Unshared(Unshared::Private));
    ///
    /// let gates = gates.key_principal(|request| {
    ///     let key = request.headers.get("x-api-key")?;
    ///     key.to_str().ok().map(str::to_owned)
    /// });
    /// assert_eq!(verdict(gates), ResponseVerdict::Kept);
    /// ```
    pub fn key_principal(
        mut self,
        principal: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.principals.push(Arc::new(principal));
        self
    }

    /// Puts every field into the key, except those that the gate reads itself and those that
    /// [`ignore_header`](Self::ignore_header) names.
    ///
    /// Without this setting, a field that no list has is outside the key. With it, a handler may read any
    /// field. What is left out is `Host`, which is in the key as the authority, `Cache-Control`, `Pragma`,
    /// `Content-Length` of 0, `Connection`, `Keep-Alive` and `Proxy-Connection`. Credentials are passed
    /// through as before.
    ///
    /// Browsers send fields that differ for each client, so most pages share nothing until
    /// [`ignore_header`](Self::ignore_header) names `User-Agent`, `Referer`, and the addresses and numbers
    /// that proxies add.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    ///
    /// let verdict = |gates: &Gates, agent: &str| {
    ///     let request = http::Request::get("/").header("user-agent", agent).body(()).unwrap();
    ///     gates.request(&request.into_parts().0)
    /// };
    /// let gates = Gates::new().strict();
    /// assert_ne!(verdict(&gates, "a"), verdict(&gates, "b"));
    ///
    /// let gates = gates.ignore_header("user-agent");
    /// assert_eq!(verdict(&gates, "a"), verdict(&gates, "b"));
    /// ```
    pub fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }

    /// Takes a request field out of the key. The handler must not read it.
    ///
    /// Use it for a field that the table or [`strict`](Self::strict) puts into the key and on which no page
    /// depends, such as `Accept-Language` of a site in one language. A credential other than those below
    /// may be named too, for instance `X-Csrf-Token`, which a GET does not need. A field that
    /// [`key_header`](Self::key_header) names stays in the key. A response with `Vary` of an ignored field
    /// is unshared.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid name of a field, and for `Authorization`, `Proxy-Authorization` and
    /// `Cookie`. If a page does not depend on them, remove them from the request before the layer.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    ///
    /// let gates = Gates::new().ignore_header("accept-language");
    /// let verdict = |language: &str| {
    ///     let request = http::Request::get("/").header("accept-language", language);
    ///     gates.request(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert_eq!(verdict("de"), verdict("en"));
    /// ```
    #[track_caller]
    pub fn ignore_header(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            panic!("ignore_header({name:?}): no field has such a name; use one such as user-agent")
        };
        let is_refused = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name);
        assert!(
            !is_refused,
            "ignore_header({name:?}): remove a credential before the layer instead"
        );
        if !self.ignored_headers.contains(&name) {
            self.ignored_headers.push(name);
        }
        self
    }
}

//! What the gates say, and why: the rows of the two tables, one variant each.

use std::fmt;

use crate::key::Key;
use coalescer::ShareWith;

/// What is to be done with a request; from [`Gates::request`](crate::Gates::request).
///
/// # Examples
///
/// ```
/// use coalescer_http::{Gates, PassThrough, RequestVerdict};
///
/// let verdict = |request: http::request::Builder| {
///     Gates::new().request(&request.body(()).unwrap().into_parts().0)
/// };
/// assert!(matches!(verdict(http::Request::get("/")), RequestVerdict::Shared(_)));
/// assert!(matches!(
///     verdict(http::Request::get("/").header("cache-control", "no-cache")),
///     RequestVerdict::Fresh(_)
/// ));
/// assert_eq!(
///     verdict(http::Request::post("/")),
///     RequestVerdict::PassThrough(PassThrough::Method)
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum RequestVerdict {
    /// Run the handler for this request alone.
    PassThrough(PassThrough),
    /// Share only what is computed from now on: [`execute_fresh`](coalescer::Group::execute_fresh).
    Fresh(Key),
    /// Share: [`execute`](coalescer::Group::execute).
    Shared(Key),
}

/// With whom a response may be shared; from [`Gates::response`](crate::Gates::response).
///
/// # Examples
///
/// ```
/// use coalescer::ShareWith;
/// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unshared};
///
/// let gates = Gates::new();
/// let request = http::Request::get("/").body(()).unwrap();
/// let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
///
/// let page = http::Response::builder().header("set-cookie", "id=1").body("hello").unwrap();
/// let verdict = gates.response(&key, &page.into_parts().0, Some(5));
/// assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::SetCookie));
/// assert_eq!(verdict.share_with(), ShareWith::Nobody);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ResponseVerdict {
    /// It is its own request's alone. Those who waited run the handler themselves.
    Unshared(Unshared),
    /// It goes to those who waited for it, and is not kept.
    Unkept(Unkept),
    /// It goes to those who waited for it and is kept for the window.
    Kept,
}

impl ResponseVerdict {
    /// The same in the words of [`Builder::share_with`](coalescer::Builder::share_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ShareWith;
    /// use coalescer_http::{ResponseVerdict, Unkept};
    ///
    /// assert_eq!(ResponseVerdict::Kept.share_with(), ShareWith::Everyone);
    /// let unkept = ResponseVerdict::Unkept(Unkept::ServerError);
    /// assert_eq!(unkept.share_with(), ShareWith::Followers);
    /// ```
    #[must_use]
    pub fn share_with(self) -> ShareWith {
        match self {
            Self::Unshared(_) => ShareWith::Nobody,
            Self::Unkept(_) => ShareWith::Followers,
            Self::Kept => ShareWith::Everyone,
        }
    }
}

/// Makes an enum of reasons that can be counted and named.
macro_rules! reasons {
    ($(#[$of_enum:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of_variant])* $variant,)+
        }

        impl $name {
            /// All of them, in the order of the tables.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        /// The reason in a few words, for logs and status pages.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

reasons! {
    /// Why a request is passed through. The first reason that holds is given.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::PassThrough;
    ///
    /// assert_eq!(PassThrough::Credentials.to_string(), "credentials");
    /// ```
    PassThrough {
        /// It is not GET or HEAD, or asks by `X-HTTP-Method-Override` and the like to be taken for
        /// something else.
        Method = "method",
        /// It has a body, or may have one: `Content-Length` other than 0, or `Transfer-Encoding`; with
        /// HTTP/2 or later, where neither is needed, anything but `Content-Length: 0`.
        Body = "body",
        /// It asks for another protocol: `Upgrade`.
        Upgrade = "upgrade",
        /// It waits for an answer before it goes on: `Expect`.
        Expect = "expect",
        /// A field that must be understood cannot be: `Cache-Control`, `Pragma`, `Accept`, `Host`.
        Malformed = "malformed field",
        /// It asks for an event stream, which does not end: `Accept: text/event-stream`.
        EventStream = "event stream",
        /// `Cache-Control: no-store`.
        NoStore = "no-store",
        /// It has `Authorization`, `Proxy-Authorization` or `Cookie`, and the key has not.
        Credentials = "credentials",
        /// It is not clear for whom it is: two `Host` fields, one that differs from the target's
        /// authority, or one with a user's name in it.
        Authority = "authority",
        /// The function given to `should_coalesce` says no.
        Declined = "declined",
    }
}

reasons! {
    /// Why a response is shared with nobody. The first reason that holds is given.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Unshared;
    ///
    /// assert_eq!(Unshared::SetCookie.to_string(), "set-cookie");
    /// ```
    Unshared {
        /// A field that must be understood cannot be: `Cache-Control`, `Pragma`, `Vary`, `Connection`.
        Malformed = "malformed field",
        /// `Cache-Control: no-store`.
        NoStore = "no-store",
        /// It has `Set-Cookie`.
        SetCookie = "set-cookie",
        /// `Vary: *`.
        VaryAny = "vary: *",
        /// Its status is 1xx: there is more to come.
        Informational = "1xx",
        /// It is not known where its body ends.
        UnknownEnd = "body of unknown end",
        /// Its body is longer than `max_body`.
        TooLong = "body too long",
        /// `Cache-Control: private`, and there are no credentials in the key.
        Private = "private",
        /// Its status is 401, 403, 407 or 429, and there are no credentials in the key.
        Refusal = "401, 403, 407 or 429",
        /// `Vary` names a field that is not in the key.
        Vary = "vary",
        /// Its body could not be read to the end that it announced.
        BrokenBody = "broken body",
    }
}

reasons! {
    /// Why a response is shared with those who wait and not kept. The first reason that holds is given.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Unkept;
    ///
    /// assert_eq!(Unkept::ServerError.to_string(), "5xx");
    /// ```
    Unkept {
        /// `Cache-Control: no-cache` or `Pragma: no-cache`.
        NoCache = "no-cache",
        /// `max-age` or `s-maxage`, less the response's `Age`, is zero or shorter than the window.
        MaxAge = "max-age",
        /// It has `Expires` and no `max-age`. Dates are not compared: clocks differ.
        Expires = "expires",
        /// Its status is 5xx.
        ServerError = "5xx",
    }
}

//! The decisions of the gates, and their reasons: one variant for each row of the two tables.

use std::fmt;
use std::time::Duration;

use crate::key::Key;
use coalescer::ShareWith;

/// The decision about a request; from [`Gates::request`](crate::Gates::request).
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
    /// The request does not share. Run the handler for it.
    PassThrough(PassThrough),
    /// The request gets a page that is kept for its key, younger than this if a time is there, or else a response with
    /// status 504: `Cache-Control: only-if-cached`. It runs nothing and waits for nothing:
    /// [`peek_outcome`](coalescer::Group::peek_outcome).
    OnlyIfCached(Key, Option<Duration>),
    /// The request shares only an execution that starts after it:
    /// [`execute_fresh`](coalescer::Group::execute_fresh).
    Fresh(Key),
    /// The request shares only an execution that started less than this time before it:
    /// [`execute_within`](coalescer::Group::execute_within). It has a `max-age` that is shorter than the window.
    Within(Key, Duration),
    /// The request shares: [`execute`](coalescer::Group::execute).
    Shared(Key),
}

/// The decision about a response; from [`Gates::response`](crate::Gates::response).
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
    /// Only its own request gets it. Followers run the handler themselves.
    Unshared(Unshared),
    /// Followers get it. The window does not retain it.
    Unkept(Unkept),
    /// Followers get it, and the window retains it for this time after the start of the run. The response
    /// has `s-maxage`, `max-age` or their like, and its lifetime is shorter than the window.
    ///
    /// A layer retains it for longer if it says `stale-while-revalidate`. Without a layer, only who makes it
    /// anew meanwhile may do so.
    KeptFor(Duration),
    /// Followers get it, and the window retains it.
    Kept,
}

impl ResponseVerdict {
    /// Converts the decision for [`Builder::share_with`](coalescer::Builder::share_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::ShareWith;
    /// use coalescer_http::{ResponseVerdict, Unkept};
    ///
    /// assert_eq!(ResponseVerdict::Kept.share_with(), ShareWith::Everyone);
    /// let minute = Duration::from_secs(60);
    /// assert_eq!(ResponseVerdict::KeptFor(minute).share_with(), ShareWith::For(minute));
    /// let unkept = ResponseVerdict::Unkept(Unkept::ServerError);
    /// assert_eq!(unkept.share_with(), ShareWith::Followers);
    /// ```
    #[must_use]
    pub fn share_with(self) -> ShareWith {
        match self {
            Self::Unshared(_) => ShareWith::Nobody,
            Self::Unkept(_) => ShareWith::Followers,
            Self::KeptFor(lifetime) => ShareWith::For(lifetime),
            Self::Kept => ShareWith::Everyone,
        }
    }
}

/// Defines an enum of reasons, with a list of all variants and a text for each.
macro_rules! reasons {
    ($(#[$of_enum:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of_variant])* $variant,)+
        }

        impl $name {
            /// All reasons in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            pub(crate) fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        /// Shows the reason in a few words.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

reasons! {
    /// The reason why a request is passed through: the first one that applies.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::PassThrough;
    ///
    /// assert_eq!(PassThrough::Credentials.to_string(), "credentials");
    /// ```
    PassThrough {
        /// The method is not GET or HEAD, or a field such as `X-HTTP-Method-Override` replaces it.
        Method = "method",
        /// The request has a body or may have one. The transport says so, or it has `Transfer-Encoding`, or a
        /// `Content-Length` other than 0. With HTTP/2 or later, a body needs neither field, so every request without
        /// `Content-Length: 0` is passed through if the transport says nothing: see
        /// [`CoalesceLayer::has_body`](crate::CoalesceLayer::has_body).
        Body = "body",
        /// The request asks for another protocol: `Upgrade`.
        Upgrade = "upgrade",
        /// The client waits for an interim response: `Expect`.
        Expect = "expect",
        /// The gate cannot parse `Cache-Control`, `Pragma`, `Accept`, `Host` or `Forwarded`; or `Cookie`, if it reads
        /// cookies.
        Malformed = "malformed field",
        /// The request asks for an event stream, which has no end: `Accept: text/event-stream`.
        EventStream = "event stream",
        /// `Cache-Control: no-store`.
        NoStore = "no-store",
        /// A field has bytes that are not visible ASCII. A handler may be unable to read it.
        Unreadable = "unreadable field",
        /// A field is longer than 4 KiB, or all fields together are longer than 16 KiB.
        TooLong = "fields too long",
        /// The request has a field that says who asks, such as `Authorization`, `Cookie` or `X-Api-Key`,
        /// and the key does not; or a cookie that no setting names.
        Credentials = "credentials",
        /// A field replaces the path, such as `X-Original-URL`.
        Override = "path override",
        /// The authority is ambiguous or not in its usual form. The request has two `Host` fields, a
        /// `Host` that differs from the target's authority, an authority with user information, in upper
        /// case or with the default port, or a target in absolute form without `Host`.
        Authority = "authority",
        /// A function given to `should_coalesce` returned `false`.
        Declined = "declined",
        /// A response of an equal key was for its own request alone, and the layer remembers it: see
        /// [`remember_unshared`](crate::CoalesceLayer::remember_unshared). The gates alone never say so.
        Remembered = "page that is not shared",
    }
}

reasons! {
    /// The reason why only its own request gets a response: the first one that applies.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Unshared;
    ///
    /// assert_eq!(Unshared::SetCookie.to_string(), "set-cookie");
    /// ```
    Unshared {
        /// The gate cannot parse `Cache-Control`, one of its like for gateways, `Pragma`, `Vary` or
        /// `Connection`.
        Malformed = "malformed field",
        /// `Cache-Control: no-store`.
        NoStore = "no-store",
        /// The response has `Set-Cookie`.
        SetCookie = "set-cookie",
        /// A field hands something to one client: a token, a challenge, `Clear-Site-Data`, or a nonce of
        /// `Content-Security-Policy`.
        Secret = "field for one client",
        /// `Vary: *`.
        VaryAny = "vary: *",
        /// The status is 1xx: another response follows.
        Informational = "1xx",
        /// The length of the body is unknown.
        UnknownEnd = "body of unknown end",
        /// The body is longer than `max_body`.
        TooLong = "body too long",
        /// `Transfer-Encoding` other than `chunked`.
        TransferCoding = "transfer-encoding",
        /// `Cache-Control: private`, and the key names no person.
        Private = "private",
        /// The status is 401, 403, 407 or 429, and the key names no person.
        Refusal = "401, 403, 407 or 429",
        /// The status is about one request, such as 400 or 412, or 206 without `Range`.
        Status = "status of one request",
        /// The status is 5xx, and [`own_server_errors`](crate::Gates::own_server_errors) is set.
        ServerError = "5xx",
        /// `Vary` names a field that is not in the key.
        Vary = "vary",
        /// A function given to `should_share` returned `false`.
        Declined = "declined",
        /// The body failed or ended before its stated length.
        BrokenBody = "broken body",
        /// Fields follow the body.
        Trailers = "trailers",
        /// The handler returned an error that no rule shares.
        Failed = "error",
    }
}

reasons! {
    /// The reason why the window does not retain a response: the first one that applies.
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
        /// `s-maxage`, `max-age` or `X-Accel-Expires`, minus the response's `Age`, is zero.
        MaxAge = "max-age",
        /// The response has `Expires` and no `max-age`. The gate compares no dates, because the clocks of
        /// two machines differ.
        Expires = "expires",
        /// The status is 5xx.
        ServerError = "5xx",
        /// The function given to [`window_for`](crate::Gates::window_for) returned zero.
        Window = "window of zero",
        /// There is no room for it in [`max_retained_bytes`](crate::CoalesceLayer::max_retained_bytes).
        NoRoom = "no room",
    }
}

//! [`Replaced`]: the fields that the key and the handler of a request have in another form than the request (H40).
//!
//! The key has the text of these fields, and the handler sees the same text. So two requests with equal keys look equal to
//! it, also if their clients sent other cookies or other lists.

use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::gates::Gates;
use crate::verdict::PassThrough;

/// Fields with the value that stands in the place of all their lines, or none.
#[derive(Debug, Default)]
pub(crate) struct Replaced(Vec<(HeaderName, Option<HeaderValue>)>);

impl Replaced {
    /// The outer `None`: the field stays as it is.
    pub(super) fn get(&self, name: &HeaderName) -> Option<Option<&HeaderValue>> {
        self.0.iter().find(|(replaced, _)| replaced == name).map(|(_, value)| value.as_ref())
    }

    pub(crate) fn write(self, headers: &mut HeaderMap) {
        for (name, value) in self.0 {
            match value {
                Some(value) => headers.insert(name, value),
                None => headers.remove(name),
            };
        }
    }
}

impl Gates {
    /// Gives a request that shares the form that its key has: without ignored cookies, and with one encoding and language.
    ///
    /// A [`CoalesceLayer`](crate::CoalesceLayer) does it. Without a layer, call it before the handler for each request that
    /// [`request`](Self::request) does not pass through, if one of [`key_cookie`](Self::key_cookie),
    /// [`ignore_cookies`](Self::ignore_cookies), [`accept_encodings`](Self::accept_encodings) and
    /// [`accept_languages`](Self::accept_languages) is set. A handler that saw more than the key has would make a page
    /// for one client that others get. A request whose cookies pass it through is not changed. Does not block.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict};
    ///
    /// let gates = Gates::new().ignore_cookies(["_ga*"]).accept_encodings(["br", "gzip"]);
    /// let request = http::Request::get("/")
    ///     .header("cookie", "_ga=1")
    ///     .header("accept-encoding", "gzip, deflate, br");
    /// let (mut request, ()) = request.body(()).unwrap().into_parts();
    /// let RequestVerdict::Shared(key) = gates.request(&request) else { panic!("it shares") };
    ///
    /// gates.rewrite(&mut request);
    /// assert!(!request.headers.contains_key("cookie"));
    /// assert_eq!(request.headers["accept-encoding"], "br");
    /// assert_eq!(gates.request(&request), RequestVerdict::Shared(key));
    /// ```
    pub fn rewrite(&self, request: &mut Parts) {
        if let Ok(replaced) = self.replaced(request) {
            replaced.write(&mut request.headers);
        }
    }

    /// The fields of a request that its key has in another form.
    pub(super) fn replaced(&self, request: &Parts) -> Result<Replaced, PassThrough> {
        let encoding = self.encoding(&request.headers).map(Some);
        let fields = [
            (COOKIE, self.kept_cookies(request)?),
            (ACCEPT_ENCODING, encoding),
            (ACCEPT_LANGUAGE, self.language(&request.headers)),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(Replaced(fields.collect()))
    }
}

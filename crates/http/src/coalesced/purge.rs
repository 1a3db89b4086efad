//! A request with the method PURGE, from a client that may forget pages (H50).

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode, request};

use crate::body::Body;
use crate::coalesced::inner::Inner;
use crate::flights::Forgotten;
use crate::tags::{self, Tag};

impl<H, E> Inner<H, E> {
    /// Answers a request that may purge. `None` for every other one.
    pub(super) fn purge(&self, request: &request::Parts) -> Option<Response<Body>> {
        let may_purge = self.upkeep.purge_if.as_ref()?;
        if request.method.as_str() != "PURGE" || !may_purge(request) {
            return None;
        }
        self.counters.count_purge();
        Some(match self.purged(request) {
            Ok(forgotten) => answer(&forgotten),
            Err(error) => json(StatusCode::BAD_REQUEST, format!(r#"{{"error":"{error}"}}"#)),
        })
    }

    /// Forgets what the request names, or says what it should name.
    fn purged(&self, request: &request::Parts) -> Result<Forgotten, &'static str> {
        if tags::is_too_long(&request.headers) {
            return Err("more than 16 KiB of tags: send several requests with fewer tags");
        }
        if tags::has_fields(&request.headers) {
            let tags: Vec<_> = tags::words(&request.headers).map(Tag::from).collect();
            if tags.is_empty() {
                return Err("Surrogate-Key and Cache-Tag name no tag: name one or leave them out");
            }
            return Ok(self.flights.forget_tags(&tags));
        }
        let path = request.uri.path();
        if !path.starts_with('/') {
            return Err("the target has no path: name one such as /cart, or /* for all pages");
        }
        Ok(match path.strip_suffix('*').filter(|folder| folder.ends_with('/')) {
            Some(folder) => self.flights.forget_below(folder),
            None => self.flights.forget_path(path),
        })
    }
}

fn answer(forgotten: &Forgotten) -> Response<Body> {
    let count = forgotten.here;
    let Err(unreached) = &forgotten.elsewhere else {
        return json(StatusCode::OK, format!(r#"{{"forgotten":{count}}}"#));
    };
    let reached = !unreached.engine();
    let (silent, milliseconds) = (unreached.processes(), unreached.at_most().as_millis());
    let text = format!(
        r#"{{"forgotten":{count},"engine_reached":{reached},"processes_silent":{silent},"old_for_at_most_ms":{milliseconds}}}"#
    );
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

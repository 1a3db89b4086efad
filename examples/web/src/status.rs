//! [`Status`]: pages about the layer itself, for a port of their own.
//!
//! They show which paths are asked for. So they are on an address that clients of the site do not reach, and
//! show neither a query nor the address of a client. A browser on the same host reaches it too, and with it every
//! web site that its user visits, if the site has a name that leads here. So a `Host` that is a name is refused.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use coalescer_http::Body;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};

use crate::monitor::Monitor;

/// The page. It asks for `/live` twice in a second.
const PAGE: &str = include_str!("live.html");

/// The page brings all it needs, and asks nobody else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The status pages: `/` for people, `/live`, `/stats` and `/in-flight` for programs.
#[derive(Debug)]
pub struct Status {
    monitor: Arc<Monitor>,
}

impl Status {
    /// Pages about what the monitor sees.
    #[must_use]
    pub fn new(monitor: Arc<Monitor>) -> Self {
        Self { monitor }
    }

    /// Answers a request.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn answer(&self, request: &Request<Vec<u8>>) -> Result<Response<Body>, Arc<Infallible>> {
        let mut response = self.page(request);
        let fields = [
            (CACHE_CONTROL, "no-store"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        response.headers_mut().extend(fields);
        Ok(response)
    }

    fn page(&self, request: &Request<Vec<u8>>) -> Response<Body> {
        if !is_asked_by_address(request) {
            let text = "ask by address, such as http://127.0.0.1:8081/, or by localhost\n";
            return text_page(StatusCode::MISDIRECTED_REQUEST, text);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text_page(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/" => page("text/html; charset=utf-8", PAGE),
            "/live" => json(serde_json::to_vec(&self.monitor.live())),
            "/stats" => json(serde_json::to_vec_pretty(&self.monitor.stats())),
            "/in-flight" => json(serde_json::to_vec_pretty(&self.monitor.in_flight())),
            _ => text_page(StatusCode::NOT_FOUND, "use /, /live, /stats or /in-flight\n"),
        }
    }
}

/// A request without `Host` is not from a browser.
fn is_asked_by_address(request: &Request<Vec<u8>>) -> bool {
    request.headers().get_all(HOST).iter().all(|host| {
        let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        host.eq_ignore_ascii_case("localhost") || address.unwrap_or(host).parse::<IpAddr>().is_ok()
    })
}

fn page(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn json(text: serde_json::Result<Vec<u8>>) -> Response<Body> {
    page("application/json", text.expect("counters and names can be written as JSON"))
}

fn text_page(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = page("text/plain; charset=utf-8", text);
    *response.status_mut() = status;
    response
}

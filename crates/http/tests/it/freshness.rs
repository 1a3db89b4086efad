//! Requests that ask for a fresh answer, and the others.

use std::time::Duration;

use coalescer_http::{Body, PassThrough};
use http::Response;

use crate::stage::{call, get, lead, page, pages, text, with_window};
use crate::support::watched;

/// The request directives that ask for a run of one's own.
const WISHES: [(&str, &str); 5] = [
    ("cache-control", "no-cache"),
    ("cache-control", "max-age=0"),
    ("cache-control", "no-store"),
    ("cache-control", "no store"),
    ("pragma", "no-cache"),
];

/// H19: what one client wants takes nothing from the others.
#[test]
fn a_fresh_request_takes_the_kept_page_from_nobody() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let fresh = || get("/news").header("cache-control", "no-cache");
        call(&pages, get("/news"), page("kept"));
        let mut busy = page("busy");
        *busy.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        for outcome in [
            Ok(busy),
            Err("down".to_owned()),
            Ok(Response::builder().status(400).body(Body::empty()).unwrap()),
        ] {
            let rude = lead(&pages, fresh());
            assert_eq!(text(call(&pages, get("/news"), page("not run"))), "kept");
            rude.returns(outcome).ok();
            assert_eq!(text(call(&pages, get("/news"), page("not run"))), "kept");
        }
        lead(&pages, fresh()).panics(|| panic!("on purpose"));
        assert_eq!(text(call(&pages, get("/news"), page("not run"))), "kept");
        // A page that has succeeded replaces it.
        assert_eq!(text(call(&pages, fresh(), page("newer"))), "newer");
        assert_eq!(text(call(&pages, get("/news"), page("not run"))), "newer");
    });
}

/// H19: the user can have the directives of requests ignored.
#[test]
fn directives_of_requests_can_be_ignored() {
    for (name, value) in WISHES {
        let pages = pages(with_window(Duration::MAX).ignore_request_directives());
        call(&pages, get("/"), page("kept"));
        let wish = call(&pages, get("/").header(name, value), page("not run"));
        assert_eq!(text(wish), "kept", "{name}: {value}");
        assert_eq!(pages.stats().passed_through_for(PassThrough::NoStore), 0);
    }
}

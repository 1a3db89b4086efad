//! Requests that are apart in one process are apart in all (H1, H5, H8).

use http::Request;
use http::request::Builder;

use super::{each_engine, each_two, site_with};
use crate::stage::{get, page, page_with, text};
use crate::support::watched;

fn head(path: &str) -> Builder {
    Request::head(path)
}

/// H1: each of these requests has a page of its own, in the process that made it and in the other one.
#[test]
fn variants_are_apart() {
    watched(|| {
        each_engine(|engine| {
            let [here, there] = [(); 2].map(|()| {
                site_with(engine.clone(), |layer| {
                    layer.key_header("x-tenant").key_part(|request| {
                        request.uri.query()?.strip_prefix("part=").map(str::to_owned)
                    })
                })
            });
            let host = |name: &str| get("/").header("host", name);
            let tenant = |name: &str| get("/").header("x-tenant", name);
            let requests: Vec<Box<dyn Fn() -> Builder>> = vec![
                Box::new(|| get("/")),
                Box::new(|| head("/")),
                Box::new(|| get("/?")),
                Box::new(|| get("/?part=")),
                Box::new(|| get("/a")),
                Box::new(|| get("http://a/").header("host", "a")),
                Box::new(move || host("a")),
                Box::new(move || host("b")),
                Box::new(|| get("/").version(http::Version::HTTP_10)),
                Box::new(move || tenant("")),
                Box::new(move || tenant("acme")),
                Box::new(move || tenant("acme").header("x-tenant", "other")),
                Box::new(move || tenant("other").header("x-tenant", "acme")),
                Box::new(|| get("/").header("accept-language", "en")),
                Box::new(|| get("/").header("accept-language", "de")),
                Box::new(|| get("/").header("range", "bytes=0-1")),
                Box::new(|| get("/").header("forwarded", "for=1;host=a")),
                Box::new(|| get("/").header("forwarded", "for=1;host=b")),
            ];
            for (number, request) in requests.iter().enumerate() {
                let number = number.to_string();
                let made = here.call(request(), page_with("made", "x-number", &number));
                assert_eq!(
                    made.headers()["x-number"],
                    number.as_str(),
                    "a page of another request"
                );
            }
            for (number, request) in requests.iter().enumerate() {
                let shared = there.call(request(), page("not run"));
                let found = shared.headers().get("x-number").map(|found| found.to_str().unwrap());
                assert_eq!(found, Some(&*number.to_string()));
            }
            assert_eq!(there.counts(), (0, requests.len() as u64));
        })
    });
}

/// `Vary` with a field outside the key: each process, and each request, has its own.
#[test]
fn a_page_that_varies_outside_the_key_is_not_shared() {
    watched(|| {
        each_two(|[here, there]| {
            here.call(get("/a"), page_with("own", "vary", "user-agent"));
            assert!(there.runs(get("/a")));
            here.call(get("/b"), page_with("for all", "vary", "accept-language"));
            assert_eq!(text(there.call(get("/b"), page("not run"))), "for all");
        })
    });
}

/// H8: what is outside the key is outside of it in all processes.
#[test]
fn what_is_outside_the_key_keeps_nothing_apart() {
    watched(|| {
        each_two(|[here, there]| {
            here.call(
                get("/a").header("user-agent", "one").header("x-forwarded-for", "1"),
                page("a"),
            );
            assert!(!there.runs(get("/a").header("user-agent", "two").header("via", "1.1 b")));
        })
    });
}

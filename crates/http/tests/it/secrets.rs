//! Random requests and responses: no client sees a response for another client.

use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer};
use http::request::Builder;
use http::{Request, Response};
use proptest::prelude::*;

use crate::stage::{Pages, call, follow, lead, pages, text, with_window};
use crate::support::watched;

/// A request and its user's credentials.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    path: &'static str,
    credentials: Vec<(&'static str, &'static str)>,
    other: Vec<(&'static str, &'static str)>,
}

/// The fields that a handler sets, which may lack one that it should set.
pub(crate) type Said = Vec<(&'static str, &'static str)>;

fn credentials() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let names = prop::sample::select(vec!["authorization", "cookie", "proxy-authorization"]);
    let users = prop::sample::select(vec!["ada", "bob"]);
    prop::collection::vec((names, users), 0..3)
}

pub(crate) fn visit() -> impl Strategy<Value = Visit> {
    let paths = prop::sample::select(vec!["/", "/me"]);
    let other = prop::sample::select(vec![
        ("cache-control", "no-cache"),
        ("cache-control", "max-age=0"),
        ("pragma", "no-cache"),
        ("accept", "text/html"),
        ("range", "bytes=0-1"),
        ("user-agent", "x"),
    ]);
    (paths, credentials(), prop::collection::vec(other, 0..3))
        .prop_map(|(path, credentials, other)| Visit { path, credentials, other })
}

pub(crate) fn said() -> impl Strategy<Value = Said> {
    let fields = prop::sample::select(vec![
        ("cache-control", "private"),
        ("cache-control", "no-store"),
        ("cache-control", "public, max-age=60"),
        ("cache-control", "no-cache"),
        ("vary", "cookie"),
        ("vary", "user-agent"),
        ("set-cookie", "id=1"),
        ("x-nothing", "1"),
    ]);
    prop::collection::vec(fields, 0..3)
}

impl Visit {
    pub(crate) fn request(&self) -> Builder {
        let fields = self.credentials.iter().chain(&self.other);
        fields.fold(Request::get(self.path), |request, (name, value)| request.header(*name, *value))
    }

    /// The user, in a form that can be compared.
    fn who(&self) -> String {
        let mut who: Vec<_> = self.credentials.iter().map(|(n, v)| format!("{n}={v}")).collect();
        who.sort();
        who.join("&")
    }
}

/// A page that states the user and the visit that it was made for.
pub(crate) fn page_for(visit: &Visit, number: usize, said: &Said) -> Response<Body> {
    let text = format!("{number}|{}|{}", visit.path, visit.who());
    let page =
        said.iter().fold(Response::builder(), |page, (name, value)| page.header(*name, *value));
    page.body(Body::from(text)).unwrap()
}

/// Panics if a client got a response for another client.
pub(crate) fn judge(visit: &Visit, number: usize, response: Response<Body>) {
    let headers = response.headers().clone();
    let text = text(response);
    let [maker, path, who] = text.split('|').collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!((path, who), (visit.path, visit.who().as_str()), "another one's page");
    let is_own = maker == number.to_string();
    let has = |name: &str, word: &str| {
        headers.get_all(name).iter().any(|value| value.to_str().unwrap().contains(word))
    };
    assert!(is_own || !headers.contains_key("set-cookie"), "another one's cookie");
    assert!(is_own || !has("cache-control", "no-store"), "what nobody may store");
    let is_private = has("cache-control", "private") && visit.credentials.is_empty();
    assert!(is_own || !is_private, "a private page for nobody known");
    let is_fresh = visit.other.iter().any(|(name, value)| {
        *name == "pragma" || (*name == "cache-control" && !value.contains("60"))
    });
    assert!(
        !headers.contains_key("age") || !is_fresh,
        "from the window, to one who wants it fresh"
    );
    assert!(!headers.contains_key("age") || !has("cache-control", "no-cache"), "kept");
}

fn layers() -> Vec<Pages> {
    let layer = || with_window(Duration::MAX);
    let by_all = ["cookie", "authorization", "proxy-authorization"];
    vec![
        pages(layer()),
        pages(layer().key_header("cookie")),
        pages(by_all.into_iter().fold(layer(), CoalesceLayer::key_header)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Requests in sequence, so that all but the first can be hits.
    #[test]
    fn nobody_is_served_late_what_is_another_ones(
        visits in prop::collection::vec((visit(), said()), 1..12),
    ) {
        for pages in layers() {
            for (number, (visit, said)) in visits.iter().enumerate() {
                let made = page_for(visit, number, said);
                judge(visit, number, call(&pages, visit.request(), made));
            }
        }
    }
}

#[test]
fn nobody_who_waits_gets_what_is_another_ones() {
    // All users at the same time in one layer, for each field that a handler may set.
    watched(|| {
        let who: [Vec<(&str, &str)>; 4] = [
            vec![],
            vec![("cookie", "ada")],
            vec![("cookie", "bob")],
            vec![("authorization", "ada")],
        ];
        let words: [Said; 4] = [
            vec![],
            vec![("cache-control", "public, max-age=60")],
            vec![("cache-control", "private")],
            vec![("set-cookie", "id=1")],
        ];
        for pages in layers() {
            for said in &words {
                let visits: Vec<_> = who
                    .iter()
                    .map(|credentials| Visit {
                        path: "/me",
                        credentials: credentials.clone(),
                        other: vec![],
                    })
                    .collect();
                pages.forget_all();
                // All users lead: no request waits for another user's page.
                let calls: Vec<_> =
                    visits.iter().map(|visit| lead(&pages, visit.request())).collect();
                for (number, (visit, call)) in visits.iter().zip(calls).enumerate() {
                    let made = page_for(visit, number, said);
                    judge(visit, number, call.returns(Ok(made)).unwrap());
                }
            }
        }
    });
}

#[test]
fn a_cookie_that_is_set_reaches_one_client_of_many() {
    watched(|| {
        let visit = Visit { path: "/", credentials: vec![], other: vec![] };
        let said = vec![("set-cookie", "id=1")];
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, visit.request());
        let waiting = follow(&pages, || visit.request(), 8);
        judge(&visit, 0, leader.returns(Ok(page_for(&visit, 0, &said))).unwrap());
        for (number, follower) in (1..).zip(waiting) {
            let made = page_for(&visit, number, &said);
            judge(&visit, number, follower.returns(Ok(made)).unwrap());
        }
    });
}

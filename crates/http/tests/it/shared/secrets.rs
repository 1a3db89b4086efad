//! Pages that the tables keep from being shared reach no other process and no engine (H25 to H27).

use coalescer_http::{CoalesceLayer, SharedPages};
use http::request::Builder;
use http::{Request, Response};

use super::record::Record;
use super::{Site, each_engine, site_with};
use crate::stage::{Page, begin, get, lead, page, page_with, scripted, text};
use crate::support::{wait_until, watched};

const SECRET: &str = "the secret of one person";

type Layer = CoalesceLayer<SharedPages>;

fn two(record: &Record, set: impl Fn(Layer) -> Layer) -> [Site; 2] {
    [(); 2].map(|()| site_with(record.clone(), &set))
}

/// The same request in both processes. Returns true if the second one gets the page of the first one.
fn is_shared([here, there]: &[Site; 2], request: impl Fn() -> Builder, page: Page) -> bool {
    here.call(request(), page);
    !there.runs(request())
}

fn status(status: u16) -> Page {
    Response::builder().status(status).body(SECRET.into()).unwrap()
}

/// H26: responses for one request.
#[test]
fn responses_for_one_request_reach_no_engine() {
    watched(|| {
        each_engine(|record| {
            let sites = two(record, |layer| layer.should_share(|key, _| key.path() != "/declined"));
            let mut number = 0;
            for (name, value) in [
                ("cache-control", "private"),
                ("cache-control", "no-store"),
                ("set-cookie", "id=1"),
                ("vary", "*"),
                ("vary", "user-agent"),
                ("x-auth-token", "1"),
                ("www-authenticate", "Basic"),
                ("content-security-policy", "script-src 'nonce-1'"),
                ("cache-control", "\"unreadable"),
                ("transfer-encoding", "gzip, chunked"),
            ] {
                number += 1;
                let path = format!("/{number}");
                let own = page_with(SECRET, name, value);
                assert!(!is_shared(&sites, || get(&path), own), "{name}: {value}");
            }
            for code in [401, 403, 407, 429, 400, 409, 206, 304] {
                number += 1;
                let path = format!("/{number}");
                assert!(!is_shared(&sites, || get(&path), status(code)), "{code}");
            }
            assert!(!is_shared(&sites, || get("/declined"), page(SECRET)));
            assert!(!record.has(SECRET));
            // The record sees what is shared.
            assert!(is_shared(&sites, || get("/for-all"), page("a page for all")));
            assert!(record.has("a page for all"));
        })
    });
}

/// H26: those who wait in another process run their own at once, and what they get is not that page.
#[test]
fn those_who_wait_for_such_a_response_run_their_own() {
    watched(|| {
        each_engine(|record| {
            let [here, there] = two(record, |layer| layer);
            let slow = lead(&here.pages, get("/a"));
            let waits = begin(&there.pages, get("/a"));
            wait_until(|| there.cluster.stats().follows >= 1);
            slow.returns(Ok(page_with(SECRET, "set-cookie", "id=1"))).unwrap();
            assert_eq!(text(waits.begun().returns(Ok(page("own"))).unwrap()), "own");
            assert!(!record.has(SECRET));
            assert_eq!(there.cluster.stats().alone.told_to, 1);
        })
    });
}

/// H25: pages whose key has credentials, or names a person, stay unless the user says otherwise.
#[test]
fn pages_for_one_person_stay_unless_the_user_shares_them() {
    watched(|| {
        each_engine(|record| {
            let keyed = |layer: Layer| {
                layer
                    .key_header("cookie")
                    .key_principal(|request| request.uri.query().map(str::to_owned))
            };
            let cookie = || get("/a").header("cookie", "id=1");
            let person = || get("/b?ada");
            let private = || page_with(SECRET, "cache-control", "private");

            let sites = two(record, keyed);
            assert!(!is_shared(&sites, cookie, page(SECRET)));
            assert!(!is_shared(&sites, person, private()));
            assert!(!is_shared(&sites, || get("/d?ada"), page(SECRET)));
            assert!(!record.has(SECRET) && record.publications() == 0);
            assert!(!sites[0].runs(cookie()), "its own process coalesces it");
            assert_eq!(sites[0].cluster.stats().own_keys, 3, "and says how often it was so");

            let sites = two(record, |layer| keyed(layer).share_credentials());
            assert!(is_shared(&sites, cookie, page(SECRET)));
            assert!(is_shared(&sites, person, private()));
            assert!(sites[1].runs(get("/a").header("cookie", "id=2")), "other credentials");
            assert!(sites[1].runs(get("/b?bob")), "another person");
            assert!(!is_shared(&sites, || get("/c"), private()), "it names nobody");
            assert!(record.has(SECRET), "pages lie there in clear");
            assert!(!record.has("id=1"), "and keys as digests");
        })
    });
}

/// H25: an extension has no bytes.
#[test]
fn pages_of_a_key_with_an_extension_stay() {
    watched(|| {
        each_engine(|record| {
            let sites = two(record, |layer| layer.key_extension::<u32>());
            assert!(!is_shared(&sites, || get("/a").extension(7_u32), page(SECRET)));
            assert!(!record.has(SECRET));
            assert!(is_shared(&sites, || get("/a"), page("for all")), "a request without one");
            assert_eq!(sites[1].cluster.stats().own_keys, 1);
        })
    });
}

/// H27: errors and panics of a handler stay, with their texts, whatever the rule over errors.
#[test]
fn errors_and_panics_stay_in_their_process() {
    watched(|| {
        each_engine(|record| {
            let [here, there] = [(); 2].map(|()| {
                let site = site_with(record.clone(), |layer| layer);
                let layer = CoalesceLayer::new().shared(super::shared(&site.cluster));
                let handler = crate::stage::handler as fn(crate::stage::Scripted) -> _;
                Site { pages: layer.layer_sharing_errors(handler, |_| true), cluster: site.cluster }
            });
            for ends_by_panic in [false, true] {
                let slow = lead(&here.pages, get("/a"));
                let follows = there.cluster.stats().follows;
                let waits = begin(&there.pages, get("/a"));
                wait_until(|| there.cluster.stats().follows > follows);
                match ends_by_panic {
                    true => drop(slow.panics(|| panic!("{SECRET}"))),
                    false => assert_eq!(*slow.returns(Err(SECRET.to_owned())).unwrap_err(), SECRET),
                }
                let own = waits.begun().returns(Err("its own error".to_owned()));
                assert_eq!(*own.unwrap_err(), "its own error");
            }
            assert!(!record.has(SECRET) && record.publications() == 0);
            assert_eq!(there.pages.stats().alone, 0);
        })
    });
}

/// A 5xx is for those who wait, in all processes, and is kept nowhere.
#[test]
fn a_server_error_is_for_those_who_wait() {
    watched(|| {
        each_engine(|record| {
            let [here, there] = two(record, |layer| layer);
            let slow = lead(&here.pages, get("/a"));
            let waits = begin(&there.pages, get("/a"));
            wait_until(|| there.cluster.stats().follows >= 1);
            slow.returns(Ok(status(503))).unwrap();
            assert_eq!(waits.join_unrun().unwrap().status(), 503);
            assert!(there.runs(get("/a")));
        })
    });
}

/// The bodies of a write and of its response reach no engine.
#[test]
fn a_write_reaches_no_engine() {
    watched(|| {
        each_engine(|record| {
            let [here, _] = two(record, |layer| layer);
            let request = Request::post("/a").header("x-form", SECRET);
            here.pages.call(scripted(request, || Ok(page(SECRET)))).unwrap();
            assert!(!record.has(SECRET) && record.publications() == 0);
        })
    });
}

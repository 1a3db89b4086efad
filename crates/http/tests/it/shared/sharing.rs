//! A page of another process is the page that was made there (H21 to H24, H28).

use coalescer::ManualClock;
use coalescer_cluster::{Cluster, Memory};
use coalescer_http::{Body, CoalesceLayer, PassThrough, Settings};
use http::{HeaderValue, Request, Response, StatusCode};

use super::{MINUTE, Site, each_engine, each_two, site, two, two_by_clock};
use crate::stage::{begin, get, lead, page, page_with, pages, text};
use crate::support::{wait_until, watched};

/// The name and the value of a line, and if it is a secret.
type Line = (String, Vec<u8>, bool);

/// The parts of a response that others get: status, lines of fields, body.
fn parts(page: Response<Body>) -> (StatusCode, Vec<Line>, Vec<u8>) {
    let (head, body) = page.into_parts();
    let line = |(name, value): (&http::HeaderName, &HeaderValue)| {
        (name.to_string(), value.as_bytes().to_vec(), value.is_sensitive())
    };
    let lines = head.headers.iter().filter(|(name, _)| *name != "age").map(line).collect();
    (head.status, lines, body.into_bytes().unwrap().to_vec())
}

fn full() -> Response<Body> {
    let mut private = HeaderValue::from_static("hidden from logs");
    private.set_sensitive(true);
    Response::builder()
        .status(404)
        .header("link", "</a>; rel=preload")
        .header("content-type", "text/plain")
        .header("link", HeaderValue::from_bytes(b"</b>; title=\xff").unwrap())
        .header("x-internal", private)
        .header("etag", "")
        .body(Body::from(b"\0\x01\xff, not text".to_vec()))
        .unwrap()
}

/// H24: status, fields in their order, and body are equal byte by byte.
#[test]
fn a_page_of_another_process_is_equal_byte_by_byte() {
    watched(|| {
        each_two(|[here, there]| {
            let made = parts(here.call(get("/a"), full()));
            let shared = there.call(get("/a"), page("it is not run"));
            assert_eq!(shared.version(), http::Version::HTTP_11);
            assert_eq!(parts(shared), made);
            assert_eq!(made.1.len(), 5, "{made:?}");
            assert_eq!((here.counts(), there.counts()), ((1, 0), (0, 1)));
            assert!(there.pages.stats().to_string().ends_with("; 1 from other processes"));
            assert!(!here.pages.stats().to_string().contains("other processes"));
        })
    });
}

/// H21: what belongs to one connection or one request does not leave the process.
#[test]
fn fields_of_one_connection_stay() {
    watched(|| {
        each_two(|[here, there]| {
            let mut page = full();
            for (name, value) in [("connection", "x-hop"), ("x-hop", "1"), ("x-request-id", "7")] {
                page.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            here.call(get("/a"), page);
            assert_eq!(parts(there.call(get("/a"), super::page("not run"))), parts(full()));
        })
    });
}

/// H28: a page that another process had kept says how old it is; the copy here goes on from there.
#[test]
fn a_kept_page_says_how_old_it_is() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        let age = |site: &Site| {
            let page = site.call(get("/a"), page("not run"));
            page.headers().get("age").map(|age| age.to_str().unwrap().to_owned())
        };
        let slow = lead(&here.pages, get("/a"));
        clock.advance(std::time::Duration::from_secs(2));
        let own = slow.returns(Ok(page_with("made", "age", "10"))).unwrap();
        assert_eq!(own.headers()["age"], "10", "its own request has what the handler said");
        clock.advance(std::time::Duration::from_secs(3));
        assert_eq!(age(&there).as_deref(), Some("15"), "from the start of its run");
        clock.advance(std::time::Duration::from_secs(4));
        assert_eq!(age(&there).as_deref(), Some("19"), "from the copy");
        assert_eq!(age(&here).as_deref(), Some("19"));
        assert_eq!(there.counts(), (0, 1));
    });
}

/// H28: who waits for a run of another process gets a page that was just made, however long the run took.
#[test]
fn a_page_that_was_waited_for_is_new() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        let slow = lead(&here.pages, get("/a"));
        // Shorter than a lease. Those who wait look again as time goes on, so it stands still then.
        clock.advance(std::time::Duration::from_secs(2));
        let asks = begin(&there.pages, get("/a"));
        wait_until(|| there.cluster.stats().follows >= 1);
        let follows = crate::stage::follow(&there.pages, || get("/a"), 2);
        slow.returns(Ok(page("made"))).unwrap();
        for call in follows.into_iter().chain([asks]) {
            let page = call.join_unrun().unwrap();
            assert!(!page.headers().contains_key("age"));
            assert_eq!(text(page), "made");
        }
        assert_eq!(there.call(get("/a"), page("not run")).headers()["age"], "2");
        assert_eq!(there.counts(), (0, 1));
    });
}

/// H19, C24: a fresh request takes no page from before, in any process, and all processes have its page next.
#[test]
fn a_fresh_request_takes_nothing_that_began_before() {
    watched(|| {
        each_engine(|engine| {
            let [here, there, third] = [(); 3].map(|()| site(engine.clone()));
            let fresh = || get("/a").header("cache-control", "no-cache");
            here.call(get("/a"), page("old"));
            assert_eq!(text(there.call(get("/a"), page("not run"))), "old");
            assert_eq!(text(there.call(fresh(), page("new"))), "new");
            let slow = lead(&here.pages, fresh());
            let waits = begin(&there.pages, fresh());
            wait_until(|| there.cluster.stats().waits >= 1);
            slow.returns(Ok(page("newer"))).unwrap();
            let newest = waits.begun().returns(Ok(page("newest"))).unwrap();
            assert_eq!(text(newest), "newest");
            assert_eq!(text(third.call(get("/a"), page("not run"))), "newest");
        })
    });
}

/// H22: a page lives as long as it says, in all processes.
#[test]
fn a_lifetime_is_as_long_in_other_processes() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        here.call(get("/a"), page_with("old", "cache-control", "max-age=3"));
        clock.advance(std::time::Duration::from_millis(2999));
        assert!(!there.runs(get("/a")));
        assert!(!there.runs(get("/a")), "the copy");
        clock.advance(std::time::Duration::from_millis(1));
        assert!(there.runs(get("/a")));
    });
}

/// A large page does not fit into a message.
#[test]
fn a_large_page_is_shared() {
    watched(|| {
        each_two(|[here, there]| {
            let large = vec![b'x'; 1 << 19];
            let slow = lead(&here.pages, get("/a"));
            let waits = begin(&there.pages, get("/a"));
            wait_until(|| there.cluster.stats().follows >= 1);
            slow.returns(Ok(Response::new(Body::from(large.clone())))).unwrap();
            let page = waits.join_unrun().unwrap();
            assert!(page.into_body().into_bytes().unwrap() == large);
        })
    });
}

fn with_fields(body: usize, fields: usize) -> Response<Body> {
    let field = "x".repeat(fields);
    Response::builder().header("x-note", field).body(Body::from(vec![b'x'; body])).unwrap()
}

/// Each body that a process shares among its threads is shared among processes, with up to 64 KiB of fields.
#[test]
fn a_page_of_the_longest_body_is_shared() {
    watched(|| {
        type Layer = CoalesceLayer<coalescer_http::SharedPages>;
        const KIB: usize = 1 << 10;
        type Set = fn(Layer) -> Layer;
        let small: Set = |layer| layer.max_body(KIB as u64);
        let layers: [(usize, Set); 2] = [(1024 * KIB, |layer| layer), (KIB, small)];
        each_engine(|engine| {
            for (longest, set) in layers {
                let [here, there] = [(); 2].map(|()| super::site_with(engine.clone(), set));
                here.call(get("/a"), with_fields(longest, 60 * KIB));
                assert!(!there.runs(get("/a")));
                here.call(get("/b"), with_fields(longest, 64 * KIB));
                assert_eq!(here.cluster.stats().too_large, 1);
                assert!(there.runs(get("/b")), "what is larger is not published");
                here.call(get("/c"), with_fields(longest, 64 * KIB));
                assert!(here.runs(get("/c")), "a copy that nobody could take back is not kept");
                here.pages.forget_all();
            }
        });
    });
}

/// A limit that the user has set stays.
#[test]
fn a_limit_of_the_user_is_kept() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] = [(); 2].map(|()| {
            let cluster = super::opened(engine.clone());
            let layer = CoalesceLayer::new().settings(Settings::new().window(MINUTE));
            let layer = layer.shared(super::shared(&cluster).max_value(1000));
            Site { pages: pages(layer), cluster }
        });
        here.call(get("/a"), with_fields(900, 1));
        assert!(!there.runs(get("/a")));
        here.call(get("/b"), with_fields(1000, 1));
        assert!(there.runs(get("/b")));
    });
}

/// H23: processes whose settings of the key differ share nothing.
#[test]
fn processes_with_other_settings_share_nothing() {
    watched(|| {
        let engine = Memory::new();
        let plain = site(engine.clone());
        let by_tenant = super::site_with(engine.clone(), |layer| layer.key_header("x-tenant"));
        // Without a tenant the keys would be equal.
        plain.call(get("/a").header("x-tenant", "acme"), page("acme's"));
        assert!(by_tenant.runs(get("/a")));
        assert!(!super::site_with(engine, |layer| layer.key_header("x-tenant")).runs(get("/a")));
    });
}

/// `None` of an `Option` shares with nobody, and writes forget what they forget in one process.
#[test]
fn a_configuration_can_say_no() {
    watched(|| {
        let cluster = Cluster::over(Memory::new()).open().unwrap();
        let [here, there] = [(); 2].map(|()| {
            let layer = CoalesceLayer::new().settings(Settings::new().window(MINUTE));
            let pages = pages(layer.shared(None));
            Site { pages, cluster: cluster.clone() }
        });
        here.call(get("/a"), page("here"));
        here.call(get("/b"), page("here"));
        assert!(there.runs(get("/a")));
        here.call(Request::post("/a"), page("done"));
        assert!(!here.runs(get("/b")), "it forgot one path");
        assert_eq!(cluster.stats().round_trips, 0);
    });
}

/// A request that is passed through asks no other process.
#[test]
fn what_is_passed_through_asks_nobody() {
    watched(|| {
        let [here, _] = two();
        let asked = here.cluster.stats().leads;
        here.call(get("/a").header("cookie", "id=1"), page("own"));
        assert_eq!(here.pages.stats().passed_through_for(PassThrough::Credentials), 1);
        assert_eq!(here.cluster.stats().leads, asked);
    });
}

/// Without copies, each burst of requests asks once, and each page from the engine has its age.
#[test]
fn without_copies_each_process_asks_again() {
    watched(|| {
        let clock = ManualClock::new();
        let engine = Memory::with_clock(clock.clone());
        let settings = Settings::new().window(MINUTE).clock(clock.clone());
        let [here, there] = [(); 2].map(|()| {
            let cluster = super::opened(engine.clone());
            let layer = CoalesceLayer::new().settings(settings.clone()).key_header("cookie");
            let layer = layer.shared(super::shared(&cluster).local_copies(false));
            Site { pages: pages(layer), cluster }
        });
        here.call(get("/a"), page("made"));
        for second in 1..4 {
            clock.advance(std::time::Duration::from_secs(1));
            let page = there.call(get("/a"), page("not run"));
            assert_eq!(page.headers()["age"], second.to_string().as_str());
        }
        assert_eq!(there.counts(), (0, 3));
        // A page that stays in its process is kept there.
        let cookie = || get("/a").header("cookie", "id=1");
        assert!(there.runs(cookie()) && !there.runs(cookie()));
    });
}

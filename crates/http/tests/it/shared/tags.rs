//! Pages of several processes that are forgotten by a tag, by a prefix, or by a PURGE request (H49, H50).

use coalescer_cluster::Memory;
use coalescer_cluster::engine::ErrorKind;
use coalescer_http::{CoalesceLayer, SharedPages};
use http::Request;

use super::{MINUTE, Site, each_engine, site_with};
use crate::stage::{Page, begin, get, lead, page, page_with, text};
use crate::support::{wait_until, watched};

fn tagged(tags: &str) -> Page {
    page_with("old", "surrogate-key", tags)
}

fn purge(site: &Site, target: &str, tags: Option<&str>) -> Page {
    let mut request = Request::builder().method("PURGE").uri(target);
    if let Some(tags) = tags {
        request = request.header("surrogate-key", tags);
    }
    site.call(request, page("the handler"))
}

fn with_purge(layer: CoalesceLayer<SharedPages>) -> CoalesceLayer<SharedPages> {
    layer.purge_if(|_| true)
}

/// H49, H50: each way forgets in all processes, also what only the other one has.
#[test]
fn tags_prefixes_and_purges_forget_in_all_processes() {
    type Way = fn(&Site) -> usize;
    let ways: [Way; 9] = [
        |site| site.pages.forget_tag("a"),
        |site| site.pages.forget_tags(["x", "A"]),
        |site| site.pages.forget_tag_everywhere("a").unwrap(),
        |site| site.pages.forget_tags_everywhere(["x", "a"]).unwrap(),
        |site| site.pages.forget_prefix("/shop"),
        |site| site.pages.forget_prefix_everywhere("/shop/").unwrap(),
        |site| purged(purge(site, "/shop/1", None)),
        |site| purged(purge(site, "/shop/*", None)),
        |site| purged(purge(site, "/nothing", Some("a"))),
    ];
    watched(move || {
        each_engine(|engine| {
            for (number, forget) in ways.iter().enumerate() {
                let [here, there] = [(); 2].map(|()| site_with(engine.clone(), with_purge));
                here.pages.forget_all();
                there.call(get("/shop/1?there"), tagged("a"));
                here.call(get("/shop/1"), tagged("a b"));
                assert!(!there.runs(get("/shop/1")));
                forget(&here);
                assert!(there.runs(get("/shop/1")), "{number}");
                assert!(
                    here.runs(get("/shop/1?there")),
                    "{number}: a page that this one did not know"
                );
            }
        });
    });
}

/// The number in the answer.
fn purged(answer: Page) -> usize {
    assert_eq!(answer.status(), 200);
    let text = text(answer);
    let number = text.strip_prefix("{\"forgotten\":").and_then(|rest| rest.strip_suffix('}'));
    number.unwrap().parse().unwrap()
}

/// H49: with the lesser choice, the pages whose tags this process knows, and the runs that it makes or waits for.
#[test]
fn the_pages_that_a_process_knows_by_their_tags_can_be_all_that_it_forgets() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] =
            [(); 2].map(|()| site_with(engine.clone(), |layer| layer.forget_known_pages()));
        for (path, tags) in [("/a", "a b"), ("/b", "b"), ("/c", "c A")] {
            there.call(get(path), tagged(tags));
        }
        assert!(!here.runs(get("/a")) && !here.runs(get("/b")), "it has copies");
        let slow = lead(&there.pages, get("/slow"));
        let waits = begin(&here.pages, get("/slow"));
        wait_until(|| here.cluster.stats().follows >= 1);

        assert_eq!(here.pages.forget_tag_everywhere("a"), Ok(2), "a page and a run");
        assert!(there.runs(get("/a")));
        assert!(!there.runs(get("/b")) && !here.runs(get("/b")), "it has no such tag");
        assert!(!there.runs(get("/c")), "as documented");
        assert_eq!(text(there.call(get("/slow"), page("new"))), "new");
        assert_eq!(text(slow.returns(Ok(tagged("a"))).unwrap()), "old");
        assert_eq!(text(waits.join_unrun().unwrap()), "old", "it came before");
        assert_eq!(text(here.call(get("/slow"), page("newer"))), "new");
    });
}

/// H50: a purge that did not reach everybody says so, and has forgotten here.
#[test]
fn a_purge_that_reaches_nobody_says_so() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] = [(); 2].map(|()| site_with(engine.clone(), with_purge));
        here.call(get("/a"), tagged("a"));
        assert!(!there.runs(get("/a")));
        engine.fail_with(ErrorKind::Refused);
        for (target, tags) in [("/a", None), ("/*", None), ("/", Some("a"))] {
            let answer = purge(&here, target, tags);
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers()["retry-after"], "1");
            // The number depends on when the process itself drops its copies.
            let at_most = MINUTE.as_millis();
            let rest = format!(
                r#","engine_reached":false,"processes_silent":0,"old_for_at_most_ms":{at_most}}}"#
            );
            let answer = text(answer);
            assert!(answer.starts_with("{\"forgotten\":") && answer.ends_with(&rest), "{answer}");
        }
        assert!(here.runs(get("/a")));
    });
}

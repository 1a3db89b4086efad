//! A write, or a call that forgets, in one process (H29, H30).

use coalescer_cluster::Memory;
use http::Request;
use http::request::Builder;

use super::{Site, each_engine, each_two, site, site_with, two};
use crate::stage::{Page, begin, get, lead, page, text};
use crate::support::{wait_until, watched};

fn done(status: u16) -> Page {
    let mut page = page("done");
    *page.status_mut() = http::StatusCode::from_u16(status).unwrap();
    page
}

fn write(path: &str) -> Builder {
    Request::post(path)
}

/// H29: after a write no process serves a page of its path that began before, whoever made it.
#[test]
fn a_write_in_one_process_forgets_in_the_others() {
    watched(|| {
        each_two(|[here, there]| {
            for maker in [&here, &there] {
                maker.call(get("/cart"), page("old"));
                assert!(!there.runs(get("/cart")) && !here.runs(get("/cart")), "both have a copy");
                here.call(write("/cart"), done(204));
                assert!(there.runs(get("/cart")), "the other process");
                here.call(write("/cart"), done(204));
                assert!(here.runs(get("/cart")), "its own process");
                here.call(write("/cart"), done(204));
            }
        })
    });
}

/// H29: a variant that only the other process knows is gone too.
#[test]
fn a_write_forgets_variants_that_its_process_does_not_know() {
    watched(|| {
        each_two(|[here, there]| {
            let german = || get("/cart?page=2").header("accept-language", "de");
            there.call(german(), page("old"));
            here.call(write("/cart"), done(303));
            assert!(here.runs(german()), "no process gets it from the engine");
            here.call(write("/cart"), done(303));
            assert!(there.runs(german()), "or has it");
        })
    });
}

/// H29: a run that began before the write leaves nothing for those who come after it. (Without messages, as over `Files`, a
/// call of the process that runs waits for the end of that run first.)
#[test]
fn a_run_from_before_the_write_is_for_those_who_wait() {
    watched(|| {
        let [here, there] = two();
        let slow = lead(&there.pages, get("/cart"));
        let waits = begin(&here.pages, get("/cart"));
        wait_until(|| here.cluster.stats().follows >= 1);
        here.call(write("/cart"), done(204));
        assert_eq!(text(there.call(get("/cart"), page("new"))), "new");
        assert_eq!(text(slow.returns(Ok(page("old"))).unwrap()), "old");
        assert_eq!(text(waits.join_unrun().unwrap()), "old", "it came before the write");
        for site in [&here, &there] {
            assert_eq!(text(site.call(get("/cart"), page("newer"))), "new");
        }
    });
}

/// H16: a write that fails forgets nothing, and one that is told to forgets nothing either.
#[test]
fn a_write_that_fails_forgets_nothing_anywhere() {
    watched(|| {
        each_engine(|engine| {
            let [here, there] = [(); 2].map(|()| site(engine.clone()));
            there.call(get("/cart"), page("old"));
            here.call(write("/cart"), done(500));
            assert!(!here.runs(get("/cart")) && !there.runs(get("/cart")));

            let keeps =
                [(); 2].map(|()| site_with(engine.clone(), |layer| layer.keep_after_writes()));
            keeps[0].call(get("/cart"), page("old"));
            keeps[1].call(write("/cart"), done(204));
            assert!(!keeps[1].runs(get("/cart")));
        })
    });
}

/// H30: the lesser choice forgets what this process knows of the path, in all processes, and nothing else.
#[test]
fn the_pages_that_a_process_knows_can_be_all_that_it_forgets() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] =
            [(); 2].map(|()| site_with(engine.clone(), |layer| layer.forget_known_pages()));
        for path in ["/cart", "/news", "/cart?known"] {
            here.call(get(path), page("old"));
            assert!(!there.runs(get(path)));
        }
        there.call(get("/cart?unknown"), page("old"));
        here.call(write("/cart"), done(204));
        assert!(there.runs(get("/cart")) && there.runs(get("/cart?known")));
        assert!(!there.runs(get("/news")) && !here.runs(get("/news")));
        assert!(!there.runs(get("/cart?unknown")), "as documented");
        assert_eq!(here.pages.forget_path_everywhere("/cart"), Ok(0));
        assert_eq!(here.pages.forget_if_everywhere(|key| key.path() == "/news"), Ok(1));
        assert!(there.runs(get("/news")));
    });
}

/// H30: the other ways to forget.
#[test]
fn each_way_to_forget_forgets_everywhere() {
    watched(|| {
        type Way = fn(&Site) -> usize;
        let everywhere: [Way; 8] = [
            |site| usize::from(site.pages.forget(&key(site))),
            |site| usize::from(site.pages.forget_everywhere(&key(site)).unwrap()),
            |site| site.pages.forget_all(),
            |site| site.pages.forget_all_everywhere().unwrap(),
            |site| site.pages.forget_path("/a"),
            |site| site.pages.forget_path_everywhere("/%61?x").unwrap(),
            |site| site.pages.forget_if(|key| key.path() == "/a"),
            |site| site.pages.forget_if_everywhere(|key| key.path() == "/a").unwrap(),
        ];
        for (number, forget) in everywhere.iter().enumerate() {
            let [here, there] = two();
            here.call(get("/a"), page("old"));
            assert!(!there.runs(get("/a")));
            assert_eq!(forget(&here), 1, "{number}");
            assert!(there.runs(get("/a")), "{number}");
        }
    });
}

fn key(site: &Site) -> coalescer_http::Key {
    let request = get("/a").body(()).unwrap().into_parts().0;
    match site.pages.gates().request(&request) {
        coalescer_http::RequestVerdict::Shared(key) => key,
        verdict => panic!("{verdict:?}"),
    }
}

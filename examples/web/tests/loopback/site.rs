//! The site of the example.

use std::net::SocketAddr;
use std::sync::Arc;

use coalescer_http::Unkept;
use web::{LONGEST_BODY, Site, serve};

use crate::support::{all_at_once, at_a_free_port, get, post, post_bytes, watched};

pub(crate) fn site() -> (SocketAddr, Arc<Site>) {
    let site = Arc::new(Site::new());
    let address = at_a_free_port(|address| {
        let site = Arc::clone(&site);
        serve(address, move |request| site.answer(request)).map(drop)
    });
    (address, site)
}

#[test]
fn all_clients_get_the_correct_slow_page() {
    watched(|| {
        let (address, site) = site();
        for got in all_at_once(16, move |_| get(address, "/primes/100000", &[])) {
            assert_eq!((got.status, got.text.as_str()), (200, "9592\n"));
        }
        let stats = site.stats();
        assert_eq!((stats.total_requests(), stats.passed_through), (16, 0));
        assert_eq!(stats.flights.total_requests, 16);
        for (path, text) in [("/primes/0", "0\n"), ("/primes/2", "0\n"), ("/primes/3", "1\n")] {
            assert_eq!(get(address, path, &[]).text, text);
        }
        for path in ["/primes/many", "/primes/1000000000", "/primes/-1"] {
            assert_eq!(get(address, path, &[]).status, 400);
        }
    });
}

#[test]
fn a_request_after_an_order_sees_the_order() {
    watched(|| {
        let (address, _) = site();
        assert_eq!(get(address, "/orders", &[]).text, "");
        let mut all = String::new();
        for order in ["tea", "milk", "tea"] {
            assert_eq!(post(address, "/orders", order).status, 201);
            all.push_str(order);
            all.push('\n');
            assert_eq!(get(address, "/orders", &[]).text, all);
        }
    });
}

#[test]
fn the_last_orders_are_listed_and_all_are_counted() {
    watched(|| {
        let (address, _) = site();
        for number in 1..=101 {
            let text = post(address, "/orders", &format!("{number}.")).text;
            assert_eq!(text, format!("order {number}\n"));
        }
        let listed = get(address, "/orders", &[]).text;
        assert_eq!(listed.lines().count(), 100);
        assert!(listed.starts_with("2.\n") && listed.ends_with("101.\n"), "{listed}");
    });
}

#[test]
fn a_report_and_the_clock_are_made() {
    watched(|| {
        let (address, site) = site();
        assert_eq!(get(address, "/reports/1", &[]).text, "the report of month 1\n");
        for _ in 0..2 {
            assert_eq!(get(address, "/clock", &[]).headers["cache-control"], "no-cache");
        }
        assert_eq!(site.stats().unkept_for(Unkept::NoCache), 2);
    });
}

#[test]
fn a_write_forgets_the_pages_of_its_path_and_only_if_it_succeeds() {
    watched(|| {
        let (address, site) = site();
        let runs = || site.stats().flights.executed_requests;
        let made_anew = |path: &str| {
            let before = runs();
            get(address, path, &[]);
            runs() - before == 1
        };
        get(address, "/orders", &[]);
        // A write that fails leaves the page, which the tests of the layer show with a clock of their own.
        assert_eq!(post(address, "/nowhere", "").status, 404);
        assert_eq!(post_bytes(address, "/orders", b"\xff").status, 500);
        assert_eq!(post(address, "/orders", "tea").status, 201);
        assert!(made_anew("/orders"));
        assert_eq!(get(address, "/orders", &[]).text, "tea\n");
    });
}

#[test]
fn users_see_their_own_page() {
    watched(|| {
        let (address, _) = site();
        assert_eq!(get(address, "/me", &[]).text, "you are not known\n");
        for name in ["ada", "bob"] {
            let login = get(address, &format!("/login/{name}"), &[]);
            let cookie = login.headers["set-cookie"].to_str().unwrap();
            let cookie = cookie.split(';').next().unwrap();
            let me = get(address, "/me", &[("cookie", cookie)]);
            assert_eq!(me.text, format!("you are {name}\n"));
        }
    });
}

#[test]
fn wrong_requests_get_an_error_status() {
    watched(|| {
        let (address, _) = site();
        for path in ["/nothing", "/me/too", "/primes", "//", "/reports/13", "/reports/0", "/stats"]
        {
            assert_eq!(get(address, path, &[]).status, 404, "{path}");
        }
        assert_eq!(post(address, "/primes/7", "").status, 404);
        let too_long = "x".repeat(usize::try_from(LONGEST_BODY).unwrap() + 1);
        assert_eq!(post(address, "/orders", &too_long).status, 413);
        assert_eq!(post(address, "/orders", &too_long[1..]).status, 201);
        assert!(get(address, "/", &[]).text.contains("/primes/"));
    });
}

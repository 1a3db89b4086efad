//! The status pages as their clients get them.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use web::{Site, Status, serve};

use crate::site::site;
use crate::support::{Got, at_a_free_port, client, get, post, send, watched};

fn status(site: &Site) -> SocketAddr {
    let monitor = site.monitor();
    at_a_free_port(|address| {
        let status = Status::new(Arc::clone(&monitor));
        serve(address, move |request| status.answer(&request)).map(drop)
    })
}

fn json(got: &Got) -> Value {
    serde_json::from_str(&got.text).unwrap()
}

#[test]
fn the_status_pages_are_json_and_never_kept() {
    watched(|| {
        let (address, site) = site();
        let status = status(&site);
        get(address, "/", &[]);
        get(address, "/", &[("cookie", "name=ada")]);
        let stats = get(status, "/stats", &[]);
        assert_eq!(stats.headers["cache-control"], "no-store");
        let stats = json(&stats);
        assert_eq!((&stats["total_requests"], &stats["passed_through"]), (&2.into(), &1.into()));
        assert_eq!(stats["reasons"]["passed through: credentials"], 1);
        let idle = serde_json::json!({ "pages": [], "more": 0, "waiting": 0 });
        assert_eq!(json(&get(status, "/in-flight", &[])), idle);
        site.monitor().end_window();
        let live = json(&get(status, "/live", &[]));
        assert_eq!((&live["ended"], &live["in_flight"]), (&1.into(), &idle));
        let answers = ["runs", "passed", "hits"].map(|name| live["columns"][name].clone());
        assert_eq!(answers, [[1], [1], [0]].map(Value::from));
        assert!(live["p99_us"].as_u64() > Some(0), "{live}");
    });
}

#[test]
fn the_status_pages_show_no_query_and_no_address() {
    watched(|| {
        let (address, site) = site();
        let status = status(&site);
        let slow = std::thread::spawn(move || get(address, "/reports/1?reset=s3cr3t", &[]));
        for path in ["/in-flight", "/live"] {
            let mut shown = String::new();
            while !shown.contains("/reports/1") && !slow.is_finished() {
                shown = get(status, path, &[]).text;
            }
            // The page's name has the address of the site.
            let shown = shown.replace(&address.to_string(), "the site");
            assert!(shown.contains("http://the site/reports/1\""), "{shown}");
            assert!(!shown.contains("s3cr3t") && !shown.contains("127.0.0.1"), "{shown}");
        }
        assert!(!get(status, "/stats", &[]).text.contains("s3cr3t"));
        assert_eq!(slow.join().unwrap().status, 200);
    });
}

#[test]
fn a_host_that_is_a_name_is_refused() {
    watched(|| {
        let (_, site) = site();
        let status = status(&site);
        for host in
            ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]", "[::1]:8081", "192.0.2.1"]
        {
            assert_eq!(get(status, "/live", &[("host", host)]).status, 200, "{host}");
        }
        for host in ["shop.example", "localhost.shop.example:8081", "127.0.0.1.shop.example", "1"] {
            let got = get(status, "/live", &[("host", host)]);
            assert_eq!(got.status, 421, "{host}");
            assert!(!got.text.contains("columns"), "{host}");
        }
    });
}

#[test]
fn the_page_may_load_nothing_and_be_in_no_frame() {
    watched(|| {
        let (_, site) = site();
        let got = get(status(&site), "/", &[]);
        let policy = got.headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        let outside = ["src=\"http", "href=\"http", "url(", "@import"];
        assert!(outside.iter().all(|outside| !got.text.contains(outside)));
    });
}

#[test]
fn wrong_requests_for_status_pages_get_an_error_status() {
    watched(|| {
        let (_, site) = site();
        let status = status(&site);
        assert_eq!(get(status, "/else", &[]).status, 404);
        let posted = post(status, "/live", "");
        assert_eq!((posted.status, posted.headers["allow"].to_str().unwrap()), (405, "GET, HEAD"));
        let head = send(&client(), "HEAD", status, "/live", &[], "");
        assert_eq!((head.status, head.text.as_str()), (200, ""));
    });
}

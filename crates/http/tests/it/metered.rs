//! The feature `metrics`: the counters of a layer (H57).

use std::time::Duration;

use coalescer_http::PassThrough;
use http::Request;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::stage::{Pages, call, get, page, page_with, pages, with_window};
use crate::support::watched;

/// Publishes to a recorder, and returns the value of a sample.
fn sample(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

fn some_requests(pages: &Pages) {
    call(pages, Request::post("/a"), page("own"));
    call(pages, get("/a").header("cookie", "a=b"), page("own"));
    for _ in 0..2 {
        call(pages, get("/b"), page_with("own", "set-cookie", "a=b"));
    }
    call(pages, get("/c"), page_with("page", "cache-control", "no-cache"));
    for _ in 0..3 {
        call(pages, get("/d"), page("page"));
    }
}

/// H57: what is published is the difference since the last time, and layers of one name add up.
#[test]
fn the_counters_are_those_of_the_stats() {
    watched(|| {
        let prometheus = PrometheusBuilder::new().build_recorder();
        let layer = || {
            let layer = with_window(Duration::MAX).name("pages").route_by(|_| Some("all"));
            layer.remember_unshared(Duration::ZERO)
        };
        let (one, two) = (pages(layer()), pages(layer()));
        metrics::with_local_recorder(&prometheus, || {
            coalescer_http::metrics::describe();
            for _ in 0..2 {
                some_requests(&one);
                one.publish_metrics();
                one.publish_metrics();
            }
            some_requests(&two);
            two.publish_metrics();
        });
        let text = prometheus.handle().render();
        let expected = [
            (r#"passed_through_total{name="pages",reason="method"}"#, 3),
            (r#"passed_through_total{name="pages",reason="credentials"}"#, 3),
            (r#"passed_through_total{name="pages",reason="body"}"#, 0),
            (r#"unshared_total{name="pages",reason="set-cookie"}"#, 6),
            (r#"unkept_total{name="pages",reason="no-cache"}"#, 3),
            (r#"stale_total{name="pages"}"#, 0),
            (r#"revalidations_total{name="pages"}"#, 0),
            (r#"alone_total{name="pages"}"#, 0),
            (r#"refused_total{name="pages"}"#, 0),
            (r#"requests_total{name="pages",route="all",role="passed_through"}"#, 6),
            (r#"requests_total{name="pages",route="all",role="hits"}"#, 7),
            (r#"requests_total{name="pages",route="all",role="leaders"}"#, 11),
            (r#"requests_total{name="pages",route="all",role="failed"}"#, 0),
            (r#"route_unshared_total{name="pages",route="all"}"#, 6),
        ];
        for (name, value) in expected {
            let name = format!("coalescer_http_{name}");
            assert_eq!(sample(&text, &name), Some(value), "{name} in {text}");
        }
        // The flights have theirs in the same call.
        assert_eq!(sample(&text, r#"coalescer_calls_total{name="pages",role="late"}"#), Some(7));
        assert!(text.contains("# HELP coalescer_http_unshared_total Responses"));
        let sums = [&one, &two].map(|pages| pages.stats().passed_through_for(PassThrough::Method));
        assert_eq!(sums, [2, 1]);
    });
}

/// A recorder that panics.
struct Bad;

impl Recorder for Bad {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("on purpose");
    }
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("on purpose");
    }
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("on purpose");
    }
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        panic!("on purpose");
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("on purpose");
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("on purpose");
    }
}

/// H57
#[test]
fn a_recorder_that_panics_harms_nobody() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX).route_by(|_| Some("all")));
        metrics::with_local_recorder(&Bad, || {
            coalescer_http::metrics::describe();
            some_requests(&pages);
            pages.publish_metrics();
        });
        // The second request for a page with a cookie too.
        assert_eq!(pages.stats().passed_through, 3);
    });
}

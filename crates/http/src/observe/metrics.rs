//! Metrics of each layer, for Prometheus and others, by the [`metrics`](::metrics) facade.
//!
//! | metric | kind | labels | content |
//! |---|---|---|---|
//! | `coalescer_http_passed_through_total` | counter | `name`, `reason` | requests that were passed through, by [`PassThrough`](crate::PassThrough) |
//! | `coalescer_http_unshared_total` | counter | `name`, `reason` | responses that only their own request got, by [`Unshared`](crate::Unshared) |
//! | `coalescer_http_unkept_total` | counter | `name`, `reason` | responses that the window did not retain, by [`Unkept`](crate::Unkept) |
//! | `coalescer_http_stale_total` | counter | `name` | responses past their lifetime |
//! | `coalescer_http_revalidations_total` | counter | `name` | requests that began to make a page anew |
//! | `coalescer_http_revalidation_failures_total` | counter | `name` | those of them that brought no page for later requests |
//! | `coalescer_http_alone_total` | counter | `name` | requests that ran the handler after a wait in vain |
//! | `coalescer_http_refused_total` | counter | `name` | requests that got no page, and a response of the layer |
//! | `coalescer_http_requests_total` | counter | `name`, `route`, `role` | with [`route_by`](crate::CoalesceLayer::route_by): requests that have ended, by the counters of [`RouteStats`](crate::RouteStats) but `requests` and `unshared` |
//! | `coalescer_http_route_unshared_total` | counter | `name`, `route` | with `route_by`: responses that only their own request got |
//!
//! The label `name` is that of [`CoalesceLayer::name`](crate::CoalesceLayer::name), or `unnamed`. The counters are those of
//! [`LayerStats`]. The flights of a layer are in the metrics of coalescer, under the same name:
//! [`coalescer::metrics`].
//!
//! # Setting up
//!
//! 1. **Install a recorder, then call [`coalescer::metrics::enable`]**, which starts the histograms, and [`describe`].
//! 2. **Call [`Coalesced::publish_metrics`](crate::Coalesced::publish_metrics) before the counters are read**, for instance in the
//!    handler of `/metrics`. A layer counts by itself, and publishing adds the difference since the last time. So metrics add
//!    nothing to a request.
//!
//! # Examples
//!
//! ```
//! use std::convert::Infallible;
//! use coalescer_http::CoalesceLayer;
//! use http::{Request, Response};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//!
//! let prometheus = PrometheusBuilder::new().install_recorder().unwrap();
//! coalescer::metrics::enable();
//! coalescer_http::metrics::describe();
//!
//! let pages = CoalesceLayer::new()
//!     .name("pages")
//!     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
//! for request in [Request::get("/"), Request::get("/"), Request::post("/")] {
//!     pages.call(request.body(()).unwrap()).unwrap();
//! }
//!
//! // In the handler of /metrics:
//! pages.publish_metrics();
//! let page = prometheus.render();
//! assert!(page.contains(r#"coalescer_http_passed_through_total{name="pages",reason="method"} 1"#));
//! assert!(page.contains(r#"coalescer_calls_total{name="pages",role="leader"} 1"#));
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ::metrics::{SharedString, Unit, counter, describe_counter};

use super::contain;
use crate::route_stats::RouteStats;
use crate::stats::LayerStats;

/// The label of layers without a name.
const UNNAMED: &str = "unnamed";

/// Describes the metrics to the installed recorder. A panic of the recorder ends here.
///
/// # Examples
///
/// See the [module](self).
pub fn describe() {
    contain(|| {
        for (metric, text) in [
            ("coalescer_http_passed_through_total", "Requests passed through, by reason"),
            ("coalescer_http_unshared_total", "Responses for their own request, by reason"),
            ("coalescer_http_unkept_total", "Responses that are not retained, by reason"),
            ("coalescer_http_stale_total", "Responses past their lifetime"),
            ("coalescer_http_revalidations_total", "Requests that began to make a page anew"),
            ("coalescer_http_revalidation_failures_total", "Revalidations without a new page"),
            ("coalescer_http_alone_total", "Runs of the handler after a wait in vain"),
            ("coalescer_http_refused_total", "Requests without a page"),
            ("coalescer_http_requests_total", "Requests of a route, by what they were"),
            ("coalescer_http_route_unshared_total", "Responses of a route for their own request"),
        ] {
            describe_counter!(metric, Unit::Count, text);
        }
    });
}

/// The counters of a layer as last published.
#[derive(Debug, Default)]
pub(crate) struct Published(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    stats: LayerStats,
    routes: HashMap<String, RouteStats>,
}

/// The increase of one counter. The labels beside the name are in the order of the table.
struct Increase {
    metric: &'static str,
    labels: Vec<(&'static str, SharedString)>,
    by: u64,
}

impl Published {
    /// Adds the difference since the last time to the recorder's counters.
    pub(crate) fn publish(
        &self,
        name: Option<&str>,
        read: impl FnOnce() -> (LayerStats, Vec<RouteStats>),
    ) {
        // The recorder is the user's code, and runs after the lock is released. Sums need no order.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (stats, routes) = read();
        let mut increases = of_layer(&last.stats, &stats);
        last.stats = stats;
        for route in routes {
            of_route(last.routes.get(&route.route), &route, &mut increases);
            last.routes.insert(route.route.clone(), route);
        }
        drop(last);
        let name = SharedString::from(name.unwrap_or(UNNAMED).to_owned());
        for Increase { metric, labels, by } in increases {
            let mut all = vec![::metrics::Label::new("name", name.clone())];
            all.extend(labels.into_iter().map(|(key, value)| ::metrics::Label::new(key, value)));
            contain(|| counter!(metric, all).increment(by));
        }
    }
}

fn of_layer(old: &LayerStats, new: &LayerStats) -> Vec<Increase> {
    let plain = [
        ("coalescer_http_stale_total", old.stale, new.stale),
        ("coalescer_http_revalidations_total", old.revalidations, new.revalidations),
        (
            "coalescer_http_revalidation_failures_total",
            old.revalidation_failures,
            new.revalidation_failures,
        ),
        ("coalescer_http_alone_total", old.alone, new.alone),
        ("coalescer_http_refused_total", old.refused, new.refused),
    ];
    let plain = plain.map(|(metric, old, new)| Increase {
        metric,
        labels: Vec::new(),
        by: new.saturating_sub(old),
    });
    // Without counts of its own, the first snapshot has fewer.
    let before: HashMap<_, _> =
        old.counts().map(|(kind, reason, count)| ((kind, reason), count)).collect();
    let by_reason = new.counts().map(|(kind, reason, count)| Increase {
        metric: match kind {
            "passed through" => "coalescer_http_passed_through_total",
            "unshared" => "coalescer_http_unshared_total",
            _ => "coalescer_http_unkept_total",
        },
        labels: vec![("reason", SharedString::const_str(reason))],
        by: count.saturating_sub(before.get(&(kind, reason)).copied().unwrap_or(0)),
    });
    plain.into_iter().chain(by_reason).collect()
}

fn of_route(old: Option<&RouteStats>, new: &RouteStats, to: &mut Vec<Increase>) {
    let before = old.map(RouteStats::counters);
    for (index, (counter, count)) in new.counters().into_iter().enumerate() {
        let by = count.saturating_sub(before.map_or(0, |counters| counters[index].1));
        let mut labels = vec![("route", SharedString::from(new.route.clone()))];
        let metric = match counter {
            // The sum of the others, when they have ended.
            "requests" => continue,
            "unshared" => "coalescer_http_route_unshared_total",
            role => {
                labels.push(("role", SharedString::const_str(role)));
                "coalescer_http_requests_total"
            }
        };
        to.push(Increase { metric, labels, by });
    }
}

//! The feature `tracing`: runs of the handler that no flight has, and responses that are not shared (H57).

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer_http::CoalesceLayer;
use http::Request;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::stage::{Page, Pages, call, get, page, page_with, pages, scripted, with_window};
use crate::support::watched;

/// Writes down the spans and events of the layer, in their order.
#[derive(Clone, Default)]
struct Scribe(Arc<Mutex<Vec<String>>>);

impl Scribe {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    /// Returns the lines that a piece of code causes.
    fn hear(code: impl FnOnce()) -> Vec<String> {
        let scribe = Self::default();
        let subscriber = tracing_subscriber::registry().with(scribe.clone());
        tracing::subscriber::with_default(subscriber, code);
        let mut lines = scribe.0.lock().unwrap();
        std::mem::take(&mut *lines)
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 += &format!(" {}={value}", field.name());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Scribe {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().target() == "coalescer_http" {
            let mut fields = Fields(attributes.metadata().name().to_owned());
            attributes.record(&mut fields);
            self.note(fields.0);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if context.span(id).is_some_and(|span| span.metadata().target() == "coalescer_http") {
            let mut fields = Fields("record".to_owned());
            values.record(&mut fields);
            self.note(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() == "coalescer_http" {
            let within = context.lookup_current().map_or("nothing", |span| span.name());
            let mut fields = Fields(format!("event in {within}"));
            event.record(&mut fields);
            self.note(fields.0);
        } else if event.metadata().target() == "handler" {
            let within = context.lookup_current().map_or("nothing", |span| span.name());
            self.note(format!("handler in {within}"));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if context.span(&id).is_some_and(|span| span.metadata().target() == "coalescer_http") {
            self.note("closed".to_owned());
        }
    }
}

fn named() -> Pages {
    pages(with_window(Duration::MAX).name("pages"))
}

fn handled(page: Page) -> impl FnOnce() -> Result<Page, String> + Send + 'static {
    move || {
        tracing::info!(target: "handler", "runs");
        Ok(page)
    }
}

/// H57: no query is shown.
#[test]
fn a_run_of_a_request_that_is_passed_through_has_a_span() {
    watched(|| {
        let pages = named();
        let lines = Scribe::hear(|| {
            pages.call(scripted(Request::post("/a?token=1"), handled(page("own")))).unwrap();
        });
        assert_eq!(
            lines,
            [
                "coalescer_http.run name=pages method=POST path=/a reason=method",
                "handler in coalescer_http.run",
                "record result=ok",
                "record status=200",
                "closed",
            ]
        );
        let lines = Scribe::hear(|| {
            let failed = pages.call(scripted(Request::post("/a"), || Err("down".into())));
            assert!(failed.is_err());
        });
        assert_eq!(lines[1..], ["record result=error", "closed"]);
        let lines = Scribe::hear(|| {
            let call = || pages.call(scripted(Request::post("/a"), || panic!("on purpose")));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
        });
        assert_eq!(lines[1..], ["record result=panic", "closed"]);
    });
}

/// H57: a response that is shared is told by the spans of the flights alone.
#[test]
fn a_response_that_is_not_shared_is_told_in_the_span_of_its_run() {
    watched(|| {
        let pages = named();
        let lines = Scribe::hear(|| {
            let own = page_with("own", "set-cookie", "a=b");
            pages.call(scripted(get("/a?token=1"), handled(own))).unwrap();
            call(&pages, get("/b"), page_with("page", "cache-control", "no-cache"));
            call(&pages, get("/c"), page("page"));
        });
        let told = |key: &str, rest: &str| {
            let message = "message=a response is not shared";
            format!("event in coalescer.run {message} name=pages key=GET http://{key} {rest}")
        };
        assert_eq!(
            lines,
            [
                "handler in coalescer.run".to_owned(),
                told("/a", "verdict=unshared reason=set-cookie"),
                told("/b", "verdict=unkept reason=no-cache"),
            ]
        );
    });
}

/// A subscriber that panics in each of its methods that a run calls.
struct Bad;

impl<S: Subscriber> Layer<S> for Bad {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        panic!("on purpose");
    }

    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        panic!("on purpose");
    }
}

struct BadLater;

impl<S: Subscriber> Layer<S> for BadLater {
    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        panic!("on purpose");
    }

    fn on_record(&self, _: &Id, _: &Record<'_>, _: Context<'_, S>) {
        panic!("on purpose");
    }

    fn on_exit(&self, _: &Id, _: Context<'_, S>) {
        panic!("on purpose");
    }

    fn on_close(&self, _: Id, _: Context<'_, S>) {
        panic!("on purpose");
    }
}

/// H57
#[test]
fn a_subscriber_that_panics_harms_nobody() {
    watched(|| {
        fn demand(layer: impl Layer<tracing_subscriber::Registry> + Send + Sync + 'static) {
            let subscriber = tracing_subscriber::registry().with(layer);
            let pages = pages(CoalesceLayer::new());
            tracing::subscriber::with_default(subscriber, || {
                assert_eq!(call(&pages, Request::post("/"), page("own")).status(), 200);
                let own = page_with("own", "set-cookie", "a=b");
                assert_eq!(call(&pages, get("/"), own).status(), 200);
                let call =
                    || pages.call(scripted(Request::post("/a"), || panic!("of the handler")));
                let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
                let panic = panic.map(drop).unwrap_err();
                assert_eq!(crate::support::text(&*panic), "of the handler");
            });
            assert!(pages.in_flight().is_empty());
        }
        demand(Bad);
        demand(BadLater);
    });
}

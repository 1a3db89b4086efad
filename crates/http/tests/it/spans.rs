//! The feature `tracing`: runs of the handler that no flight has, and responses that are not shared (H57).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Once;
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

/// How this thread is heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ear {
    Deaf,
    Writes,
    /// It panics when a span or an event is made.
    IsBad,
    /// It panics in all that comes later.
    IsBadLater,
}

thread_local! {
    static EAR: Cell<Ear> = const { Cell::new(Ear::Deaf) };
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The subscriber of the process: one for all tests, since tracing asks the subscriber of the first thread that comes
/// by. Each thread has its own record.
struct Scribe;

impl Scribe {
    fn note(line: String) {
        if EAR.get() == Ear::Writes {
            LINES.with_borrow_mut(|lines| lines.push(line));
        }
    }

    fn panic_if(ear: Ear) {
        assert!(EAR.get() != ear, "on purpose");
    }

    /// Runs a piece of code, and returns the lines that it causes.
    fn hear(ear: Ear, code: impl FnOnce()) -> Vec<String> {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            let subscriber = tracing_subscriber::registry().with(Self);
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        EAR.set(ear);
        code();
        EAR.set(Ear::Deaf);
        LINES.take()
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
        Self::panic_if(Ear::IsBad);
        if attributes.metadata().target() == "coalescer_http" {
            let mut fields = Fields(attributes.metadata().name().to_owned());
            attributes.record(&mut fields);
            Self::note(fields.0);
        }
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        Self::panic_if(Ear::IsBadLater);
    }

    fn on_exit(&self, _: &Id, _: Context<'_, S>) {
        Self::panic_if(Ear::IsBadLater);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        Self::panic_if(Ear::IsBadLater);
        if context.span(id).is_some_and(|span| span.metadata().target() == "coalescer_http") {
            let mut fields = Fields("record".to_owned());
            values.record(&mut fields);
            Self::note(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        Self::panic_if(Ear::IsBad);
        if event.metadata().target() == "coalescer_http" {
            let within = context.lookup_current().map_or("nothing", |span| span.name());
            let mut fields = Fields(format!("event in {within}"));
            event.record(&mut fields);
            Self::note(fields.0);
        } else if event.metadata().target() == "handler" {
            let within = context.lookup_current().map_or("nothing", |span| span.name());
            Self::note(format!("handler in {within}"));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        Self::panic_if(Ear::IsBadLater);
        if context.span(&id).is_some_and(|span| span.metadata().target() == "coalescer_http") {
            Self::note("closed".to_owned());
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
        let lines = Scribe::hear(Ear::Writes, || {
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
        let lines = Scribe::hear(Ear::Writes, || {
            let failed = pages.call(scripted(Request::post("/a"), || Err("down".into())));
            assert!(failed.is_err());
        });
        assert_eq!(lines[1..], ["record result=error", "closed"]);
        let lines = Scribe::hear(Ear::Writes, || {
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
        let lines = Scribe::hear(Ear::Writes, || {
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

/// H57
#[test]
fn a_subscriber_that_panics_harms_nobody() {
    watched(|| {
        for ear in [Ear::IsBad, Ear::IsBadLater] {
            let pages = pages(CoalesceLayer::new());
            Scribe::hear(ear, || {
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
    });
}

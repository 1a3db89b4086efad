//! The spans of a question and of a publication.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use coalescer_cluster::Memory;
use parking_lot::Mutex;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::{Function, MINUTE, Site, led_and_awaited, site};
use crate::support::watched;

/// The fields of each span, by its number.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<u64, Fields>>>);

type Fields = BTreeMap<&'static str, String>;

impl Seen {
    fn of(&self, span: &str) -> Vec<Fields> {
        let is_it = |fields: &&Fields| fields["span"] == span;
        self.0.lock().values().filter(is_it).cloned().collect()
    }
}

struct Visitor<'a>(&'a mut Fields);

impl tracing::field::Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Seen {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        let mut fields = Fields::from([("span", attributes.metadata().name().to_owned())]);
        attributes.record(&mut Visitor(&mut fields));
        self.0.lock().insert(id.into_u64(), fields);
    }

    fn on_record(
        &self,
        id: &tracing::span::Id,
        values: &tracing::span::Record<'_>,
        _: Context<'_, S>,
    ) {
        let mut seen = self.0.lock();
        values.record(&mut Visitor(seen.get_mut(&id.into_u64()).unwrap()));
    }
}

#[test]
fn questions_and_publications_have_spans() {
    // Threads without a subscriber may be the first to meet a span.
    if !super::is_alone("tier::spans::questions_and_publications_have_spans") {
        return;
    }
    watched(|| {
        let seen = Seen::default();
        let dispatch = tracing::Dispatch::new(Registry::default().with(seen.clone()));
        let (engine, function) = (Memory::new(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let call = |site: &Site| tracing::dispatcher::with_default(&dispatch, || site.value(7));
        let waits = (&there.cluster, || call(&there));
        let (first, second) = led_and_awaited(&function, || call(&here), waits, || {});
        assert_eq!((first.unwrap(), second), (1, 1));
        let asked = seen.of("coalescer.ask");
        let answers: Vec<_> = asked.iter().map(|fields| &*fields["answer"]).collect();
        assert_eq!(answers, ["lead", "served"]);
        assert!(asked.iter().all(|fields| fields["name"] == "users"));
        assert!(!asked[0].contains_key("holder"));
        let inbox = format!("{:?}", here.cluster);
        assert!(inbox.contains(&asked[1]["holder"]), "{inbox} {asked:?}");
        let published = seen.of("coalescer.publish");
        assert_eq!(published.len(), 1);
        assert_eq!(published[0]["answer"], "published");
    });
}

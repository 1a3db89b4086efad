//! A layer that records spans.
//!
//! Calls run on threads of their own, so one subscriber is there for the whole process; each test
//! finds its spans by the name of its group.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Once};

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::support::unlocked::{assert_no_offence, no_lock};

/// The record of one span.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) parent: Option<u64>,
    pub(crate) follows: Vec<u64>,
    pub(crate) is_closed: bool,
    fields: HashMap<&'static str, String>,
    entered: usize,
}

impl Recorded {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(crate) fn is_entered(&self) -> bool {
        self.entered > 0
    }
}

impl Visit for Recorded {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

/// The layer, and a handle to its records.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    spans: Vec<Recorded>,
    /// The things that a subscriber must not be told. They are kept, as a panic in a subscriber ends there.
    offences: Vec<String>,
}

impl Recorder {
    /// The layer of the process.
    pub(crate) fn installed() -> Self {
        static INSTALL: Once = Once::new();
        static ALL: Mutex<Option<Recorder>> = Mutex::new(None);
        let recorder = ALL.lock().unwrap().get_or_insert_default().clone();
        INSTALL.call_once(|| {
            let subscriber = tracing_subscriber::registry().with(recorder.clone());
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        recorder
    }

    /// The spans of a group, in the order in which they were made.
    pub(crate) fn spans(&self, group: &str) -> Vec<Recorded> {
        let all = self.0.lock().unwrap();
        assert!(all.offences.is_empty(), "{:?}", all.offences);
        assert_no_offence();
        let of_group = |span: &&Recorded| span.field("name") == Some(group);
        all.spans.iter().filter(of_group).cloned().collect()
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Recorded)) {
        no_lock("the subscriber");
        let mut all = self.0.lock().unwrap();
        // The last of its number: a span that is closed gives it back.
        match all.spans.iter_mut().rev().find(|span| span.id == id.into_u64()) {
            Some(span) => change(span),
            None => all.offences.push(format!("{id:?} is told of before it is made")),
        }
    }

    fn demand(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.lock().unwrap().offences.push(what());
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        no_lock("the subscriber, for a new span,");
        let parent = context.span(id).and_then(|span| Some(span.parent()?.id().into_u64()));
        let mut span = Recorded {
            id: id.into_u64(),
            name: attributes.metadata().name(),
            parent,
            follows: Vec::new(),
            is_closed: false,
            fields: HashMap::new(),
            entered: 0,
        };
        attributes.record(&mut span);
        self.0.lock().unwrap().spans.push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |span| values.record(span));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        // A link to what is gone would be none.
        let mut is_closed = false;
        self.change(follows, |run| is_closed = run.is_closed);
        self.demand(!is_closed, || format!("{id:?} is linked to {follows:?}, which is closed"));
        self.change(id, |span| span.follows.push(follows.into_u64()));
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.change(id, |span| span.entered += 1);
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        self.change(id, |span| span.entered -= 1);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.change(&id, |span| span.is_closed = true);
    }
}

//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::hash::RandomState;
use std::sync::Arc;

use coalescer::{Builder, Error, ForGroup, Group, InFlight, Outcome, Settings, ShareWith, Stats};

use crate::key::Key;
use crate::location::normal_path;
use crate::page::Page;

/// Decides which requests get an error of the handler.
pub(crate) type ErrorRule<E> = Arc<dyn Fn(&E) -> ShareWith + Send + Sync>;

/// The pages that handlers make now, and the pages that the window retains.
pub(crate) struct Flights<E> {
    /// Clients choose the keys, so the hasher is keyed.
    group: Group<Key, Page, E, RandomState>,
}

/// The executions that may answer a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Freshness {
    /// Every execution that the window allows.
    Any,
    /// Only an execution that starts after the request arrived.
    Fresh,
}

impl<E> Flights<E> {
    pub(crate) fn new(settings: Settings, name: Option<String>) -> Self {
        Self { group: builder(settings, name).build() }
    }

    /// The group asks the rule about each error that a run returns to it.
    pub(crate) fn with_error_rule(
        settings: Settings,
        name: Option<String>,
        rule: ErrorRule<E>,
    ) -> Self
    where
        E: 'static,
    {
        let builder = builder(settings, name).share_error_with(move |error: &E| rule(error));
        Self { group: builder.build() }
    }

    /// Runs `lead` and returns its page, or returns the page of another request's `lead`.
    pub(crate) fn call(
        &self,
        key: &Key,
        freshness: Freshness,
        lead: impl FnOnce() -> Result<Page, E>,
    ) -> Result<Outcome<Page>, Error<E>> {
        let request = self.group.call(key);
        let request = match freshness {
            Freshness::Any => request,
            Freshness::Fresh => request.fresh(),
        };
        request.outcome(lead)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.group.stats()
    }

    pub(crate) fn in_flight(&self) -> Vec<InFlight<Key>> {
        self.group.in_flight()
    }

    pub(crate) fn forget(&self, key: &Key) -> bool {
        self.group.forget(key)
    }

    pub(crate) fn forget_all(&self) -> usize {
        self.group.forget_all()
    }

    /// Forgets the pages of a path, in its normal form, that also fit.
    pub(crate) fn forget_at(&self, path: &str, fits: impl Fn(&Key) -> bool) -> usize {
        self.forget_if(|key| normal_path(key.path()) == path && fits(key))
    }

    /// Forgets all pages that fit, also those that a run under way makes.
    pub(crate) fn forget_if(&self, fits: impl Fn(&Key) -> bool) -> usize {
        self.group.forget_if(fits)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.group.name()
    }
}

fn builder(settings: Settings, name: Option<String>) -> Builder<ForGroup, Key, Page, RandomState> {
    let builder = Group::builder().settings(settings).hasher(RandomState::new());
    let builder = builder.share_with(Page::share_with);
    match name {
        Some(name) => builder.name(name),
        None => builder,
    }
}

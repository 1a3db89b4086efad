//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::hash::RandomState;

use coalescer::{Error, Group, InFlight, Outcome, Settings, Stats};

use crate::key::Key;
use crate::page::Page;
use crate::targets::Targets;

/// The pages that handlers make now, and the pages that the window retains.
pub(crate) struct Flights<E> {
    /// Clients choose the keys, so the hasher is keyed.
    group: Group<Key, Page, E, RandomState>,
    targets: Targets,
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
        let mut builder = Group::builder().settings(settings).hasher(RandomState::new());
        if let Some(name) = name {
            builder = builder.name(name);
        }
        Self { group: builder.share_with(Page::share_with).build(), targets: Targets::new() }
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
        request.outcome(|| {
            // Before the handler reads anything. A write that ends from now on finds the key.
            self.targets.add(key);
            lead()
        })
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
        self.forget_those(self.targets.at(path), fits)
    }

    /// Forgets all pages that fit.
    pub(crate) fn forget_if(&self, fits: impl Fn(&Key) -> bool) -> usize {
        self.forget_those(self.targets.all(), fits)
    }

    /// Equal keys may be there more than once. Only one of them finds a page.
    fn forget_those(&self, keys: Vec<Key>, fits: impl Fn(&Key) -> bool) -> usize {
        keys.iter().filter(|key| fits(key) && self.group.forget(*key)).count()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.group.name()
    }
}

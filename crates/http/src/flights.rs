//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::hash::RandomState;

use coalescer::{Error, Group, InFlight, Role, Settings, Stats};
use http::Response;

use crate::body::Body;
use crate::key::Key;
use crate::page::Page;

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
        let mut builder = Group::builder().settings(settings).hasher(RandomState::new());
        if let Some(name) = name {
            builder = builder.name(name);
        }
        Self { group: builder.share_with(Page::share_with).build() }
    }

    /// Runs `lead` and returns its response, or returns the page of another request's `lead`.
    ///
    /// `lead` makes a page for other requests and a response for its own. The group gives one value
    /// to everyone, so the response leaves by the variable `own`.
    pub(crate) fn call(
        &self,
        key: &Key,
        freshness: Freshness,
        lead: impl FnOnce() -> Result<(Page, Response<Body>), E>,
    ) -> Result<Response<Body>, Error<E>> {
        let request = self.group.call(key);
        let request = match freshness {
            Freshness::Any => request,
            Freshness::Fresh => request.fresh(),
        };
        let mut own = None;
        let outcome = request.outcome(|| {
            let (page, response) = lead()?;
            own = Some(response);
            Ok(page)
        });
        if let Some(response) = own {
            return Ok(response);
        }
        let outcome = outcome?;
        // `Age` is for a page that the window served.
        let age = (outcome.role == Role::Late).then_some(outcome.age);
        Ok(outcome.value.response(age))
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

    pub(crate) fn name(&self) -> Option<&str> {
        self.group.name()
    }
}

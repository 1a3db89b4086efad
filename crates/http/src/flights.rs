//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::{Error, Group, InFlight, Role, Stats};
use http::Response;

use crate::body::Body;
use crate::clock::Clock;
use crate::key::Key;
use crate::page::Page;
use crate::settings::Settings;

/// The pages that handlers make now, and the pages that the window retains.
pub(crate) struct Flights<E> {
    /// Clients choose the keys, so the hasher is keyed.
    group: Group<Key, Dated, E, RandomState>,
    clock: Clock,
}

/// A page, and the instant at which its handler was called.
struct Dated {
    page: Page,
    started: Instant,
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
        let clock = settings.clock_or_system();
        let mut builder = settings.builder().hasher(RandomState::new());
        if let Some(name) = name {
            builder = builder.name(name);
        }
        let group = builder.share_with(|dated: &Dated| dated.page.share_with()).build();
        Self { group, clock }
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
        let mut own = None;
        let shared = self.execute(key, freshness, || {
            let started = self.clock.now();
            let (page, response) = lead()?;
            own = Some(response);
            Ok(Dated { page, started })
        });
        match own {
            Some(response) => Ok(response),
            None => shared.map(|(dated, age)| dated.page.response(age)),
        }
    }

    /// Returns the page, and its age if the window served it.
    fn execute(
        &self,
        key: &Key,
        freshness: Freshness,
        lead: impl FnOnce() -> Result<Dated, E>,
    ) -> Result<(Arc<Dated>, Option<Duration>), Error<E>> {
        // The window never serves a fresh request, so such a page needs no age.
        if let Freshness::Fresh = freshness {
            return Ok((self.group.execute_fresh(key, lead)?, None));
        }
        let outcome = self.group.call(key).outcome(lead)?;
        let age = self.clock.now().saturating_duration_since(outcome.value.started);
        Ok((outcome.value, (outcome.role == Role::Late).then_some(age)))
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

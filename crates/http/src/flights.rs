//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::collections::HashSet;
use std::convert::Infallible;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use coalescer::shared::Unreached;
use coalescer::{Error, Group, InFlight, Outcome, Request, ShareWith, Stats, Ticket};
use http::{HeaderMap, StatusCode};

use crate::coalesced::Captured;
use crate::forgotten_tags::{ForgottenTags, Moment};
use crate::gates::Gates;
use crate::gates::page_says::PageSays;
use crate::key::Key;
use crate::location::{is_below, normal_path};
use crate::of_group::OfGroup;
use crate::page::Page;
use crate::remembered::{Remembered, Why};
use crate::sharing::{Others, SharesPages};
use crate::tags::Tag;
use crate::verdict::ResponseVerdict;

/// Decides which requests get an error of the handler.
pub(crate) type ErrorRule<E> = Arc<dyn Fn(&E) -> ShareWith + Send + Sync>;

/// The pages that handlers make now, and the pages that the window retains.
pub(crate) struct Flights<E> {
    /// Clients choose the keys, so the hasher is keyed.
    group: Group<Key, Page, E, RandomState>,
    others: Others,
    forgotten_tags: ForgottenTags,
    unshared: Remembered,
}

/// The executions that may answer a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Freshness {
    /// Every execution that the window allows.
    Any,
    /// Only an execution that started less than this time, which is not zero, before the request arrived.
    Within(Duration),
    /// Only an execution that starts after the request arrived.
    Fresh,
}

impl Freshness {
    fn of<Q: ?Sized, C>(self, request: Request<'_, Q, C>) -> Request<'_, Q, C> {
        match self {
            Self::Any => request,
            Self::Within(age) => request.max_age(age - Duration::from_nanos(1)),
            Self::Fresh => request.fresh(),
        }
    }
}

impl<E> Flights<E> {
    pub(crate) fn new<P>(of_group: OfGroup, sharing: P, gates: &Gates) -> Self
    where
        P: SharesPages<E>,
    {
        let (others, unshared) = (sharing.others(), of_group.remembered());
        // Without a rule an error is returned to the group only to end the waits of others. It is never kept.
        let settings = of_group.settings.error_window(Duration::ZERO);
        let builder = OfGroup { settings, ..of_group }.builder();
        Self::of(builder.shared(sharing.by(gates)).build(), others, unshared)
    }

    /// The group asks the rule about each error that a run returns to it.
    pub(crate) fn with_error_rule<P>(
        of_group: OfGroup,
        sharing: P,
        gates: &Gates,
        rule: &ErrorRule<E>,
    ) -> Self
    where
        E: 'static,
        P: SharesPages<E>,
    {
        let (others, rule) = (sharing.others(), Arc::clone(rule));
        let unshared = of_group.remembered();
        let share_with = move |error: &E| match rule(error) {
            // As without a rule. An error that is nobody's is returned to the group for no other reason.
            ShareWith::Nobody => ShareWith::Followers,
            share_with => share_with,
        };
        let builder = of_group.builder().share_error_with(share_with);
        Self::of(builder.shared(sharing.by(gates)).build(), others, unshared)
    }

    fn of(group: Group<Key, Page, E, RandomState>, others: Others, unshared: Remembered) -> Self {
        Self { group, others, forgotten_tags: ForgottenTags::default(), unshared }
    }

    /// Sets for how long a key is remembered whose pages are not shared.
    pub(crate) fn remembering(self, time: Duration) -> Self {
        Self { unshared: self.unshared.lasting(time), ..self }
    }

    /// Runs `lead` and returns its page, or returns the page of another request's `lead`. It calls `lead` once.
    ///
    /// If a tag of that page was forgotten during its run and before this call, the call asks once more, for a page
    /// that is younger, and then for one whose run begins after it.
    pub(crate) fn call(
        &self,
        key: &Key,
        mut freshness: Freshness,
        mut lead: impl FnMut() -> Result<Page, E>,
    ) -> Result<Outcome<Page>, Error<E>> {
        let (mut arrival, mut waited) = (self.arrival(), Duration::ZERO);
        loop {
            let mut outcome = self.ask(key, freshness, || {
                let began = self.now();
                Ok(self.made_since(lead()?, began))
            })?;
            waited = waited.saturating_add(outcome.waited);
            if !arrival.is_too_late_for(&outcome.value, self) {
                outcome.waited = waited;
                return Ok(outcome);
            }
            freshness = arrival.ask_again(outcome.age);
        }
    }

    /// Notes that a request arrives.
    pub(crate) fn arrival(&self) -> Arrival {
        Arrival { moment: self.now(), has_asked_again: false }
    }

    /// Notes that a run begins.
    pub(crate) fn now(&self) -> Moment {
        self.forgotten_tags.now()
    }

    /// The page of a run that began at this moment.
    pub(crate) fn made_since(&self, page: Page, began: Moment) -> Page {
        page.made_since(began, &self.forgotten_tags)
    }

    fn ask(
        &self,
        key: &Key,
        freshness: Freshness,
        lead: impl FnOnce() -> Result<Page, E>,
    ) -> Result<Outcome<Page>, Error<E>> {
        freshness.of(self.group.call(key)).outcome(lead)
    }

    /// The page that a request would get from the window of this process now.
    pub(crate) fn peek(&self, key: &Key) -> Option<Outcome<Page>> {
        let arrival = self.arrival();
        let found = self.group.peek_outcome(key);
        found.filter(|found| !arrival.is_too_late_for(&found.value, self))
    }

    /// Drops the pages whose window is over.
    pub(crate) fn purge_expired(&self) -> usize {
        self.group.purge_expired()
    }

    /// Drops the pages that no request gets any more, also those whose own time is over before the window. Returns how
    /// many keys it has looked at, and how many pages it has dropped.
    ///
    /// A run that begins meanwhile for such a key is detached: later requests make the page once more.
    pub(crate) fn purge_unserved(&self) -> (usize, usize) {
        let under_way: HashSet<Key> = self.in_flight().into_iter().map(|run| run.key).collect();
        let keys = self.chosen(|key| !under_way.contains(key));
        let pages = keys.len();
        let unserved: HashSet<Key> =
            keys.into_iter().filter(|key| self.peek(key).is_none()).collect();
        (pages, self.group.forget_if(|key| unserved.contains(key)))
    }

    /// Returns `true` if the window of this process has this page.
    pub(crate) fn has_kept(&self, key: &Key, page: &Arc<Page>) -> bool {
        self.group.peek(key).is_some_and(|kept| Arc::ptr_eq(&kept, page))
    }

    pub(crate) fn stats(&self) -> Stats {
        self.group.stats()
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn publish_metrics(&self) {
        self.group.publish_metrics();
    }

    pub(crate) fn in_flight(&self) -> Vec<InFlight<Key>> {
        self.group.in_flight()
    }

    /// Returns `true` if the pages of a key are not shared, and none is retained.
    pub(crate) fn is_unshared(&self, key: &Key) -> bool {
        self.unshared.has(key) && self.group.peek(key).is_none()
    }

    /// Notes what a response says about the later ones of its key.
    pub(crate) fn note(
        &self,
        key: &Key,
        status: StatusCode,
        headers: &HeaderMap,
        verdict: ResponseVerdict,
    ) {
        match PageSays::of(key, status, verdict) {
            PageSays::Shared => self.unshared.forget(key),
            PageSays::Unshared => self.unshared.note(key, Why::of(headers, verdict)),
            PageSays::Nothing => {}
        }
    }

    /// The same of a response whose body the layer does not see.
    pub(crate) fn note_head(
        &self,
        key: &Key,
        status: StatusCode,
        headers: &HeaderMap,
        verdict: ResponseVerdict,
    ) {
        match PageSays::of(key, status, verdict) {
            PageSays::Shared => self.unshared.forget_unless_by_body(key),
            _ => self.note(key, status, headers, verdict),
        }
    }

    pub(crate) fn forget(&self, key: &Key) -> bool {
        self.unshared.forget(key);
        self.group.forget(key)
    }

    pub(crate) fn forget_everywhere(&self, key: &Key) -> Result<bool, Unreached> {
        self.unshared.forget(key);
        self.group.forget_everywhere(key)
    }

    pub(crate) fn forget_all(&self) -> usize {
        self.unshared.forget_all();
        self.group.forget_all()
    }

    pub(crate) fn forget_all_everywhere(&self) -> Result<usize, Unreached> {
        self.unshared.forget_all();
        self.group.forget_all_everywhere()
    }

    /// Forgets the pages of some paths, in their normal form, that also fit.
    pub(crate) fn forget_at(&self, paths: &[String], fits: impl Fn(&Key) -> bool) -> Forgotten {
        self.unshared.forget_paths(paths);
        self.forget_chosen(|key| {
            let path = normal_path(key.path());
            paths.iter().any(|one| *one == path) && fits(key)
        })
    }

    /// Forgets the pages of a path. A query in it is ignored.
    pub(crate) fn forget_path(&self, path: &str) -> Forgotten {
        self.forget_at(&[normal_path(without_query(path)).into_owned()], |_| true)
    }

    /// Forgets the pages of a path and of all below. A query in it is ignored.
    pub(crate) fn forget_below(&self, prefix: &str) -> Forgotten {
        let prefix = normal_path(without_query(prefix));
        self.forget_if(|key| is_below(&prefix, &normal_path(key.path())))
    }

    /// Forgets the pages that have one of some tags. A run under way goes on: see [`call`](Self::call).
    pub(crate) fn forget_tags(&self, tags: &[Tag]) -> Forgotten {
        if tags.is_empty() {
            return Forgotten { here: 0, elsewhere: Ok(()) };
        }
        // First: a run that has its response before this is seen below, and one that has it later sees this.
        self.forgotten_tags.add(tags);
        self.unshared.forget_tagged();
        let has_tag = |key: &Key| Some(self.group.peek(key)?.has_tag(tags));
        if self.others == Others::Known {
            let runs: HashSet<Key> = self.in_flight().into_iter().map(|run| run.key).collect();
            let fits = |key: &Key| runs.contains(key) || has_tag(key).unwrap_or(true);
            return self.forget_known(fits);
        }
        self.forget_chosen(|key| has_tag(key) == Some(true))
    }

    /// Forgets all pages that fit, also those that a run under way makes, here and elsewhere.
    pub(crate) fn forget_if(&self, fits: impl Fn(&Key) -> bool) -> Forgotten {
        self.unshared.forget_all();
        self.forget_chosen(fits)
    }

    fn forget_chosen(&self, fits: impl Fn(&Key) -> bool) -> Forgotten {
        match self.others {
            Others::None => Forgotten { here: self.group.forget_if(fits), elsewhere: Ok(()) },
            Others::All => {
                let here = self.chosen(fits).len();
                Forgotten { here, elsewhere: self.group.forget_all_everywhere().map(drop) }
            }
            Others::Known => self.forget_known(fits),
        }
    }

    fn forget_known(&self, fits: impl Fn(&Key) -> bool) -> Forgotten {
        let known = self.chosen(&fits);
        let mut elsewhere = Ok(());
        for key in &known {
            if let Err(error) = self.group.forget_everywhere(key) {
                elsewhere = Err(both(elsewhere, error));
            }
        }
        // A page that came meanwhile may be from before.
        let late = self.group.forget_if(fits);
        Forgotten { here: known.len() + late, elsewhere }
    }

    /// The keys that fit, of pages that are there or under way.
    fn chosen(&self, fits: impl Fn(&Key) -> bool) -> Vec<Key> {
        let mut chosen = Vec::new();
        self.group.forget_if(|key| {
            if fits(key) {
                chosen.push(key.clone());
            }
            false
        });
        chosen
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.group.name()
    }
}

/// The arrival of a request, and how often it has asked since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    moment: Moment,
    has_asked_again: bool,
}

impl Arrival {
    /// Returns `true` if a tag of the page was forgotten during its run and before the request arrived.
    pub(crate) fn is_too_late_for<E>(&self, page: &Page, flights: &Flights<E>) -> bool {
        page.is_forgotten(&flights.forgotten_tags, self.moment)
    }

    /// The freshness by which the request asks after it has found such a page of this age. Those who have waited together
    /// share a run then. It may have begun too early, but not twice.
    pub(crate) fn ask_again(&mut self, age: Duration) -> Freshness {
        let is_second = std::mem::replace(&mut self.has_asked_again, true);
        if is_second || age.is_zero() { Freshness::Fresh } else { Freshness::Within(age) }
    }
}

/// The number of pages that were forgotten in this process, and the processes that were not reached.
#[must_use]
pub(crate) struct Forgotten {
    pub(crate) here: usize,
    pub(crate) elsewhere: Result<(), Unreached>,
}

impl Forgotten {
    pub(crate) fn everywhere(self) -> Result<usize, Unreached> {
        self.elsewhere.map(|()| self.here)
    }
}

fn both(before: Result<(), Unreached>, new: Unreached) -> Unreached {
    let Err(old) = before else { return new };
    let engine = old.engine() || new.engine();
    let processes = old.processes().max(new.processes());
    Unreached::new(engine, processes, old.at_most().max(new.at_most()))
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// A ticket of a request that shares.
pub(crate) type PageTicket = Ticket<Key, Page, Infallible>;

/// The flights of requests that lead by a guard and not by a function.
impl Flights<Infallible> {
    pub(crate) fn for_hooks(of_group: OfGroup) -> Self {
        let unshared = of_group.remembered();
        Self::of(of_group.builder().executor(Captured).build(), Others::None, unshared)
    }

    /// Submits a request whose function is `lead`.
    pub(crate) fn submit(
        &self,
        key: &Key,
        freshness: Freshness,
        lead: impl FnOnce() -> Result<Page, Infallible> + Send + 'static,
    ) -> Result<PageTicket, Error<Infallible>> {
        freshness.of(self.group.call(key)).submit(lead)
    }
}

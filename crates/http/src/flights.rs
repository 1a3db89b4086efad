//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::collections::HashSet;
use std::convert::Infallible;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use coalescer::shared::Unreached;
use coalescer::{
    Builder, Error, ForGroup, Group, InFlight, Outcome, Request, Settings, ShareWith, Stats, Ticket,
};

use crate::coalesced::Captured;
use crate::gates::Gates;
use crate::key::Key;
use crate::location::normal_path;
use crate::page::Page;
use crate::sharing::{Others, SharesPages};

/// Decides which requests get an error of the handler.
pub(crate) type ErrorRule<E> = Arc<dyn Fn(&E) -> ShareWith + Send + Sync>;

/// The pages that handlers make now, and the pages that the window retains.
pub(crate) struct Flights<E> {
    /// Clients choose the keys, so the hasher is keyed.
    group: Group<Key, Page, E, RandomState>,
    others: Others,
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
    pub(crate) fn new<P>(of_group: (Settings, Option<String>), sharing: P, gates: &Gates) -> Self
    where
        P: SharesPages<E>,
    {
        let others = sharing.others();
        Self { group: builder(of_group).shared(sharing.by(gates)).build(), others }
    }

    /// The group asks the rule about each error that a run returns to it.
    pub(crate) fn with_error_rule<P>(
        of_group: (Settings, Option<String>),
        sharing: P,
        gates: &Gates,
        rule: &ErrorRule<E>,
    ) -> Self
    where
        E: 'static,
        P: SharesPages<E>,
    {
        let (others, rule) = (sharing.others(), Arc::clone(rule));
        let builder = builder(of_group).share_error_with(move |error: &E| rule(error));
        Self { group: builder.shared(sharing.by(gates)).build(), others }
    }

    /// Runs `lead` and returns its page, or returns the page of another request's `lead`.
    pub(crate) fn call(
        &self,
        key: &Key,
        freshness: Freshness,
        lead: impl FnOnce() -> Result<Page, E>,
    ) -> Result<Outcome<Page>, Error<E>> {
        freshness.of(self.group.call(key)).outcome(lead)
    }

    /// The page that a request would get from the window of this process now.
    pub(crate) fn peek(&self, key: &Key) -> Option<Outcome<Page>> {
        self.group.peek_outcome(key)
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

    pub(crate) fn stats(&self) -> Stats {
        self.group.stats()
    }

    pub(crate) fn in_flight(&self) -> Vec<InFlight<Key>> {
        self.group.in_flight()
    }

    pub(crate) fn forget(&self, key: &Key) -> bool {
        self.group.forget(key)
    }

    pub(crate) fn forget_everywhere(&self, key: &Key) -> Result<bool, Unreached> {
        self.group.forget_everywhere(key)
    }

    pub(crate) fn forget_all(&self) -> usize {
        self.group.forget_all()
    }

    pub(crate) fn forget_all_everywhere(&self) -> Result<usize, Unreached> {
        self.group.forget_all_everywhere()
    }

    /// Forgets the pages of some paths, in their normal form, that also fit.
    pub(crate) fn forget_at(&self, paths: &[String], fits: impl Fn(&Key) -> bool) -> Forgotten {
        self.forget_if(|key| {
            let path = normal_path(key.path());
            paths.iter().any(|one| *one == path) && fits(key)
        })
    }

    /// Forgets all pages that fit, also those that a run under way makes, here and elsewhere.
    pub(crate) fn forget_if(&self, fits: impl Fn(&Key) -> bool) -> Forgotten {
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

fn builder(
    (settings, name): (Settings, Option<String>),
) -> Builder<ForGroup, Key, Page, RandomState> {
    let builder = Group::builder().settings(settings).hasher(RandomState::new());
    let builder = builder.share_with(Page::share_with);
    match name {
        Some(name) => builder.name(name),
        None => builder,
    }
}

/// A ticket of a request that shares.
pub(crate) type PageTicket = Ticket<Key, Page, Infallible>;

/// The flights of requests that lead by a guard and not by a function.
impl Flights<Infallible> {
    pub(crate) fn for_hooks(of_group: (Settings, Option<String>)) -> Self {
        Self { group: builder(of_group).executor(Captured).build(), others: Others::None }
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

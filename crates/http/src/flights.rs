//! [`Flights`]: the group behind a layer, and how a request asks it for a page.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use coalescer::shared::Unreached;
use coalescer::{
    Builder, Error, ForGroup, Group, InFlight, Outcome, Settings, ShareWith, SlowFlight, Stats,
};

use crate::gates::Gates;
use crate::key::Key;
use crate::location::normal_path;
use crate::page::Page;
use crate::sharing::{Others, SharesPages};

/// Decides which requests get an error of the handler.
pub(crate) type ErrorRule<E> = Arc<dyn Fn(&E) -> ShareWith + Send + Sync>;

/// The hook for slow flights.
pub(crate) type SlowHook = Arc<dyn Fn(&SlowFlight<'_, Key>) + Send + Sync>;

/// The group's part of a layer's settings.
pub(crate) struct OfGroup {
    pub(crate) settings: Settings,
    pub(crate) name: Option<String>,
    pub(crate) on_slow: Option<(Duration, SlowHook)>,
}

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

impl<E> Flights<E> {
    pub(crate) fn new<P>(of_group: OfGroup, sharing: P, gates: &Gates) -> Self
    where
        P: SharesPages<E>,
    {
        let others = sharing.others();
        // Without a rule an error is returned to the group only to end the waits of others. It is never kept.
        let settings = of_group.settings.error_window(Duration::ZERO);
        let builder = builder(OfGroup { settings, ..of_group });
        Self { group: builder.shared(sharing.by(gates)).build(), others }
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
        let share_with = move |error: &E| match rule(error) {
            // As without a rule. An error that is nobody's is returned to the group for no other reason.
            ShareWith::Nobody => ShareWith::Followers,
            share_with => share_with,
        };
        let builder = builder(of_group).share_error_with(share_with);
        Self { group: builder.shared(sharing.by(gates)).build(), others }
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
            Freshness::Within(age) => request.max_age(age - Duration::from_nanos(1)),
            Freshness::Fresh => request.fresh(),
        };
        request.outcome(lead)
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

fn builder(of_group: OfGroup) -> Builder<ForGroup, Key, Page, RandomState> {
    let OfGroup { settings, name, on_slow } = of_group;
    let mut builder = Group::builder().settings(settings).hasher(RandomState::new());
    if let Some(name) = name {
        builder = builder.name(name);
    }
    if let Some((after, hook)) = on_slow {
        builder = builder.on_slow(after, move |slow: &SlowFlight<'_, Key>| hook(slow));
    }
    builder.share_with(Page::share_with)
}

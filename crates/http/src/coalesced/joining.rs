//! [`Joining`]: the way of a request that leads by a guard, or waits by a ticket.
//!
//! ```text
//! ask ─┬─ leads ──────────────────────▶ Lead
//!      ├─ a page from the window ─────▶ answered, or past its lifetime: asks for a younger one
//!      └─ follows ─▶ Wait ─▶ resume ─┬─ a page ──────────────────────▶ answered
//!                                    ├─ a page for the leader alone ─▶ runs its own
//!                                    ├─ the leader was lost ─────────▶ asks again
//!                                    └─ it waited too long ──────────▶ an error response, or runs its own
//! ```
//!
//! It never waits itself. So a thread and a future go the same way.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use coalescer::{Error, Job, Outcome, Role};
use http::HeaderMap;

use crate::cache_status::Forward;
use crate::coalesced::answer::{Answer, Told, Trouble};
use crate::coalesced::capture::{capture, reason};
use crate::coalesced::hooks::Pages;
use crate::coalesced::inner::Inner;
use crate::coalesced::lead::Lead;
use crate::coalesced::stale::{SERVER_ERROR, StalePage};
use crate::expiry::Attempt;
use crate::flights::{Arrival, Freshness, PageTicket};
use crate::key::Key;
use crate::page::Page;
use crate::routes::RouteVisit;
use crate::served::Served;
use crate::served_role::{ServedReason, ServedRole};
use crate::verdict::ResponseVerdict;

/// A request on its way to its answer.
pub(crate) struct Joining {
    pages: Pages,
    key: Key,
    freshness: Freshness,
    arrival: Arrival,
    begun: Instant,
    waited: Duration,
    /// The request makes a page anew that it has found past its lifetime.
    revalidating: Option<Revalidating>,
    /// Why no page of the window is good for it.
    forward: Forward,
    visit: Option<RouteVisit>,
}

/// The next step of a request.
pub(crate) enum Step {
    Lead(Box<Lead>),
    Answered(Box<Answer>),
    /// It runs its own handler, and shares nothing.
    RunOwn(Told, Option<RouteVisit>),
    Wait(Waiting),
}

/// A request that waits for the page of another one.
pub(crate) struct Waiting {
    pub(crate) ticket: PageTicket,
    /// The rest of the time that the request waits.
    pub(crate) at_most: Option<Duration>,
}

/// The page that a leader's function takes when its job runs.
pub(super) type PageCell = Arc<Mutex<Option<Page>>>;

impl Joining {
    pub(crate) fn new(
        pages: Pages,
        key: Key,
        freshness: Freshness,
        visit: Option<RouteVisit>,
    ) -> Self {
        let Inner { clock, flights, .. } = pages.inner();
        let (begun, arrival, waited) = (clock.now(), flights.arrival(), Duration::ZERO);
        let forward = match freshness {
            Freshness::Fresh => Forward::Request,
            Freshness::Any | Freshness::Within(_) => Forward::Miss,
        };
        let revalidating = None;
        Self { pages, key, freshness, arrival, begun, waited, revalidating, forward, visit }
    }

    /// Asks for a page. `headers` are those of the request.
    pub(crate) fn ask(&mut self, headers: &HeaderMap) -> Step {
        loop {
            let cell = PageCell::default();
            let function = {
                let cell = Arc::clone(&cell);
                move || Ok(take(&cell).unwrap_or_else(no_page))
            };
            let flights = &self.pages.inner().flights;
            let (ticket, job) = capture(|| flights.submit(&self.key, self.freshness, function));
            let ticket = match ticket {
                Ok(ticket) => ticket,
                Err(error) => return self.end_with(error),
            };
            let job = match job {
                Some(job) if ticket.has_job() => return self.lead(job, cell),
                job => job,
            };
            if !ticket.is_finished() {
                // A job that was passed on nevertheless would begin the flight of a leader that was lost. Its call
                // is told, and asks again.
                drop(job);
                return Step::Wait(Waiting { ticket, at_most: self.time_left() });
            }
            match (ticket.wait_outcome(), job) {
                // The settings want a refresh of the page, and this request is the one to make it.
                (Ok(outcome), Some(job)) if outcome.role == Role::Late => {
                    return self.lead(job, cell);
                }
                (Ok(outcome), _) => match self.meet(outcome, headers) {
                    Some(step) => return step,
                    None => continue,
                },
                (Err(error), _) => return self.resume(Err(error), headers),
            }
        }
    }

    /// Goes on after the wait of a request that followed.
    pub(crate) fn resume(
        &mut self,
        waited: Result<Arc<Page>, Error<Infallible>>,
        headers: &HeaderMap,
    ) -> Step {
        self.waited = self.elapsed();
        match waited {
            Ok(page) if self.is_too_late_for(&page) => {
                self.freshness = self.arrival.ask_again(self.elapsed());
                self.ask(headers)
            }
            Ok(page) => self.follow(&page),
            // The leader was lost: of those who waited, the first to ask again leads.
            Err(Error::Abandoned) if self.time_left() != Some(Duration::ZERO) => {
                self.ask_again();
                self.ask(headers)
            }
            Err(Error::Abandoned) => self.end_with(Error::TimedOut),
            Err(error) => self.end_with(error),
        }
    }

    /// The way of a request that has waited for this page.
    fn follow(&mut self, page: &Page) -> Step {
        match page {
            Page::ForLeader(reason) => {
                let unshared = ResponseVerdict::Unshared(*reason);
                return self.run_own(Served::led(unshared, Some(self.waited)));
            }
            // Its own function has run without a leader, to end a wait for itself.
            Page::Own => return self.end_with(Error::WouldDeadlock),
            _ => {}
        }
        let answer = Answer::followed(page, self.waited).because_of(self.forward);
        let Some(mut revalidating) = self.revalidating.take() else {
            return self.answered(answer);
        };
        revalidating.end(page.is_for_later());
        match page.is_trouble() {
            true => self.in_trouble(revalidating, SERVER_ERROR),
            false => self.answered(revalidating.renews(answer)),
        }
    }

    /// The old page, for a request whose wait for the new one brought none.
    fn in_trouble(&mut self, revalidating: Revalidating, reason: ServedReason) -> Step {
        let trouble = Trouble { reason, own: None };
        let stale = revalidating.stale_page().after_trouble(trouble, Some(self.waited));
        self.answered(stale)
    }

    fn answered(&mut self, answer: Answer) -> Step {
        Step::answered(answer, self.visit.take())
    }

    fn run_own(&mut self, served: Served) -> Step {
        let told = Told::led(served, false).because_of(self.forward);
        Step::RunOwn(told, self.visit.take())
    }

    /// The way of a request that has got a page. `None` if it asks for a younger one.
    fn meet(&mut self, outcome: Outcome<Page>, headers: &HeaderMap) -> Option<Step> {
        if self.is_too_late_for(&outcome.value) {
            self.freshness = self.arrival.ask_again(outcome.age);
            return None;
        }
        if outcome.role != Role::Late {
            return Some(self.follow(&outcome.value));
        }
        let Some(stale) = StalePage::of(&outcome) else {
            let answer = Answer::of_page(&outcome, self.pages.inner().window);
            let answer = match self.revalidating.take() {
                // Another request has made the page anew.
                Some(mut revalidating) => {
                    revalidating.end(true);
                    revalidating.renews(answer)
                }
                None => answer,
            };
            return Some(self.answered(answer));
        };
        let Inner { gates, counters, .. } = self.pages.inner();
        let fresh = Freshness::Within(stale.fresh_for());
        if gates.accepts_stale(headers, stale.past()) {
            let begins = match stale.attempt() {
                Attempt::Begins => true,
                // The page is good enough in trouble alone, so the request waits for the end of the run.
                Attempt::IsUnderWay if !stale.is_served_at_once() => false,
                Attempt::IsUnderWay | Attempt::Pauses => {
                    counters.count_stale();
                    let answer = stale.answer(Duration::ZERO);
                    return Some(self.answered(answer));
                }
            };
            if begins {
                counters.count_revalidation();
            }
            self.revalidating = Some(Revalidating::new(self.pages.clone(), outcome, begins));
        }
        (self.freshness, self.forward) = (fresh, Forward::Stale);
        None
    }

    /// Returns `true` if a tag of the page was forgotten during its run, before this request began.
    fn is_too_late_for(&self, page: &Page) -> bool {
        self.arrival.is_too_late_for(page, &self.pages.inner().flights)
    }

    fn lead(&mut self, job: Job, cell: PageCell) -> Step {
        let (pages, key) = (self.pages.clone(), self.key.clone());
        let (revalidating, visit) = (self.revalidating.take(), self.visit.take());
        let way = (self.waited, self.forward);
        Step::Lead(Box::new(Lead::new((pages, key), (job, cell), revalidating, way, visit)))
    }

    /// A request for a run of its own time accepts one that began after it did.
    fn ask_again(&mut self) {
        let age = self.elapsed();
        // At the same instant of a clock that stands still, nothing tells which of the two began first.
        if matches!(self.freshness, Freshness::Fresh) && !age.is_zero() {
            self.freshness = Freshness::Within(age);
        }
    }

    /// Answers a request that gets no page.
    fn end_with(&mut self, error: Error<Infallible>) -> Step {
        if let Some(revalidating) = self.revalidating.take() {
            return self.in_trouble(revalidating, ServedReason::of(&error));
        }
        let (inner, waited) = (self.pages.inner(), Some(self.waited));
        if inner.runs_own_after(&error) {
            inner.counters.count_alone();
            return self.run_own(Served::in_vain(ServedRole::Alone, &error, waited));
        }
        inner.counters.count_refused();
        let response = (inner.error_response)(&error, &self.key);
        let served = Served::in_vain(ServedRole::Refused, &error, waited);
        self.answered(Answer::refused(response, served))
    }

    /// The time since the request began.
    fn elapsed(&self) -> Duration {
        self.pages.inner().clock.since(self.begun)
    }

    fn time_left(&self) -> Option<Duration> {
        let at_most = self.pages.inner().max_wait?;
        Some(at_most.saturating_sub(self.elapsed()))
    }
}

impl Step {
    /// Ends the request, which is counted by its route.
    pub(super) fn answered(answer: Answer, visit: Option<RouteVisit>) -> Self {
        if let Some(visit) = visit {
            visit.end(Some(answer.served()));
        }
        Self::Answered(Box::new(answer))
    }
}

/// The page of a function that runs without one.
fn no_page() -> Page {
    reason().map_or(Page::Own, Page::ForLeader)
}

fn take(cell: &PageCell) -> Option<Page> {
    cell.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A request that asks for a page anew that it has found past its lifetime, and gets the old one if there is trouble.
pub(crate) struct Revalidating {
    pages: Pages,
    found: Outcome<Page>,
    since: Instant,
    /// It is the one that makes the page anew. If it is dropped without an end, that has failed.
    is_the_one: bool,
    has_succeeded: bool,
}

impl Revalidating {
    fn new(pages: Pages, found: Outcome<Page>, is_the_one: bool) -> Self {
        let since = pages.inner().clock.now();
        Self { pages, found, since, is_the_one, has_succeeded: false }
    }

    /// The answer that it gets in the place of the old page.
    fn renews(&self, answer: Answer) -> Answer {
        if self.is_the_one { answer.renewed() } else { answer }
    }

    pub(super) fn is_the_one(&self) -> bool {
        self.is_the_one
    }

    /// Ends the attempt. The page can still be served.
    pub(super) fn end(&mut self, has_succeeded: bool) {
        self.has_succeeded = has_succeeded;
    }

    /// The old page, in the place of trouble.
    pub(super) fn stale_page(self) -> Answer {
        self.pages.inner().counters.count_stale();
        let stale = StalePage::of(&self.found).expect("it was stale when it was found");
        stale.answer(self.pages.inner().clock.since(self.since))
    }
}

impl Drop for Revalidating {
    fn drop(&mut self) {
        if !self.is_the_one {
            return;
        }
        if let Some(stale) = StalePage::of(&self.found) {
            stale.end(self.has_succeeded);
        }
        if !self.has_succeeded {
            self.pages.inner().counters.count_failed_revalidation();
        }
    }
}

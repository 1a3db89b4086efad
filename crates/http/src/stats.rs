//! [`LayerStats`]: the counters of the gates and of the flights.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::verdict::{PassThrough, ResponseVerdict, Unkept, Unshared};
use coalescer::Stats;

/// A snapshot of a layer's counters.
///
/// | counter | counts |
/// |---|---|
/// | `passed_through` | requests that the request gate passed through |
/// | `unshared` | responses that only their own request got, of requests that were not passed through |
/// | `unkept` | responses that followers could get and the window did not retain |
/// | `stale` | responses past their lifetime, while a request makes the page anew or after that has failed |
/// | `revalidations` | requests that began to make a page anew that was past its lifetime |
/// | `revalidation_failures` | those of them that brought no page for later requests |
/// | `alone` | requests that waited in vain, for a run that panicked or was too slow, and ran the handler themselves |
/// | `refused` | requests that got no page, and a response of the layer: that of [`error_response`](crate::CoalesceLayer::error_response), or 504 |
/// | `only_if_cached` | requests with `only-if-cached`; they are no calls of the flights |
/// | `not_cached` | those of them that got status 504; `refused` counts them too |
/// | `purges` | PURGE requests that the layer answered: see [`purge_if`](crate::CoalesceLayer::purge_if) |
/// | `flights` | see [`Stats`]; each request that was not passed through is one call, and a request that makes a stale page anew, or accepts none and finds one, is two. `shared` counts the requests that asked other processes and got a page from there |
///
/// Each reason has a counter of its own: see [`passed_through_for`](Self::passed_through_for),
/// [`unshared_for`](Self::unshared_for) and [`unkept_for`](Self::unkept_for). Read them to find out why
/// a layer coalesces few requests. The counters are read one after the other, so a snapshot may
/// miss a part of a request that is counted at that moment.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use coalescer_http::{CoalesceLayer, PassThrough};
/// use http::{Request, Response};
///
/// let pages = CoalesceLayer::new()
///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
/// pages.call(Request::get("/").body(()).unwrap()).unwrap();
/// pages.call(Request::post("/").body(()).unwrap()).unwrap();
///
/// let stats = pages.stats();
/// assert_eq!((stats.total_requests(), stats.flights.executed_requests), (2, 1));
/// assert_eq!(stats.passed_through_for(PassThrough::Method), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerStats {
    /// Requests that were passed through, for all reasons.
    pub passed_through: u64,
    /// Responses that only their own request got, for all reasons.
    pub unshared: u64,
    /// Responses that followers could get and the window did not retain, for all reasons.
    pub unkept: u64,
    /// Responses past their lifetime: see [Stale pages](crate#stale-pages).
    pub stale: u64,
    /// Requests that began to make a page anew that was past its lifetime.
    pub revalidations: u64,
    /// Revalidations that brought no page for later requests.
    pub revalidation_failures: u64,
    /// Requests that waited in vain and ran the handler themselves. `flights` counts them too, as followers
    /// or as timed out.
    pub alone: u64,
    /// Requests that got no page, and a response of the layer for an error of coalescing, or 504. `flights` counts them
    /// too, as timed out, refused, or followers; not those with 504.
    pub refused: u64,
    /// Requests with `only-if-cached` that the window answered, or that got status 504. `flights` does not count them.
    pub only_if_cached: u64,
    /// Those of them that got status 504. `refused` counts them too.
    pub not_cached: u64,
    /// PURGE requests that the layer answered itself.
    pub purges: u64,
    /// The counters of the flights.
    pub flights: Stats,
    by_reason: ByReason<Vec<u64>>,
}

/// Counts by reason, each list in the order of its enum's `ALL`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ByReason<C> {
    passed_through: C,
    unshared: C,
    unkept: C,
}

impl LayerStats {
    /// Returns the number of all requests: those passed through, those with `only-if-cached`, PURGE requests, and the calls
    /// of the flights. A request that makes a stale page anew is two.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(coalescer_http::LayerStats::default().total_requests(), 0);
    /// ```
    #[must_use]
    pub fn total_requests(&self) -> u64 {
        self.passed_through + self.only_if_cached + self.purges + self.flights.total_requests
    }

    /// Returns the number of requests that were passed through for a reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{LayerStats, PassThrough};
    ///
    /// assert_eq!(LayerStats::default().passed_through_for(PassThrough::Credentials), 0);
    /// ```
    #[must_use]
    pub fn passed_through_for(&self, reason: PassThrough) -> u64 {
        count_of(&self.by_reason.passed_through, PassThrough::ALL, reason)
    }

    /// Returns the number of responses that only their own request got, for a reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{LayerStats, Unshared};
    ///
    /// assert_eq!(LayerStats::default().unshared_for(Unshared::SetCookie), 0);
    /// ```
    #[must_use]
    pub fn unshared_for(&self, reason: Unshared) -> u64 {
        count_of(&self.by_reason.unshared, Unshared::ALL, reason)
    }

    /// Returns the number of responses that the window did not retain, for a reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{LayerStats, Unkept};
    ///
    /// assert_eq!(LayerStats::default().unkept_for(Unkept::ServerError), 0);
    /// ```
    #[must_use]
    pub fn unkept_for(&self, reason: Unkept) -> u64 {
        count_of(&self.by_reason.unkept, Unkept::ALL, reason)
    }

    /// Returns the reasons with a count above zero, in the order of the tables.
    fn reasons(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.counts().filter(|(.., count)| *count > 0)
    }

    /// Returns all reasons with their counts, in the order of the tables.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let passed = named(
            ("passed through", PassThrough::text),
            PassThrough::ALL,
            &self.by_reason.passed_through,
        );
        let unshared = named(("unshared", Unshared::text), Unshared::ALL, &self.by_reason.unshared);
        let unkept = named(("unkept", Unkept::text), Unkept::ALL, &self.by_reason.unkept);
        passed.chain(unshared).chain(unkept)
    }
}

fn count_of<R: PartialEq>(counts: &[u64], all: &[R], reason: R) -> u64 {
    let index = all.iter().position(|one| *one == reason);
    index.and_then(|index| counts.get(index)).copied().unwrap_or(0)
}

fn named<R: Copy>(
    (kind, text): (&'static str, fn(R) -> &'static str),
    all: &'static [R],
    counts: &[u64],
) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
    let counted = all.iter().zip(counts);
    counted.map(move |(reason, count)| (kind, text(*reason), *count))
}

/// Shows one line for a log: the counters, and each reason with a count above zero.
///
/// # Examples
///
/// ```
/// let line = coalescer_http::LayerStats::default().to_string();
/// assert!(line.starts_with("0 requests, 0 passed through; 0 calls, 0 executed"));
/// ```
impl fmt::Display for LayerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total_requests();
        write!(f, "{total} requests, {} passed through; {}", self.passed_through, self.flights)?;
        if self.flights.shared > 0 {
            write!(f, "; {} from other processes", self.flights.shared)?;
        }
        if self.stale > 0 || self.revalidations > 0 {
            let Self { stale, revalidations, revalidation_failures, .. } = self;
            write!(
                f,
                "; {stale} stale, {revalidations} revalidations ({revalidation_failures} failed)"
            )?;
        }
        if self.only_if_cached > 0 {
            let Self { only_if_cached, not_cached, .. } = self;
            write!(f, "; {only_if_cached} only if cached ({not_cached} not cached)")?;
        }
        if self.purges > 0 {
            write!(f, "; {} purges", self.purges)?;
        }
        for (kind, reason, count) in self.reasons() {
            write!(f, "; {kind} for {reason}: {count}")?;
        }
        Ok(())
    }
}

/// Serializes the fields, and a map `reasons` with each count above zero.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for LayerStats {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let reasons =
            self.reasons().map(|(kind, reason, count)| (format!("{kind}: {reason}"), count));
        let reasons: std::collections::BTreeMap<_, _> = reasons.collect();
        let mut fields = to.serialize_struct("LayerStats", 14)?;
        fields.serialize_field("total_requests", &self.total_requests())?;
        fields.serialize_field("passed_through", &self.passed_through)?;
        fields.serialize_field("unshared", &self.unshared)?;
        fields.serialize_field("unkept", &self.unkept)?;
        fields.serialize_field("stale", &self.stale)?;
        fields.serialize_field("revalidations", &self.revalidations)?;
        fields.serialize_field("revalidation_failures", &self.revalidation_failures)?;
        fields.serialize_field("alone", &self.alone)?;
        fields.serialize_field("refused", &self.refused)?;
        fields.serialize_field("only_if_cached", &self.only_if_cached)?;
        fields.serialize_field("not_cached", &self.not_cached)?;
        fields.serialize_field("purges", &self.purges)?;
        fields.serialize_field("flights", &self.flights)?;
        fields.serialize_field("reasons", &reasons)?;
        fields.end()
    }
}

/// The live counters of a layer.
#[derive(Debug)]
pub(crate) struct Counters {
    by_reason: ByReason<Box<[AtomicU64]>>,
    stale: AtomicU64,
    revalidations: AtomicU64,
    revalidation_failures: AtomicU64,
    alone: AtomicU64,
    refused: AtomicU64,
    only_if_cached: AtomicU64,
    not_cached: AtomicU64,
    purges: AtomicU64,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let by_reason = ByReason {
            passed_through: zeros(PassThrough::ALL),
            unshared: zeros(Unshared::ALL),
            unkept: zeros(Unkept::ALL),
        };
        let [stale, revalidations, revalidation_failures, alone, refused] =
            [0; 5].map(AtomicU64::new);
        let [only_if_cached, not_cached, purges] = [0; 3].map(AtomicU64::new);
        Self {
            by_reason,
            stale,
            revalidations,
            revalidation_failures,
            alone,
            refused,
            only_if_cached,
            not_cached,
            purges,
        }
    }

    pub(crate) fn count_stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_revalidation(&self) {
        self.revalidations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed_revalidation(&self) {
        self.revalidation_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_alone(&self) {
        self.alone.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_only_if_cached(&self, is_cached: bool) {
        self.only_if_cached.fetch_add(1, Ordering::Relaxed);
        self.not_cached.fetch_add(u64::from(!is_cached), Ordering::Relaxed);
    }

    pub(crate) fn count_purge(&self) {
        self.purges.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_passed_through(&self, reason: PassThrough) {
        count(&self.by_reason.passed_through, PassThrough::ALL, reason);
    }

    pub(crate) fn count_response(&self, verdict: ResponseVerdict) {
        match verdict {
            ResponseVerdict::Unshared(reason) => {
                count(&self.by_reason.unshared, Unshared::ALL, reason)
            }
            ResponseVerdict::Unkept(reason) => count(&self.by_reason.unkept, Unkept::ALL, reason),
            ResponseVerdict::KeptFor(_) | ResponseVerdict::Kept => {}
        }
    }

    pub(crate) fn snapshot(&self, flights: Stats) -> LayerStats {
        let by_reason = ByReason {
            passed_through: read(&self.by_reason.passed_through),
            unshared: read(&self.by_reason.unshared),
            unkept: read(&self.by_reason.unkept),
        };
        LayerStats {
            passed_through: by_reason.passed_through.iter().sum(),
            unshared: by_reason.unshared.iter().sum(),
            unkept: by_reason.unkept.iter().sum(),
            stale: self.stale.load(Ordering::Relaxed),
            // Before those that began: a snapshot shows no more failures than revalidations.
            revalidation_failures: self.revalidation_failures.load(Ordering::Relaxed),
            revalidations: self.revalidations.load(Ordering::Relaxed),
            alone: self.alone.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            // Before those with the directive, as above.
            not_cached: self.not_cached.load(Ordering::Relaxed),
            only_if_cached: self.only_if_cached.load(Ordering::Relaxed),
            purges: self.purges.load(Ordering::Relaxed),
            flights,
            by_reason,
        }
    }
}

fn zeros<R>(all: &[R]) -> Box<[AtomicU64]> {
    all.iter().map(|_| AtomicU64::new(0)).collect()
}

fn count<R: PartialEq>(counters: &[AtomicU64], all: &[R], reason: R) {
    if let Some(index) = all.iter().position(|one| *one == reason) {
        counters[index].fetch_add(1, Ordering::Relaxed);
    }
}

fn read(counters: &[AtomicU64]) -> Vec<u64> {
    counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect()
}

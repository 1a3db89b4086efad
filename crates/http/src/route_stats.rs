//! [`RouteStats`]: the counters of one route.

use crate::served::Served;
use crate::served_role::{ServedReason, ServedRole};

/// A snapshot of the counters of one route; from
/// [`Coalesced::stats_by_route`](crate::Coalesced::stats_by_route).
///
/// Each request that has ended is in one of the other counters, by its [`ServedRole`]; `unshared` is a part of `leaders` and
/// `revalidations`.
///
/// # Examples
///
/// See [`CoalesceLayer::route_by`](crate::CoalesceLayer::route_by).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteStats {
    /// The name of the route, or `other`.
    pub route: String,
    /// All requests, also those that have no answer yet.
    pub requests: u64,
    /// Requests that were passed through.
    pub passed_through: u64,
    /// Requests that ran the handler for others too.
    pub leaders: u64,
    /// Requests that waited for the run of another one.
    pub followers: u64,
    /// Requests that got a page from a window.
    pub hits: u64,
    /// Requests that got a page past its lifetime.
    pub stale: u64,
    /// Requests that made a page anew.
    pub revalidations: u64,
    /// Requests that ran the handler after a wait in vain.
    pub alone: u64,
    /// Requests that got no page, and a response of the layer.
    pub refused: u64,
    /// Responses that only their own request got, of leaders and revalidations.
    pub unshared: u64,
    /// Requests that got an error of the handler.
    pub failed: u64,
    /// PURGE requests that the layer answered.
    pub purges: u64,
    /// Requests that have ended without an answer: the handler, or a function of the layer, panicked. With hooks and
    /// with tower also those whose guard or future was dropped.
    pub unanswered: u64,
}

/// The end of a request, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    PassedThrough,
    Led,
    LedUnshared,
    Followed,
    Hit,
    Stale,
    Renewed,
    RenewedUnshared,
    Alone,
    Refused,
    Failed,
    Purged,
    Unanswered,
}

impl Visit {
    pub(crate) const ALL: [Self; 13] = [
        Self::PassedThrough,
        Self::Led,
        Self::LedUnshared,
        Self::Followed,
        Self::Hit,
        Self::Stale,
        Self::Renewed,
        Self::RenewedUnshared,
        Self::Alone,
        Self::Refused,
        Self::Failed,
        Self::Purged,
        Self::Unanswered,
    ];

    pub(crate) fn of(served: &Served) -> Self {
        let is_unshared = matches!(served.reason(), Some(ServedReason::Unshared(_)));
        match served.role() {
            ServedRole::PassedThrough => Self::PassedThrough,
            ServedRole::Leader if is_unshared => Self::LedUnshared,
            ServedRole::Leader => Self::Led,
            ServedRole::Follower => Self::Followed,
            ServedRole::Hit => Self::Hit,
            ServedRole::Stale => Self::Stale,
            ServedRole::Revalidation if is_unshared => Self::RenewedUnshared,
            ServedRole::Revalidation => Self::Renewed,
            ServedRole::Alone => Self::Alone,
            ServedRole::Refused => Self::Refused,
            ServedRole::Purge => Self::Purged,
        }
    }
}

impl RouteStats {
    /// The counters have the order of `Visit::ALL`.
    pub(crate) fn new(route: &str, requests: u64, counts: [u64; Visit::ALL.len()]) -> Self {
        let [
            passed_through,
            led,
            led_unshared,
            followers,
            hits,
            stale,
            renewed,
            renewed_unshared,
            alone,
            refused,
            failed,
            purges,
            unanswered,
        ] = counts;
        Self {
            route: route.to_owned(),
            requests,
            passed_through,
            leaders: led + led_unshared,
            followers,
            hits,
            stale,
            revalidations: renewed + renewed_unshared,
            alone,
            refused,
            unshared: led_unshared + renewed_unshared,
            failed,
            purges,
            unanswered,
        }
    }

    /// The names and values of the counters.
    #[cfg(any(feature = "serde", feature = "metrics"))]
    pub(crate) fn counters(&self) -> [(&'static str, u64); 13] {
        [
            ("requests", self.requests),
            ("passed_through", self.passed_through),
            ("leaders", self.leaders),
            ("followers", self.followers),
            ("hits", self.hits),
            ("stale", self.stale),
            ("revalidations", self.revalidations),
            ("alone", self.alone),
            ("refused", self.refused),
            ("unshared", self.unshared),
            ("failed", self.failed),
            ("purges", self.purges),
            ("unanswered", self.unanswered),
        ]
    }
}

#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for RouteStats {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let counters = self.counters();
        let mut fields = to.serialize_struct("RouteStats", 1 + counters.len())?;
        fields.serialize_field("route", &self.route)?;
        for (name, count) in counters {
            fields.serialize_field(name, &count)?;
        }
        fields.end()
    }
}

//! [`ForgottenTags`]: the tags that were forgotten lately, for pages whose runs had begun before.
//!
//! ```text
//! number of forgotten tags   0   1      2        3
//!                            │ a run    │ forget │
//!                            │ begins   │ "p7"   │ a request arrives ─▶ follows the run ─▶ its page has "p7": it asks again
//! ```
//!
//! A run does not know its tags before its response. So it notes how many tags have been forgotten when it begins, and a
//! request when it arrives. The page is not for the request if it has one of the tags between the two numbers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use crate::tags::{self, Tag};

/// The number of tags that are known. A run that was overtaken by more is made anew.
const MOST: usize = 1024;

/// The tags that were forgotten lately.
#[derive(Debug, Default)]
pub(crate) struct ForgottenTags {
    /// How many there have been.
    count: AtomicU64,
    /// The last ones, the oldest first.
    last: Mutex<VecDeque<Tag>>,
}

/// The number of tags that had been forgotten at some time.
pub(crate) type Moment = u64;

/// Up to which moment a page is known to have none of the tags that were forgotten since its run began.
#[derive(Debug)]
pub(crate) struct Checked(AtomicU64);

impl Checked {
    pub(crate) fn since(began: Moment) -> Self {
        Self(AtomicU64::new(began))
    }

    /// Returns `true` if a tag of a page with these fields was forgotten after its run began and up to a moment.
    pub(crate) fn is_forgotten(
        &self,
        headers: &HeaderMap,
        forgotten: &ForgottenTags,
        by: Moment,
    ) -> bool {
        // A number that is out of date costs another look.
        let after = self.0.load(Ordering::Relaxed);
        if by <= after {
            return false;
        }
        let is_forgotten = forgotten.between(after, by).is_none_or(|tags| has_any(headers, &tags));
        if !is_forgotten {
            self.0.fetch_max(by, Ordering::Relaxed);
        }
        is_forgotten
    }
}

/// Returns `true` if a page that was made with tags, and has these fields, has one of some tags. If the fields of its
/// tags are not among them, it may have any.
pub(crate) fn has_any(headers: &HeaderMap, tags: &[Tag]) -> bool {
    !tags::has_fields(headers) || tags::has_any(headers, tags)
}

impl ForgottenTags {
    /// A request that arrives after [`add`](Self::add) sees a later moment, and a run that sees it has begun after.
    pub(crate) fn now(&self) -> Moment {
        self.count.load(Ordering::Acquire)
    }

    pub(crate) fn add(&self, tags: &[Tag]) {
        let mut last = self.last();
        last.extend(tags.iter().cloned());
        let excess = last.len().saturating_sub(MOST);
        last.drain(..excess);
        self.count.fetch_add(tags.len() as u64, Ordering::Release);
    }

    /// The tags that were forgotten after one moment and up to another. `None` if they are too many.
    fn between(&self, after: Moment, by: Moment) -> Option<Vec<Tag>> {
        let last = self.last();
        let first = self.count.load(Ordering::Relaxed) - last.len() as u64;
        let skipped = usize::try_from(after.checked_sub(first)?).ok()?;
        let count = usize::try_from(by - after).ok()?;
        Some(last.iter().skip(skipped).take(count).cloned().collect())
    }

    fn last(&self) -> MutexGuard<'_, VecDeque<Tag>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    fn add(forgotten: &ForgottenTags, tags: &[&str]) -> Moment {
        forgotten.add(&tags::of_user(tags));
        forgotten.now()
    }

    fn page() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append("surrogate-key", "a b".parse().unwrap());
        headers
    }

    /// H48
    #[test]
    fn a_page_is_forgotten_by_its_tags_between_its_run_and_the_request() {
        let forgotten = ForgottenTags::default();
        let before = add(&forgotten, &["a"]);
        let checked = Checked::since(before);
        assert!(!checked.is_forgotten(&page(), &forgotten, before), "its run began later");
        let other = add(&forgotten, &["x", "y"]);
        let own = add(&forgotten, &["z", "B"]);
        assert!(!checked.is_forgotten(&page(), &forgotten, other));
        assert!(checked.is_forgotten(&page(), &forgotten, own));
        assert!(!checked.is_forgotten(&page(), &forgotten, other), "a request that came before");
        assert!(checked.is_forgotten(&page(), &forgotten, add(&forgotten, &["x"])), "still");
    }

    /// H48: a page whose tags were taken out of its fields may have any.
    #[test]
    fn a_page_without_the_fields_of_its_tags_is_forgotten_by_any() {
        let forgotten = ForgottenTags::default();
        let now = add(&forgotten, &["x"]);
        assert!(Checked::since(0).is_forgotten(&HeaderMap::new(), &forgotten, now));
        assert!(!Checked::since(now).is_forgotten(&HeaderMap::new(), &forgotten, now));
    }

    /// H48: the number of tags that are known is bounded.
    #[test]
    fn a_page_is_forgotten_if_too_many_tags_were_forgotten_since() {
        let forgotten = ForgottenTags::default();
        let [early, checked] = [(); 2].map(|()| Checked::since(0));
        let many: Vec<_> = (0..MOST).map(|number| format!("x{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let now = add(&forgotten, &many);
        assert!(!checked.is_forgotten(&page(), &forgotten, now));
        let now = add(&forgotten, &["x"]);
        assert!(!checked.is_forgotten(&page(), &forgotten, now), "it was looked at meanwhile");
        assert!(early.is_forgotten(&page(), &forgotten, now));
        let now = add(&forgotten, &[&many[..], &["x"]].concat());
        assert!(checked.is_forgotten(&page(), &forgotten, now));
        assert_eq!(forgotten.last().len(), MOST);
    }
}

//! How a builder makes a [`Batcher`].

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Weak};

use crate::batcher::{Batcher, Plan, SharedLoad};
use crate::build::WithErrorRule;
use crate::builder::Builder;
use crate::core::Core;
use crate::execute_many::answer_pairs;
use crate::group::Group;
use crate::many::batch::Batch;
use crate::many::batching::Batching;
use crate::many::collector::Collector;
use crate::max_batch::ForBatcher;
use crate::refresh::Background;
use crate::share::{ErrorSharing, ShareRule};

// Without `shared`: a call of many keys would wait for other processes while it leads (D200).
impl<K, V, S: BuildHasher> Builder<ForBatcher, K, V, S> {
    /// Makes the batcher of `load`.
    ///
    /// `load` gets the keys to ask for, each once. It returns pairs of key and value, in any order. A key without a
    /// pair gets [`Missing`](crate::Error::Missing), and a pair for another key is dropped. An error is the error of
    /// every key. [`build_with`](Self::build_with) takes a function that answers each key by itself.
    ///
    /// A builder with [`shared`](Self::shared) makes no batcher.
    ///
    /// # Panics
    ///
    /// If the time of [`gather_while_busy`](Self::gather_while_busy) or [`gather_for`](Self::gather_for) is not shorter than
    /// [`leader_timeout`](Self::leader_timeout), or if [`refresh_after`](Self::refresh_after) is not shorter than the window.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build<E, F, I>(self, load: F) -> Batcher<K, V, E, S>
    where
        K: Clone + Hash + Eq,
        F: Fn(&[K]) -> Result<I, E> + Send + Sync + 'static,
        I: IntoIterator<Item = (K, V)>,
    {
        self.batcher(None, of_pairs(load), |_| None)
    }

    /// Makes the batcher of `load`, which answers each key by itself; see [`Batch`].
    ///
    /// # Examples
    ///
    /// Rows that are absent are kept as `None`, and do not count as errors:
    ///
    /// ```
    /// use coalescer::{Batch, Batcher};
    ///
    /// # fn select_any(ids: &[i64]) -> Result<Vec<(i64, String)>, String> {
    /// #     Ok(ids.iter().filter(|id| **id > 0).map(|id| (*id, format!("user {id}"))).collect())
    /// # }
    /// let users = Batcher::builder().build_with(|batch: &mut Batch<'_, i64, Option<String>, String>| {
    ///     for (id, name) in select_any(batch.keys())? {
    ///         batch.answer(&id, Ok(Some(name)));
    ///     }
    ///     batch.answer_rest(|_| Ok(None));
    ///     Ok(())
    /// });
    /// assert!(users.execute(&-1).unwrap().is_none());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_with<E, F>(self, load: F) -> Batcher<K, V, E, S>
    where
        F: Fn(&mut Batch<'_, K, V, E>) -> Result<(), E> + Send + Sync + 'static,
    {
        self.batcher(None, Arc::new(load), |_| None)
    }
}

impl<K, V, E: 'static, S: BuildHasher> Builder<WithErrorRule<ForBatcher, E>, K, V, S> {
    /// Makes the batcher of `load`, whose errors have the type of the rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Batcher, ShareWith};
    ///
    /// let squares = Batcher::builder()
    ///     .share_error_with(|_: &String| ShareWith::Followers)
    ///     .build(|ns: &[u64]| Ok(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build<F, I>(self, load: F) -> Batcher<K, V, E, S>
    where
        K: Clone + Hash + Eq,
        F: Fn(&[K]) -> Result<I, E> + Send + Sync + 'static,
        I: IntoIterator<Item = (K, V)>,
    {
        let rule = self.error_sharing.as_ref().and_then(ErrorSharing::rule);
        self.batcher(rule, of_pairs(load), |_| None)
    }

    /// Makes the batcher of `load`, which answers each key by itself, and whose errors have the type of the rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Batch, Batcher, ShareWith};
    ///
    /// let squares = Batcher::builder()
    ///     .share_error_with(|_: &String| ShareWith::Followers)
    ///     .build_with(|batch: &mut Batch<'_, u64, u64, String>| {
    ///         batch.answer_rest(|n| n.checked_mul(*n).ok_or(format!("{n} is too large")));
    ///         Ok(())
    ///     });
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn build_with<F>(self, load: F) -> Batcher<K, V, E, S>
    where
        F: Fn(&mut Batch<'_, K, V, E>) -> Result<(), E> + Send + Sync + 'static,
    {
        let rule = self.error_sharing.as_ref().and_then(ErrorSharing::rule);
        self.batcher(rule, Arc::new(load), |_| None)
    }
}

impl<T, K, V, S: BuildHasher> Builder<T, K, V, S> {
    #[track_caller]
    pub(crate) fn batcher<E>(
        self,
        error_rule: Option<Arc<ShareRule<E>>>,
        load: Arc<SharedLoad<K, V, E>>,
        background: impl FnOnce(&Weak<Core<K, V, E, S>>) -> Option<Background<K, V, E>>,
    ) -> Batcher<K, V, E, S> {
        let batching = self.batching;
        batching.assert_that_it_fits(self.settings.leader_timeout);
        let Batching { max_batch, gathers } = batching;
        let collector = gathers.map(|gathers| Collector::new(gathers, max_batch));
        let group = Group::from_core(self.into_core_with(error_rule, false, background));
        Batcher::from_parts(group, Plan { load, max_batch, collector })
    }
}

/// A function that returns pairs, as one that answers a batch.
pub(crate) fn of_pairs<K, V, E, F, I>(load: F) -> Arc<SharedLoad<K, V, E>>
where
    K: Clone + Hash + Eq,
    F: Fn(&[K]) -> Result<I, E> + Send + Sync + 'static,
    I: IntoIterator<Item = (K, V)>,
{
    Arc::new(move |batch: &mut Batch<'_, K, V, E>| answer_pairs(batch, &load))
}

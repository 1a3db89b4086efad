//! `execute_many` of a group: the values of many keys, of which one run asks for those that nobody has.

use std::hash::{BuildHasher, Hash};

use crate::core::{Core, Want};
use crate::group::Group;
use crate::key::ToKey;
use crate::many::batch::Batch;
use crate::many::call::{LoadMany, Many};
use crate::many::collector::Collector;
use crate::many::part::OfKey;

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    /// Returns the values for these keys: from the window, from running executions, or by one run of `f` for
    /// all the others.
    ///
    /// `f` gets the keys that nobody has: each once, in the order given. It returns pairs of key and value, in
    /// any order. So it can be one query, with `WHERE id = ANY($1)`. It runs on this thread before the call waits
    /// for anybody. It runs again only if the call takes over from a stuck leader
    /// ([`leader_timeout`](crate::Settings::leader_timeout)), or if an outcome cannot be shared
    /// ([`share_if`](crate::Builder::share_if)); so it is an `FnMut`.
    ///
    /// There is one answer for each key given, in the order given. Equal keys get the same `Arc`. Each distinct key
    /// is one call in the counters, and [`Stats::batches`](crate::Stats::batches) counts the runs. `collect` makes
    /// one result of all answers, see below.
    ///
    /// While the call waits, it leads none of its keys. So calls with the same keys in any order never wait for each
    /// other in a circle, and need no order.
    ///
    /// # Errors
    ///
    /// Each key has its own: those of [`Coalescer::execute`](crate::Coalescer::execute), and
    /// [`Missing`](crate::Error::Missing) if `f` returned no pair for it. An error of `f` is the error of every key
    /// that was asked for. [`execute_many_with`](Self::execute_many_with) gives each key an error of its own.
    ///
    /// # Panics
    ///
    /// A panic of `f` unwinds through this call, and the followers of its keys get
    /// [`LeaderPanicked`](crate::Error::LeaderPanicked). Panics of the iterator and of the keys' `Hash`, `Eq`, `Clone` and
    /// [`ToKey`] pass through. The call panics if the group shares with other processes
    /// ([`shared`](crate::Builder::shared)): it would wait for them while it leads.
    ///
    /// # Deadlocks
    ///
    /// `f` may call this group with other keys. A key that this thread leads already gets
    /// [`WouldDeadlock`](crate::Error::WouldDeadlock), and the other keys go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use coalescer::{Error, Group};
    ///
    /// # struct Db;
    /// # impl Db {
    /// #     fn select(&self, ids: &[u64]) -> Result<Vec<(u64, String)>, String> {
    /// #         Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect())
    /// #     }
    /// # }
    /// # let db = Db;
    /// let group: Group<u64, String, String> = Group::new();
    /// let users = group.execute_many(&[3, 1, 3], |ids| db.select(ids)); // asks for [3, 1]
    /// let users: Vec<Arc<String>> = users.into_iter().collect::<Result<_, _>>()?;
    /// assert_eq!(*users[2], "user 3");
    /// assert_eq!(group.stats().batches, 1);
    /// # Ok::<(), Error<String>>(())
    /// ```
    #[doc(alias = "load_many")]
    #[doc(alias = "get_many")]
    #[doc(alias = "loadAll")]
    #[track_caller]
    pub fn execute_many<'q, Q, I, F, A>(&self, keys: I, mut f: F) -> Vec<OfKey<V, E>>
    where
        K: Clone + Hash + Eq,
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
        F: FnMut(&[K]) -> Result<A, E>,
        A: IntoIterator<Item = (K, V)>,
    {
        let mut load = |batch: &mut Batch<'_, K, V, E>| answer_pairs(batch, &mut f);
        self.answer_many(keys, Want::MANY, (usize::MAX, None), &mut load)
    }

    /// Like [`execute_many`](Self::execute_many), with a function that answers each key by itself.
    ///
    /// A [`Batch`] publishes each answer at once, gives each key an error of its own, and tells which keys are absent.
    ///
    /// # Errors
    ///
    /// As [`execute_many`](Self::execute_many). An error that `f` returns is for the keys that have no answer.
    ///
    /// # Panics
    ///
    /// As [`execute_many`](Self::execute_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, String> = Group::new();
    /// let halves = group.execute_many_with(&[4, 7], |batch| {
    ///     batch.answer_rest(|n| match n % 2 {
    ///         0 => Ok(n / 2),
    ///         _ => Err(format!("{n} is odd")),
    ///     });
    ///     Ok(())
    /// });
    /// assert!(halves[0].is_ok() && halves[1].is_err());
    /// ```
    #[track_caller]
    pub fn execute_many_with<'q, Q, I, F>(&self, keys: I, mut f: F) -> Vec<OfKey<V, E>>
    where
        K: Clone,
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
        F: FnMut(&mut Batch<'_, K, V, E>) -> Result<(), E>,
    {
        self.answer_many(keys, Want::MANY, (usize::MAX, None), &mut f)
    }

    #[track_caller]
    pub(crate) fn answer_many<'q, Q, I>(
        &self,
        keys: I,
        want: Want,
        (max_batch, collector): (usize, Option<&Collector<K, V, E>>),
        load: &mut LoadMany<'_, K, V, E>,
    ) -> Vec<OfKey<V, E>>
    where
        K: Clone,
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        assert!(
            self.core.sharing.tier.is_none(),
            "execute_many: the group shares with other processes, for which this call would wait while it leads; \
             call execute for each key, or use a group without `shared`"
        );
        self.many(want, (max_batch, collector)).answer(keys, |key| self.core.hash(key), load)
    }

    /// A call of many keys that begins now.
    pub(crate) fn many<'t>(
        &'t self,
        want: Want,
        (max_batch, collector): (usize, Option<&'t Collector<K, V, E>>),
    ) -> Many<'t, K, V, E> {
        let Core { table, sharing, .. } = &*self.core;
        let (rules, entry) = (&sharing.rules, table.clock.coarse_now());
        let deadline = want.patience.deadline(&table.clock, entry, table.rules.max_wait);
        let Want { max_age, mode, .. } = want;
        let background = sharing.together();
        Many { table, rules, entry, max_age, mode, deadline, max_batch, collector, background }
    }
}

/// Answers a batch with pairs of key and value.
pub(crate) fn answer_pairs<K, V, E, A>(
    batch: &mut Batch<'_, K, V, E>,
    load: impl FnOnce(&[K]) -> Result<A, E>,
) -> Result<(), E>
where
    K: Clone + Hash + Eq,
    A: IntoIterator<Item = (K, V)>,
{
    for (key, value) in load(batch.keys())? {
        batch.answer(&key, Ok(value));
    }
    Ok(())
}

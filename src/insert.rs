//! `insert`: the value of a key, from a caller that has just written it.

use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::coalescer::Coalescer;
use crate::engine::completion::{Completion, RunResult};
use crate::engine::insert::Insertion;
use crate::engine::reach::Reach;
use crate::group::Group;
use crate::key::ToKey;
use crate::sync::Handle;
use crate::wait::contain::drop_contained;

impl<K, V, E, S: BuildHasher> Coalescer<K, V, E, S> {
    /// Keeps this value for the key, as if an execution that started now had returned it, and returns it
    /// shared.
    ///
    /// It replaces the result that is kept for the key. A call that starts after `insert` has returned never
    /// gets the outcome of an execution that started before `insert`, as after [`forget`](Self::forget). No
    /// such outcome is retained. Calls that already wait still get theirs. The window counts from the
    /// beginning of `insert`. A zero window keeps nothing. `insert` is no call in the counters. It takes one
    /// place of [`max_requests`](crate::Builder::max_requests), as a leader does.
    ///
    /// **Write-through.** Commit the write, then insert. This is only for writers of a key that take turns,
    /// each from before its write until after its `insert`. If two writers overlap, the one that wrote first
    /// may insert last, and its old value is served for a window. Such writers use `forget` after the write,
    /// in whatever order.
    ///
    /// The rule of [`share_if`](crate::Builder::share_if) or [`share_with`](crate::Builder::share_with)
    /// decides as for any value: one that is not for late calls is not kept. With
    /// [`shared`](crate::Builder::shared) and other processes, `insert` is a [`forget`](Self::forget): it keeps
    /// nothing, as a copy that the other processes did not see published could not be taken back.
    ///
    /// It blocks for a few steps of another thread, and with other processes as long as `forget`. It waits
    /// for no execution and cannot deadlock. The function itself may insert its own key.
    ///
    /// # Panics
    ///
    /// Panics of the key's `Hash`, `Eq` and [`ToKey`] pass through, and the value is not kept then. A panic of
    /// the rule passes through, and the key is forgotten then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Coalescer;
    ///
    /// # fn update(_id: u64, _name: &str) {}
    /// let users = Coalescer::builder()
    ///     .window(Duration::from_secs(60))
    ///     .build(|id: &u64| Ok::<String, ()>(format!("user {id}")));
    /// users.execute(&7).unwrap();
    ///
    /// update(7, "ada"); // commits
    /// users.insert(&7, "ada".to_string());
    /// assert_eq!(*users.execute(&7).unwrap(), "ada");
    /// assert_eq!(users.stats().executed_requests, 1);
    /// ```
    #[doc(alias = "set")]
    #[doc(alias = "put")]
    #[doc(alias = "prime")]
    pub fn insert<Q>(&self, key: &Q, value: V) -> Handle<V>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.insert(key, value)
    }
}

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    /// As [`Coalescer::insert`].
    ///
    /// # Panics
    ///
    /// As [`Coalescer::insert`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// group.insert("price", 10);
    /// assert_eq!(*group.execute("price", || unreachable!("it is kept")).unwrap(), 10);
    /// ```
    #[doc(alias = "set")]
    #[doc(alias = "put")]
    pub fn insert<Q>(&self, key: &Q, value: V) -> Handle<V>
    where
        Q: ?Sized + ToKey<K>,
    {
        let (table, sharing) = (&self.core.table, &self.core.sharing);
        if sharing.tier.is_some() {
            // A value that the engine has not seen published is not kept. A flight that asks now may get one that
            // is forgotten, so it goes too, though it began after the insert.
            self.forget(key);
            return Handle::new(value);
        }
        let start = table.clock.now();
        let hash = self.core.hash(key);
        let owned = key.to_key();
        let rule = || Reach::from(sharing.rules.of_value(&value));
        let reach = catch_unwind(AssertUnwindSafe(rule));
        let value = Handle::new(value);
        let mut completion = Completion::new(RunResult::Value(Handle::clone(&value)), start);
        completion.reach = *reach.as_ref().unwrap_or(&Reach::NOBODY);
        table.insert(&Insertion { key, hash, completion: &completion }, owned);
        if let Err(panic) = reach {
            // The write is committed, so the old value is gone in any case.
            drop_contained((completion, value));
            resume_unwind(panic);
        }
        value
    }
}

//! Forgetting: what was computed before is served no more, here and in the other processes.

use std::hash::BuildHasher;

use crate::coalescer::Coalescer;
use crate::group::Group;
use crate::key::ToKey;
use crate::shared::Unreached;

impl<K, V, E, S: BuildHasher> Coalescer<K, V, E, S> {
    /// Removes the flight or the result of this key, and returns whether there was one.
    ///
    /// A call that starts after `forget` has returned never gets the outcome of an execution that started
    /// before `forget`. No such outcome is retained. So commit a write first, then forget. Calls that
    /// already wait still get their outcome. `forget` never waits for a function. The function itself may
    /// forget its own key.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// assert!(squares.forget(&7));
    /// assert!(!squares.forget(&7));
    /// ```
    #[doc(alias = "invalidate")]
    #[doc(alias = "remove")]
    #[doc(alias = "evict")]
    pub fn forget<Q>(&self, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.forget(key)
    }

    /// Forgets every key, and returns for how many of them there was a flight or a result.
    ///
    /// All keys are forgotten before the first value is dropped. If the destructor of a value panics,
    /// the others are dropped first, and then the panic goes on.
    ///
    /// A child process after `fork` has the flights of its parent and none of its threads, so calls on
    /// these keys would wait for ever. Call this method first there.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// assert_eq!(squares.forget_all(), 1);
    /// ```
    #[doc(alias = "clear")]
    #[doc(alias = "invalidate_all")]
    pub fn forget_all(&self) -> usize {
        self.group.forget_all()
    }

    /// Forgets the key in all processes, and says if somebody was not reached; see
    /// [`Group::forget_everywhere`].
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve an old result for a while; it says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// assert_eq!(squares.forget_everywhere(&7), Ok(true));
    /// ```
    pub fn forget_everywhere<Q>(&self, key: &Q) -> Result<bool, Unreached>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.forget_everywhere(key)
    }

    /// Forgets every key in all processes; see [`Group::forget_all_everywhere`].
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve old results for a while; it says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// assert_eq!(squares.forget_all_everywhere(), Ok(1));
    /// ```
    pub fn forget_all_everywhere(&self) -> Result<usize, Unreached> {
        self.group.forget_all_everywhere()
    }
}

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    /// As [`Coalescer::forget`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// group.execute("price", || Ok(10)).unwrap();
    /// assert!(group.forget("price"));
    /// assert_eq!(*group.execute("price", || Ok(12)).unwrap(), 12);
    /// assert!(!group.forget("never asked"));
    /// ```
    #[doc(alias = "invalidate")]
    #[doc(alias = "remove")]
    pub fn forget<Q>(&self, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        let (here, elsewhere) = self.forget_in_all(key);
        here | elsewhere.unwrap_or(false)
    }

    /// As [`Coalescer::forget_all`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<u32, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// for key in 0..3 {
    ///     group.execute(&key, || Ok(key)).unwrap();
    /// }
    /// assert_eq!(group.forget_all(), 3);
    /// ```
    #[doc(alias = "clear")]
    pub fn forget_all(&self) -> usize {
        self.forget_all_in_all().0
    }

    /// Forgets the key in all processes, and says if somebody was not reached. Without
    /// [`shared`](crate::Builder::shared) it does the same as [`forget`](Self::forget) and never fails.
    ///
    /// When it returns `Ok`, every process that runs the function, waits for it, or may have a copy has
    /// forgotten the key. It blocks as long as the tier waits for their answers. In any case this
    /// process has forgotten the key.
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve an old result for a while; it says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::new();
    /// assert_eq!(group.forget_everywhere(&1), Ok(false));
    /// ```
    pub fn forget_everywhere<Q>(&self, key: &Q) -> Result<bool, Unreached>
    where
        Q: ?Sized + ToKey<K>,
    {
        let (here, elsewhere) = self.forget_in_all(key);
        elsewhere.map(|there| here | there)
    }

    /// Forgets every key in all processes, and says if somebody was not reached; see
    /// [`forget_everywhere`](Self::forget_everywhere). Returns for how many keys this process had
    /// something.
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve old results for a while; it says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::new();
    /// assert_eq!(group.forget_all_everywhere(), Ok(0));
    /// ```
    pub fn forget_all_everywhere(&self) -> Result<usize, Unreached> {
        let (here, elsewhere) = self.forget_all_in_all();
        elsewhere.map(|()| here)
    }

    /// Forgets the key here last: until the others have forgotten it, a call may get it from them.
    fn forget_in_all<Q>(&self, key: &Q) -> (bool, Result<bool, Unreached>)
    where
        Q: ?Sized + ToKey<K>,
    {
        let tier = self.core.sharing.tier.as_ref();
        let elsewhere = tier.map_or(Ok(false), |tier| tier.forget(&key.to_key()));
        (self.core.forget_here(key), elsewhere)
    }

    /// Does the same with every key.
    fn forget_all_in_all(&self) -> (usize, Result<(), Unreached>) {
        let tier = self.core.sharing.tier.as_ref();
        let elsewhere = tier.map_or(Ok(()), |tier| tier.forget_all());
        (self.core.table.forget_all(), elsewhere)
    }
}

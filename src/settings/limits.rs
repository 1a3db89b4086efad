//! The settings that bound how many executions of one key run, and how many calls wait for it.

use crate::settings::Settings;

impl Settings {
    /// Sets how many executions of one key may run at a time.
    ///
    /// Default: 2. It has an effect with [`leader_timeout`](Self::leader_timeout) and
    /// [`max_join_age`](Self::max_join_age), which start an execution beside another one. It bounds the
    /// executions of a key together: take-overs, flights beside one that is too old to join, and flights
    /// of fresh calls beside a stuck one. A job in a queue does not count before it begins, and an
    /// execution that has ended gives its place back. A call that finds no place waits.
    ///
    /// # Panics
    ///
    /// If `max` is zero: a flight always has its leader.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// coalescer::Settings::new().max_leaders(0); // a flight always has its first leader; use 1 ..
    /// ```
    #[track_caller]
    pub fn max_leaders(mut self, max: usize) -> Self {
        assert!(
            max > 0,
            "max_leaders(0): a flight always has its first leader; \
             use 1, or leave leader_timeout unset, to never take over"
        );
        self.max_leaders = max;
        self
    }

    /// Sets how many calls may wait for one key at a time. One call more gets
    /// [`Overloaded`](crate::Error::Overloaded) at once, without waiting, and counts as refused.
    ///
    /// Default: no limit. Set it to less than the number of your threads, so that one slow key cannot
    /// take all of them. It counts followers that wait on their threads and tickets of followers, for
    /// the running flight and for the one after it (`execute_fresh`, `max_age`, `max_join_age`). A
    /// leader does not count, and neither does a call that takes over. The limit holds for each key
    /// by itself.
    ///
    /// [`max_wait`](Self::max_wait) bounds how long a call waits, and
    /// [`max_requests`](Self::max_requests) starts one more execution; this setting refuses.
    ///
    /// # Panics
    ///
    /// If `max` is zero: use [`try_execute`](crate::Coalescer::try_execute) for calls that never wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Barrier;
    /// use coalescer::{Group, Settings};
    ///
    /// let settings = Settings::new().max_followers(1);
    /// let group: Group<u32, u32, ()> = Group::builder().settings(settings).build();
    /// let (started, finish) = (Barrier::new(2), Barrier::new(2));
    /// std::thread::scope(|s| {
    ///     s.spawn(|| group.execute(&1, || { started.wait(); finish.wait(); Ok(1) }));
    ///     started.wait();
    ///     let follower = s.spawn(|| group.execute(&1, || Ok(2)));
    ///     while group.in_flight()[0].followers == 0 {
    ///         std::thread::yield_now();
    ///     }
    ///     assert!(group.execute(&1, || Ok(3)).unwrap_err().is_overloaded());
    ///     finish.wait();
    ///     assert_eq!(*follower.join().unwrap().unwrap(), 1);
    /// });
    /// ```
    #[track_caller]
    pub fn max_followers(mut self, max: usize) -> Self {
        assert!(
            max > 0,
            "max_followers(0): no call could wait for another; call try_execute where a call must \
             not wait, or leave max_followers unset for no limit"
        );
        self.max_followers = Some(max);
        self
    }
}

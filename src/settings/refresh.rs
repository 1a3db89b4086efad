//! The setting that lets one call replace a value before its window is over.

use std::time::Duration;

use crate::settings::Settings;

impl Settings {
    /// Sets the age from which a kept value is refreshed while the window still serves it.
    ///
    /// Default: none; a value serves all calls until its window ends, and the next call then waits for the
    /// function. With this setting, the first call that finds a value of this age runs the function as a
    /// **refresh**. All others get the value at once, until the refresh has ended or the window is over. The
    /// window stays the bound on the age of what a call gets: a value that nobody refreshed in time is not
    /// served.
    ///
    /// The call that refreshes blocks for as long as the function runs, and gets the new value. With
    /// [`build_refreshing`](crate::Builder::build_refreshing) the executor runs the function, and no call
    /// waits; a [`Batcher`](crate::Batcher) gathers the keys for it. If the function fails, the call gets the old value. The next refresh of the key is then due
    /// this time after the start of the one that failed; after each further failure, twice as long as
    /// before, up to the window. A panic passes through as ever, and counts as a failure.
    ///
    /// In terms of RFC 5861, `max-age=60, stale-while-revalidate=30` is a window of 90 seconds that is
    /// refreshed after 60. Choose a time that leaves the function enough of the window. Where several
    /// processes would refresh at the same moment, give each of them another time.
    ///
    /// # Panics
    ///
    /// If the age is zero: every call would refresh. The builder panics if it is not shorter than the
    /// window.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, ManualClock, Role};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let squares = Coalescer::builder()
    ///     .window(90 * second)
    ///     .refresh_after(60 * second)
    ///     .clock(clock.clone())
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// clock.advance(59 * second);
    /// assert_eq!(squares.call(&7).outcome().unwrap().role, Role::Late);
    /// clock.advance(second);
    /// assert_eq!(squares.call(&7).outcome().unwrap().role, Role::Leader); // the refresh
    /// clock.advance(59 * second);
    /// assert_eq!(squares.call(&7).outcome().unwrap().role, Role::Late); // its value
    /// assert_eq!(squares.stats().refreshes, 1);
    /// ```
    #[doc(alias = "stale_while_revalidate")]
    #[doc(alias = "refresh_ahead")]
    #[doc(alias = "refreshAfterWrite")]
    #[track_caller]
    pub fn refresh_after(mut self, age: Duration) -> Self {
        assert!(
            !age.is_zero(),
            "refresh_after(0): every call would refresh; use a time that is shorter than the window, \
             or leave refresh_after unset"
        );
        self.refresh_after = Some(age);
        self
    }

    /// Panics if nobody would run the refreshes, or if none would fall due.
    #[track_caller]
    pub(crate) fn assert_that_it_can_refresh(&self) {
        assert!(
            self.executor.is_some(),
            "build_refreshing: there is no executor to run the refreshes; give the builder one, as in \
             `.executor(|job: Job| rayon::spawn(|| job.run()))`, or call build"
        );
        assert!(
            self.refresh_after.is_some(),
            "build_refreshing: no value would be refreshed; set refresh_after to a time that is shorter than \
             the window, or call build"
        );
    }

    /// Panics if the values are over before they are refreshed.
    #[track_caller]
    pub(crate) fn assert_that_refreshes_fit(&self) {
        let (Some(age), window) = (self.refresh_after, self.window) else { return };
        assert!(
            age < window,
            "refresh_after({age:?}): the window of {window:?} is over by then; use a shorter time, or a \
             longer window"
        );
    }
}

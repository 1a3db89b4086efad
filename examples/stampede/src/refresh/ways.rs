//! How to use refreshes: one function, and four answers to the question who waits for it. Copy this file.
//!
//! The executor needs no more than a thread with a queue. A thread pool of the program can be it too.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Builder, Coalescer, Executor, ForCoalescer, Job};

/// How a value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// When its window is over: all calls wait for the new one.
    Window,
    /// In its window: the call that refreshes it waits.
    RefreshAfter,
    /// In its window, by the executor: nobody waits.
    BuildRefreshing,
    /// Not at all. All calls are late hits, so this is the floor for the others.
    Endless,
}

impl Way {
    pub(super) const ALL: [Self; 4] =
        [Self::Window, Self::RefreshAfter, Self::BuildRefreshing, Self::Endless];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Window => "window alone",
            Self::RefreshAfter => "refresh_after",
            Self::BuildRefreshing => "build_refreshing",
            Self::Endless => "endless window",
        }
    }

    /// A coalescer whose values may be `window` old, and are refreshed at half of it.
    pub(super) fn build<V, E>(
        self,
        builder: Builder<ForCoalescer, u64, V>,
        window: Duration,
        load: impl Fn(&u64) -> Result<V, E> + Send + Sync + 'static,
    ) -> Coalescer<u64, V, E>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let builder = builder.window(window);
        match self {
            Self::Window => builder.build(load),
            Self::RefreshAfter => builder.refresh_after(refresh_after(window)).build(load),
            Self::BuildRefreshing => builder
                .refresh_after(refresh_after(window))
                .executor(one_thread())
                .build_refreshing(load),
            Self::Endless => builder.window(Duration::MAX).build(load),
        }
    }
}

/// The age at which a value is refreshed. The rest of the window is the time that its function has.
pub(super) fn refresh_after(window: Duration) -> Duration {
    window / 2
}

/// A thread that runs the jobs one after the other. It ends with the coalescer that has the queue.
fn one_thread() -> impl Executor + Send + Sync {
    let (queue, jobs) = channel::<Job>();
    thread::spawn(move || jobs.into_iter().for_each(Job::run));
    move |job: Job| queue.send(job)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender};
    use std::thread::JoinHandle;

    use coalescer::{ManualClock, Role};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WINDOW: Duration = Duration::from_secs(60);

    type Values = Coalescer<u64, u64, ()>;

    /// A coalescer with the value 1, whose next runs return when the test says.
    struct Held {
        clock: ManualClock,
        values: Values,
        /// Each run sends the place for its value.
        runs: Receiver<Sender<u64>>,
    }

    impl Held {
        fn new(way: Way) -> Self {
            let (clock, (run, runs)) = (ManualClock::new(), channel());
            let builder = Coalescer::builder().clock(clock.clone());
            let values = way.build(builder, WINDOW, move |_: &u64| {
                let (value, told) = channel();
                run.send(value).expect("the test goes on");
                Ok(told.recv().expect("the test says the value"))
            });
            let held = Self { clock, values, runs };
            let first = held.call();
            held.run().send(1).expect("the run waits");
            assert_eq!(value(first), 1);
            held
        }

        fn call(&self) -> JoinHandle<u64> {
            let values = self.values.clone();
            thread::spawn(move || *values.execute(&0).expect("the function has no errors"))
        }

        fn run(&self) -> Sender<u64> {
            self.runs.recv().expect("a run begins")
        }

        /// Returns when so many calls wait for the run.
        fn wait_for_followers(&self, calls: usize) {
            while self.values.in_flight()[0].followers < calls {
                thread::yield_now();
            }
        }

        /// Seven calls of this thread, which the runs do not hold up.
        fn calls_get_the_old_value_at_once(&self) {
            for _ in 0..7 {
                let outcome = self.values.call(&0).outcome().expect("there is a value");
                assert_eq!((*outcome.value, outcome.role), (1, Role::Late));
            }
        }
    }

    fn value(call: JoinHandle<u64>) -> u64 {
        call.join().expect("the call returns")
    }

    #[test]
    fn at_the_end_of_a_window_alone_all_calls_wait_for_one_run() {
        let held = Held::new(Way::Window);
        held.clock.advance(WINDOW - Duration::from_millis(1));
        held.calls_get_the_old_value_at_once();
        held.clock.advance(Duration::from_millis(1));
        let calls: Vec<_> = (0..8).map(|_| held.call()).collect();
        let run = held.run();
        held.wait_for_followers(7);
        run.send(2).expect("the run waits");
        assert!(calls.into_iter().map(value).all(|value| value == 2));
        let stats = held.values.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.refreshes), (2, 7, 0));
    }

    #[test]
    fn with_refresh_after_one_call_waits_and_the_others_do_not() {
        let held = Held::new(Way::RefreshAfter);
        held.clock.advance(refresh_after(WINDOW));
        let refreshing = held.call();
        let run = held.run();
        held.calls_get_the_old_value_at_once();
        run.send(2).expect("the run waits");
        assert_eq!(value(refreshing), 2);
        let stats = held.values.stats();
        assert_eq!((stats.executed_requests, stats.late, stats.refreshes), (2, 7, 1));
    }

    #[test]
    fn with_build_refreshing_no_call_waits() {
        let held = Held::new(Way::BuildRefreshing);
        held.clock.advance(refresh_after(WINDOW));
        held.calls_get_the_old_value_at_once();
        let run = held.run();
        held.calls_get_the_old_value_at_once();
        // The old value is too old for this call alone, so it waits for the new one.
        let strict = thread::spawn({
            let values = held.values.clone();
            move || *values.execute_within(&0, SECOND).expect("the function has no errors")
        });
        held.wait_for_followers(1);
        run.send(2).expect("the run waits");
        assert_eq!(value(strict), 2);
        let stats = held.values.stats();
        assert_eq!((stats.executed_requests, stats.late, stats.followers), (2, 14, 1));
        assert_eq!(stats.refreshes, 1);
    }

    #[test]
    fn a_window_without_an_end_is_the_floor() {
        let held = Held::new(Way::Endless);
        held.clock.advance(1000 * WINDOW);
        held.calls_get_the_old_value_at_once();
        assert_eq!(held.values.stats().executed_requests, 1);
    }
}

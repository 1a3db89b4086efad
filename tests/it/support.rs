//! Shared by the tests: a watchdog, and calls whose functions end when a test says so.

#[path = "../support/unlocked.rs"]
pub(crate) mod unlocked;
#[path = "../support/watchdog.rs"]
mod watchdog;

use std::hash::{BuildHasher, Hasher};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use coalescer::{Error, Group, Outcome};
pub(crate) use watchdog::{wait_until, watched};

/// A group as most tests need it.
pub(crate) type Numbers = Group<String, u32, String>;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const NS: Duration = Duration::from_nanos(1);

/// The function of a call.
pub(crate) type Function<V, E> = Box<dyn FnOnce() -> Result<V, E> + Send>;

/// A call on a thread of its own. Its function begins when the library runs it, and ends how and
/// when the test says. If the test goes away, the function panics, so nothing is left hanging.
pub(crate) struct Call<V, E, R = Result<Outcome<V>, Error<E>>> {
    begun: Receiver<()>,
    end: Sender<Function<V, E>>,
    thread: JoinHandle<R>,
}

/// Starts a call: `make` makes it, with the function that it is given.
pub(crate) fn start<V, E, R>(
    make: impl FnOnce(Function<V, E>) -> R + Send + 'static,
) -> Call<V, E, R>
where
    V: 'static,
    E: 'static,
    R: Send + 'static,
{
    let (begin, begun) = channel();
    let (end, told_to_end) = channel::<Function<V, E>>();
    let function: Function<V, E> = Box::new(move || {
        assert_eq!(coalescer::locks_held(), 0, "the function runs under a lock");
        begin.send(()).ok();
        told_to_end.recv().expect("the test says how this function ends")()
    });
    Call { begun, end, thread: thread::spawn(move || make(function)) }
}

impl<V: Send + 'static, E: Send + 'static, R> Call<V, E, R> {
    /// Waits until the function runs.
    #[track_caller]
    pub(crate) fn begun(self) -> Self {
        self.begun.recv().expect("the function was dropped without running");
        self
    }

    /// Lets the function return, and waits for the call.
    #[track_caller]
    pub(crate) fn returns(self, result: Result<V, E>) -> R {
        self.ends(move || result).join()
    }

    /// Lets the function panic, and returns the panic that came through the call.
    pub(crate) fn panics(
        self,
        with: impl FnOnce() + Send + 'static,
    ) -> Box<dyn std::any::Any + Send> {
        let call = self.ends(move || {
            with();
            unreachable!("it panics")
        });
        call.thread.join().err().expect("the call of a function that panics unwinds")
    }

    /// Sets how the function ends, without waiting for it.
    pub(crate) fn ends(self, function: impl FnOnce() -> Result<V, E> + Send + 'static) -> Self {
        self.end.send(Box::new(function)).ok();
        self
    }

    /// Waits for the call's result.
    #[track_caller]
    pub(crate) fn join(self) -> R {
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Waits for the call's result, or for the panic that came through it.
    pub(crate) fn try_join(self) -> thread::Result<R> {
        self.thread.join()
    }

    /// Waits for the call's result, which it must get without running its function.
    #[track_caller]
    pub(crate) fn join_unrun(self) -> R {
        let Self { begun, end: _end, thread } = self;
        let result = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        assert!(begun.try_recv().is_err(), "its function ran");
        result
    }

    /// True if its function runs, or has run. True once.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.try_recv().is_ok()
    }

    pub(crate) fn has_returned(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Starts a call that leads, and returns it when its function runs.
#[track_caller]
pub(crate) fn lead<V, E, S>(group: &Group<String, V, E, S>, key: &'static str) -> Call<V, E>
where
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    begin(group, key).begun()
}

/// Starts a call that may lead or follow.
pub(crate) fn begin<V, E, S>(group: &Group<String, V, E, S>, key: &'static str) -> Call<V, E>
where
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let group = group.clone();
    start(move |function| group.call(key).outcome(function))
}

/// Starts calls that follow, and returns them when this many more calls wait.
#[track_caller]
pub(crate) fn follow<V, E, S>(
    group: &Group<String, V, E, S>,
    key: &'static str,
    count: usize,
) -> Vec<Call<V, E>>
where
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let before = followers(group);
    let calls = (0..count).map(|_| begin(group, key)).collect();
    wait_until(|| followers(group) == before + count);
    calls
}

/// The number of calls that wait in a group.
pub(crate) fn followers<V, E, S: BuildHasher>(group: &Group<String, V, E, S>) -> usize {
    group.in_flight().iter().map(|flight| flight.followers).sum()
}

/// The text of a panic.
pub(crate) fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not text")
}

/// Puts every key into one bucket.
#[derive(Clone, Default)]
pub(crate) struct OneHash;

impl Hasher for OneHash {
    fn finish(&self) -> u64 {
        42
    }

    fn write(&mut self, _: &[u8]) {}
}

impl BuildHasher for OneHash {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self
    }
}

/// Waits, and waits again whenever it is refused. A call of [`until_refused`] stands in the wait-for graph
/// itself for a moment, so it can refuse the wait that it looks for.
pub(crate) fn unless_refused<T>(
    mut wait: impl FnMut() -> Result<T, Error<String>>,
) -> Result<T, Error<String>> {
    loop {
        let answer = wait();
        if !answer.as_ref().is_err_and(Error::would_deadlock) {
            return answer;
        }
    }
}

/// Asks for this key from the thread that calls, until the wait-for graph refuses the wait. A wait may
/// enter the graph a moment after its call counts as a follower, or after its hook has returned.
pub(crate) fn until_refused(group: &Numbers, key: &str) {
    wait_until(|| {
        let told = group.execute_timeout(key, Duration::ZERO, || Ok(0)).unwrap_err();
        assert!(told.would_deadlock() || told.is_timeout(), "{told:?}");
        told.would_deadlock()
    });
}

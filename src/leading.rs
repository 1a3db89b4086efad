//! [`Lead`]: a leader's place, for the threads that work for its function.

use std::fmt;

use crate::sync::ThreadToken;
use crate::wait::deadlock;

/// Returns the place of the calling thread: the executions that it runs now, one in the other.
///
/// Call it in a leader's function before you pass a part of the work to other threads, and let each
/// of them call [`Lead::enter`]. On a thread that runs no execution, the `Lead` is empty, and
/// [`enter`](Lead::enter) only runs its function.
///
/// It never blocks and takes no lock.
///
/// # Examples
///
/// See [`Lead`].
#[must_use = "a lead does nothing until a thread enters it"]
pub fn leading() -> Lead {
    Lead { place: deadlock::leading_thread() }
}

/// A leader's place, which a thread can [`enter`](Self::enter) to work for the leader's function.
///
/// A leader that calls its own key is refused at once, because the call would wait for itself. The
/// library knows threads, so it does not see that a scoped thread, or a job of a pool, works for the
/// leader's function: its call for the leader's key would wait forever, since the leader waits for the
/// thread. In `enter` the library sees it.
///
/// [`leading`] makes it. It can be cloned, sent and shared.
///
/// # Examples
///
/// A function that fans out, and a part of it that asks for the key that is being computed:
///
/// ```
/// use coalescer::Group;
///
/// let group: Group<String, u32, ()> = Group::new();
/// let sum = group.execute("sum", || {
///     let lead = coalescer::leading();
///     let part = || lead.enter(|| group.execute("sum", || Ok(1)));
///     let part = std::thread::scope(|s| s.spawn(part).join().unwrap());
///     assert!(part.unwrap_err().would_deadlock()); // without `enter` it would hang
///     Ok(7)
/// });
/// assert_eq!(*sum.unwrap(), 7);
/// ```
///
/// With rayon, enter it once for each part: `rayon::join(|| lead.enter(left), || lead.enter(right))`.
#[derive(Clone)]
pub struct Lead {
    place: Option<ThreadToken>,
}

impl Lead {
    /// Runs `f` on this thread, for the execution that the `Lead` was taken in.
    ///
    /// While `f` runs, whatever depends on that execution depends on this thread. A call within `f` for
    /// the leader's key gets [`Error::WouldDeadlock`](crate::Error::WouldDeadlock) at once, or runs
    /// unshared with [`OnDeadlock::Bypass`](crate::OnDeadlock::Bypass). The same holds for a wait that
    /// would close a longer cycle, of this thread or of another one. All other calls lead and follow
    /// as they do outside.
    ///
    /// The leader's function must wait for `f`, as scoped threads and `rayon::join` make sure. If it
    /// does not, a call can be refused that would have ended.
    ///
    /// `enter` itself blocks for no other call. It locks the wait-for graph of the process at its
    /// beginning and its end, so enter once for each part of the work and not for each item.
    ///
    /// # Panics
    ///
    /// A panic of `f` passes through.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(coalescer::leading().enter(|| 2 + 2), 4); // no execution: it runs the function
    /// ```
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let is_here =
            |place: &ThreadToken| deadlock::leading_thread().is_some_and(|me| me.is_of(*place));
        // The leader's own thread stands for itself.
        let elsewhere = self.place.filter(|place| !is_here(place));
        let _helping = elsewhere.map(deadlock::help);
        f()
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("leads", &self.place.is_some()).finish()
    }
}

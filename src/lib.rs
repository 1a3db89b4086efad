//! Request coalescing without async: many threads ask the same question, one of them runs it.
//!
//! A cache entry has expired, a page is hot, and every thread of the pool asks the database for the
//! same row at once. Put a [`Coalescer`] round the call: the first thread of a key runs the
//! function, and the others wait for its answer. There is no runtime, no background thread and no
//! future in it: locks, condvars, and the threads that you have already.
//!
//! ```
//! use coalescer::Coalescer;
//! # struct Pool; struct Row(u64);
//! # #[derive(Debug)] struct DbError;
//! # impl Pool { fn query(&self, id: u64) -> Result<Row, DbError> { Ok(Row(id)) } }
//! # let pool = Pool;
//!
//! let users = Coalescer::new(move |id: &u64| pool.query(*id)); // pool.get(), query_row(..), ..
//!
//! // From any number of threads:
//! let user = users.execute(&7)?; // Arc<Row>, shared with everyone who asked
//! # assert_eq!(user.0, 7);
//! # Ok::<(), coalescer::Error<DbError>>(())
//! ```
//!
//! # Words
//!
//! A **flight** is what the calls of one key share while it is under way. Its **leader** runs the
//! function on its own thread, or has an **executor** run it as a **job**, and then has a **ticket** to
//! wait with. **Followers** wait for it. For the length of the **window** after the flight's *start*, a
//! **late** call is served by the result at once.
//!
//! ```text
//!  leader    ├── runs the function ──┤
//!  follower       ├──── waits ───────┤            shares the leader's Arc
//!  late                                  ├┤       served from the window, without waiting
//!  leader                                        ├── the window is over: runs it again ──┤
//!            start ──────────── window ─────────▶│
//! ```
//!
//! Since the window counts from the start, nobody who did not wait for a value is handed one whose
//! computation began longer ago than the window. That is a bound on staleness that a time to live,
//! counted from the end of a slow query, cannot give. (On Linux it is kept exactly as long as the
//! kernel's timer tick is less than three ticks late; [`precise_clock`](Builder::precise_clock) keeps it
//! in any case.)
//!
//! # Which verb
//!
//! | you want | call |
//! |---|---|
//! | the value, and to wait as long as it takes | [`execute`](Coalescer::execute) |
//! | to wait for others at most so long | [`execute_timeout`](Coalescer::execute_timeout), [`execute_deadline`](Coalescer::execute_deadline) |
//! | never to wait for others | [`try_execute`](Coalescer::try_execute) |
//! | nothing that was computed before now | [`execute_fresh`](Coalescer::execute_fresh) |
//! | to know how the value came about | [`execute_outcome`](Coalescer::execute_outcome) |
//! | nobody to be served what is old after a write | commit the write, then [`forget`](Coalescer::forget) |
//! | a pool to run the function, and to wait later, or for several at once | [`submit`](Coalescer::submit), which gives a [`Ticket`] |
//! | each call to bring its own function, which may borrow | the same verbs of a [`Group`] |
//! | a function whose every call is coalesced | the attribute `#[coalesce]`, with the feature `macros` |
//! | coalescers by function or by name, and the sum of their counters | a [`Manager`] |
//!
//! # What is promised
//!
//! | when | then |
//! |---|---|
//! | the function returns an error | everyone who waited gets the same `Arc<E>`; nothing is retried, nothing is kept unless [`error_window`](Builder::error_window) says so |
//! | the function panics | the leader unwinds as if the library were not there, followers get [`Error::LeaderPanicked`], the next call executes; a job's panic goes no further than the job |
//! | the function never returns | followers wait for their deadline or [`max_wait`](Builder::max_wait); with [`leader_timeout`](Builder::leader_timeout) one of them takes over |
//! | a call would wait for its own thread, directly or over other threads and keys | it gets [`Error::WouldDeadlock`] at once, or runs alone ([`OnDeadlock::Bypass`]) |
//! | an executor drops a job | its ticket and its followers get [`Error::Abandoned`] |
//! | an executor does not take a job | `submit` gets [`Error::Rejected`], and those who follow already get [`Error::Abandoned`] |
//! | a ticket is dropped | nothing happens to anybody else; a leader's job runs on |
//! | `forget` while the function runs | those who wait get the outcome; no call that begins afterwards does, and it is not kept |
//! | a value is not for everyone | [`share_if`](Builder::share_if): followers run their own, all at the same time |
//! | a value is for those who wait and not for later | [`share_with`](Builder::share_with) keeps it for nobody |
//! | keys come from all over | [`max_retained`](Builder::max_retained) bounds what is kept; what has expired is dropped as work goes on, a little with each execution |
//!
//! No lock of the library is held while user code runs: not the function, not `Clone` or `Drop` of
//! keys and values, not a hook, not an executor. The one exception is `Eq` of keys, which a look-up needs.
//!
//! # What operators see
//!
//! | question | answer |
//! |---|---|
//! | how much does it save, does it fail? | [`stats`](Coalescer::stats), [`Manager::stats`] |
//! | what runs now, for how long, and how many wait for it? | [`in_flight`](Coalescer::in_flight), [`Manager::in_flight`] |
//! | does something take too long? | [`on_slow`](Builder::on_slow): a hook, called once for each such flight |
//! | what are the rates and durations, in Prometheus or elsewhere? | the module `metrics`, with the feature of that name |
//! | who am I waiting for? | a span for each run and each wait, with the feature `tracing` |
//!
//! What the first three give is JSON with the feature `serde`, for keys that can be.
//!
//! **Spans**, of the target `coalescer` and the level `debug`, are filtered by these as any other. A
//! late call has none.
//!
//! | span | on the thread of | fields |
//! |---|---|---|
//! | `coalescer.run` | a leader, a job, or a call that runs alone, while the function runs | `name`, `flight`, `key`, `result` (`ok`, `error`, `panic`), `callers` (how many it answered) |
//! | `coalescer.wait` | a follower, or who waits with a follower's ticket, while it waits | `name`, `flight`, `leader` (the thread), `waited_seconds`, `end` (`answered`, `timed out`, `led`) |
//!
//! A wait follows from (`follows_from`) the run that it waits for, and from the run that took over from
//! that. `flight` is a number that all spans of a flight have in common. The library tells no key, as
//! keys may be secrets; the field is there for a function that says
//! `Span::current().record("key", ..)`. A run's span is closed when the last of its followers is back.
//!
//! # Questions
//!
//! **Is it a cache?** No. It keeps a result for the window, 100 ms by default, so that a burst
//! costs one query, and it need not know how many bytes a value has. Put it between a cache and the
//! database: ask it when the cache misses.
//!
//! **What does a key cost?** Calls look a key up borrowed: `execute("ada")` makes a `String` only
//! if it starts a flight. See [`ToKey`] for keys of several parts.
//!
//! **Why do I get an `Arc`?** All callers share one value, so neither `V` nor `E` must be `Clone`.
//!
//! **How do I test code that uses it?** Give the builder a [`ManualClock`], and say in the test
//! what time it is.
//!
//! **Can it be used from async code?** From a blocking section, such as `spawn_blocking`: a follower
//! blocks its thread. Or with [`submit`](Coalescer::submit), which waits for nobody, and
//! [`Ticket::when_done`], which hands the outcome on to whatever you wait with.
//!
//! **What is it called here?** What Go's singleflight, moka, quick_cache and others call otherwise, and
//! what behaves differently, is told in [Coming from](coming_from/index.html).
//!
//! # What it cannot do
//!
//! - It cannot interrupt a function. A deadline bounds waiting, never the leader's own run.
//! - It is one process. Ten servers may run ten queries.
//! - It cannot see a deadlock that does not go through flights alone: a mutex that a follower holds
//!   and the leader's function wants, or a job that the leader waits for while every thread of the
//!   pool follows. [`max_wait`](Builder::max_wait) turns such a hang into [`Error::TimedOut`].
//! - It has no thread of its own. So a receiver made of a ticket, or a function given to
//!   [`when_done`](Ticket::when_done), has no deadline, takes over from nobody, and is not seen to wait;
//!   and a slow flight is told of by a call that comes by, waits, or ends it.
//! - With `panic = "abort"` a panic ends the process, and nobody is told.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `serde` (default) | `Serialize` for [`Stats`], [`ManagerStats`], [`InFlight`], [`NamedInFlight`], [`NamedStats`], [`SlowFlight`], [`Role`] and [`ShareWith`] |
//! | `channel` (default) | [`Ticket::into_receiver`], for crossbeam-channel's `select!`; a ticket itself needs no feature |
//! | `coarse-clock` (default) | on Linux, late calls read the kernel's coarse clock; see [`precise_clock`](Builder::precise_clock) |
//! | `macros` | the attribute `#[coalesce]`; it brings syn to the build, and nothing to the program |
//! | `metrics` | the module `metrics`: counters, and histograms of executions and waits, for the recorder of the `metrics` facade |
//! | `tracing` | a span for each run and each wait, for the subscriber of the `tracing` facade |
//! | `full` | all of these |

mod builder;
mod coalescer;
mod engine;
mod error;
mod execute;
mod executor;
#[doc(hidden)]
pub mod expanded;
mod group;
mod in_flight;
mod key;
mod manager;
mod named;
mod observe;
mod outcome;
mod policy;
mod registry;
mod settings;
mod stats;
mod submit;
mod sync;
mod wait;

use std::time::Duration;

pub use builder::{Builder, ForCoalescer, ForGroup};
pub use coalescer::Coalescer;
#[cfg(feature = "macros")]
pub use coalescer_macros::coalesce;
pub use engine::rules::OnDeadlock;
pub use error::Error;
pub use executor::{Executor, Job, Rejected, Spawned};
pub use group::Group;
#[doc(no_inline)]
pub use hashbrown::DefaultHashBuilder;
pub use in_flight::InFlight;
pub use key::{Equivalent, ToKey};
pub use manager::Manager;
pub use named::{ManagerStats, NameError, NamedInFlight, NamedStats};
#[cfg(feature = "metrics")]
pub use observe::metrics;
pub use observe::{NoHook, OnSlowFn, SlowFlight, SlowPolicy};
pub use outcome::{Outcome, Role};
pub use policy::{ShareAll, ShareIfFn, SharePolicy, ShareWith};
pub use stats::Stats;
pub use submit::ticket::Ticket;
pub use wait::manual_clock::ManualClock;

/// The window of a [`Coalescer`] unless its builder says otherwise: 100 ms.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer::DEFAULT_WINDOW.as_millis(), 100);
/// ```
pub const DEFAULT_WINDOW: Duration = Duration::from_millis(100);

/// The README's examples, so that they are compiled and run with the tests. Two of them need
/// features, which the tests of the whole workspace turn on.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;

// Only a page of the documentation. Its examples are compiled and run as the README's are.
#[cfg(all(any(doc, doctest), feature = "macros"))]
#[doc = include_str!("../docs/coming-from.md")]
pub mod coming_from {}

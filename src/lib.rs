#![cfg_attr(docsrs, feature(doc_cfg))]
//! Request coalescing ("single flight") for blocking code: when many threads ask for the same thing
//! at once, one thread does the work and all of them share the result.
//!
//! ```
//! # struct Pool; impl Pool { fn get(&self) -> Result<Self, DbError> { Ok(Self) } }
//! # impl Pool { fn name(&self, id: u64) -> Result<String, DbError> { Ok(format!("user {id}")) } }
//! # #[derive(Debug)] struct DbError;
//! # let pool = Pool;
//! use coalescer::Coalescer;
//!
//! let users = Coalescer::new(move |id: &u64| pool.get()?.name(*id)); // once
//! let user = users.execute(&7)?; // from any number of threads: a shared Arc<String>
//! # assert_eq!(*user, "user 7");
//! # Ok::<(), coalescer::Error<DbError>>(())
//! ```
//!
//! # Install
//!
//! ```toml
//! [dependencies]
//! coalescer = "0.1" # features: see the end of this page
//! ```
//!
//! It needs Rust 1.85. It needs no async runtime, starts no thread, and contains no `unsafe` code.
//!
//! # Terminology
//!
//! | term | meaning |
//! |---|---|
//! | **call** | one `execute`, one `submit`, or another method of the table below |
//! | **key** | the value that identifies the question; calls with equal keys share |
//! | **flight** | one execution of the function for a key, together with all calls that share it |
//! | **leader** | the first call of a flight: it runs the function on its own thread |
//! | **follower** | a call that arrives while the function runs: it waits, and shares the result |
//! | **window** | a time to live that counts from the *start* of the execution: 100 ms by default, zero for a [`Group`] |
//! | **late call** | a call that arrives after the function has returned, within the window: it gets the kept result without waiting |
//! | **executor**, **job**, **ticket** | with [`submit`](Coalescer::submit), your thread pool (the executor) runs the function as a [`Job`], and the call waits with a [`Ticket`] |
//!
//! # How it works
//!
//! ```text
//!  leader    ├── runs the function ──┤
//!  follower       ├──── waits ───────┤            shares the leader's Arc
//!  late                                  ├┤       gets the kept result without waiting
//!  leader                                        ├── the window is over: runs it again ──┤
//!            start ──────────── window ─────────▶│
//! ```
//!
//! The window counts from the start. So a late call never gets a value whose computation started
//! more than one window ago. A time to live that starts when the query *finishes* cannot bound
//! staleness this way. (On Linux the default clock guarantees this while the kernel's timer tick is
//! less than three ticks late; [`precise_clock`](Builder::precise_clock) always guarantees it.)
//!
//! # Choosing a method
//!
//! | you want | call |
//! |---|---|
//! | the value, and to wait as long as it takes | [`execute(&key)`](Coalescer::execute) |
//! | to limit the time of waiting for others | [`execute_timeout`](Coalescer::execute_timeout), [`execute_deadline`](Coalescer::execute_deadline) |
//! | never to wait for others | [`try_execute`](Coalescer::try_execute) |
//! | a result of an execution that starts after this call | [`execute_fresh`](Coalescer::execute_fresh) |
//! | several of these at once | a request: [`call(&key)`](Coalescer::call)`.fresh().timeout(d).run()` |
//! | a result that started at most `d` ago | [`execute_within(&key, d)`](Coalescer::execute_within) |
//! | the role, the age and the number of callers | `call(&key).outcome()`, an [`Outcome`] |
//! | no stale result after a write | commit the write, then [`forget(&key)`](Coalescer::forget) |
//! | the kept value if there is one, and nothing else | [`peek(&key)`](Coalescer::peek) |
//! | a new value soon, and the old one until then | [`refresh(&key)`](Coalescer::refresh); by age, [`refresh_after`](Builder::refresh_after) |
//! | to keep the value that a write has made | commit the write, then [`insert(&key, value)`](Coalescer::insert) |
//! | many keys, and one run for those that nobody has | [`Batcher::execute_many`], [`Group::execute_many`] |
//! | a thread pool to run the function, and to wait later | [`submit(&key)`](Coalescer::submit), a [`Ticket`] |
//!
//! # Choosing between `Coalescer`, `Group`, `#[coalesce]` and `Manager`
//!
//! | API | the function comes from | use it when |
//! |---|---|---|
//! | [`Coalescer`] | you, once | all calls run the same query |
//! | [`Group`] | each call | the function borrows from its caller, or differs from call to call |
//! | [`Batcher`] | you, once | the query takes many keys at once |
//! | `#[coalesce]` (feature `macros`) | the annotated function | you want a plain function whose arguments are the key |
//! | [`Manager`] | each call, which finds its coalescer by the function's type or by a name | a program has many coalescers, and you want their counters together |
//!
//! A [`Builder`] has all settings. [`Settings`] holds them as a value, for several coalescers.
//!
//! [`build_refreshing`]: Builder::build_refreshing
//! [`error_window`]: Builder::error_window
//! [`executor`]: Builder::executor
//! [`submit`]: Coalescer::submit
#![doc = include_str!("recipes.md")]
//!
//! # Guarantees
//!
//! | when | then |
//! |---|---|
//! | a call is late | its value's computation started less than one window ago (S7, S8) |
//! | the function returns an error | every call that waited gets the same `Arc<E>`; the library never retries (S16, S17) |
//! | the function panics | the leader unwinds unchanged, followers get [`Error::LeaderPanicked`], the next call executes; a job's panic ends in the job (S21 to S23) |
//! | the function never returns | followers wait until their deadline or [`max_wait`](Builder::max_wait); with [`leader_timeout`](Builder::leader_timeout), one call takes over (S33 to S39) |
//! | a call would wait for its own thread, across threads, keys and coalescers | it gets [`Error::WouldDeadlock`] at once, or runs unshared with [`OnDeadlock::Bypass`] (S41 to S43) |
//! | the executor drops a job | its ticket gets [`Error::Abandoned`], and one of its followers runs its own function (S25, S71) |
//! | the executor does not accept a job | `submit` returns [`Error::Rejected`], and likewise for followers (S25, S71) |
//! | a ticket is dropped | no other call is affected; a leader's job runs on (S48) |
//! | `forget` runs during an execution | waiting calls get its outcome; no later call does, and it is not kept (S27 to S29) |
//! | [`share_if`](Builder::share_if) refuses a value | the leader keeps it, and every follower runs its own function, in parallel (S40) |
//! | there are more keys than memory | [`max_retained`](Builder::max_retained) bounds the kept results (S47) |
//!
//! The library holds no lock while your code runs: the function, `Clone` and `Drop` of keys and
//! values, a hook, an executor. The only exception is `Eq` of keys, in a look-up (S2): it must
//! not call a coalescer, and a build with debug assertions says so (S69). The
//! [specification] numbers every promise, and the tests cite the numbers.
//!
//! [specification]: https://github.com/coalescer-rs/coalescer/blob/main/docs/SPEC.md
//!
//! # Observability
//!
//! | question | answer |
//! |---|---|
//! | How many executions does it save? How many calls fail? | [`stats`](Coalescer::stats), [`Manager::stats`] |
//! | Which flights run now, for how long, with how many followers? | [`in_flight`](Coalescer::in_flight), [`Manager::in_flight`] |
//! | Which flights take too long? | [`on_slow`](Builder::on_slow) calls a hook once for each |
//! | What are the rates and durations? | the module `metrics`, with the feature `metrics` |
//! | Which execution does a request wait for? | spans, with the feature `tracing` |
//!
//! With the feature `serde` the first three are available as JSON, if the key implements
//! `Serialize`.
//!
//! **Spans** have the target `coalescer` and the level `debug`. A late call has none.
//!
//! | span | covers | fields |
//! |---|---|---|
//! | `coalescer.run` | the run of the function, on the thread that runs it | `name`, `flight`, `key`, `result` (`ok`, `error`, `panic`), `callers` (calls that it answered) |
//! | `coalescer.wait` | the wait of a follower or of a ticket, on the thread that waits | `name`, `flight`, `leader` (the thread), `waited_seconds`, `end` (`answered`, `timed out`, `led`, `refused`) |
//!
//! `tracing_subscriber::fmt()` prints spans only with `.with_span_events(FmtSpan::CLOSE)`. All
//! spans of a flight have the same `flight`. A wait follows from (`follows_from`) the run that it
//! waits for, and from the run that took over from that one. The run of a job is a child of the span
//! that submitted it. The library does not record keys,
//! because they may contain secrets. The function can: `Span::current().record("key", ..)`. The
//! span of a run closes when the last of its followers has returned.
//!
//! # Limitations
//!
//! - Calls of one key must be interchangeable. Do not coalesce writes, or answers that depend on the user
//!   without the user in the key.
//! - By itself it works in one process: ten servers may run ten queries, unless they share an engine
//!   ([`shared`]). It does not bound how many *different* keys execute at a time.
//! - It cannot interrupt a function. A deadline bounds waiting, never the leader's own run.
//! - It does not see a deadlock that involves anything but flights: a mutex that a follower holds and the
//!   leader's function locks, or a pool all of whose threads wait for a queued job.
//!   [`max_wait`](Builder::max_wait) turns such a hang into [`Error::TimedOut`]. It sees a thread that
//!   works for a leader's function (a scoped thread, a half of `rayon::join`) only inside of
//!   [`Lead::enter`].
//! - One thread, one call: a call stays on its thread, and the thread runs nothing else meanwhile. Servers
//!   of coroutines, which move calls between threads or interleave many on one, need
//!   [`OnDeadlock::Ignore`] and `max_wait`; a waiting call blocks the thread of its coroutine.
//! - It has no thread of its own. A receiver made from a ticket, a callback of
//!   [`when_done`](Ticket::when_done), or a ticket that is awaited has no deadline, does not take over, and
//!   is invisible to deadlock detection. Slow flights are detected by calls that join, wait for or finish them.
//! - With `panic = "abort"` a panic ends the process.
//!
//! [docs/limitations.md](https://docs.rs/crate/coalescer/latest/source/docs/limitations.md) has all of them,
//! with remedies.
//!
//! # FAQ
//!
//! **Is it a cache?** No. It keeps a result for the window, so that a burst of calls costs one
//! query. It serves nothing beyond the window, and has no notion of a value's size. Put it between your
//! cache and your database: call it when the cache misses.
//!
//! **What does a key cost?** A call looks its key up borrowed: `execute("ada")` makes a `String`
//! only to start a flight.
//!
//! **Why do I get an `Arc`?** All callers share one value, so neither `V` nor `E` must be `Clone`.
//!
//! **Can a key have a window of its own?** A value can be kept out of the window
//! ([`share_with`](Builder::share_with)), and a call can refuse a value that is too old for it
//! (`call(&key).max_age(d)`).
//!
//! **Can several processes share executions?** Yes, by one line of the builder, [`shared`](Builder::shared), and
//! a crate with an engine: `coalescer-redis`, `coalescer-postgres`, or `coalescer-cluster` for the processes of
//! one host.
//!
//! **How do I translate from Go's singleflight, moka, quick_cache or cached?** See the
//! [migration guide](_migration_guide/index.html).
//!
//! # Features
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `serde` | yes | `Serialize` for [`Stats`], [`ManagerStats`], [`InFlight`], [`Elsewhere`], [`NamedInFlight`], [`NamedStats`], [`SlowFlight`], [`Role`] and [`ShareWith`] |
//! | `channel` | yes | [`Ticket::into_receiver`], for crossbeam-channel's `select!`; tickets themselves need no feature |
//! | `future` | no | `ticket.await` in async code, for any runtime; it adds no dependency |
//! | `coarse-clock` | yes | on Linux, late calls read the kernel's coarse clock; see [`precise_clock`](Builder::precise_clock) |
//! | `macros` | no | the attribute `#[coalesce]`; it adds syn to the build, and nothing to the program |
//! | `metrics` | no | the module `metrics`: counters and histograms for the recorder of the `metrics` facade |
//! | `tracing` | no | a span for each run and each wait, for the subscriber of the `tracing` facade |
//! | `full` | no | all of these |

mod asked;
mod asking;
#[doc(hidden)]
pub mod at_rest;
mod batcher;
mod batcher_one;
mod batcher_table;
mod build;
mod build_batcher;
mod builder;
mod coalescer;
mod core;
mod dyn_error;
mod engine;
mod error;
mod error_traits;
mod execute;
mod execute_many;
mod executor;
mod forget;
mod forget_if;
mod group;
mod hasher;
mod in_flight;
mod insert;
mod inspect;
mod key;
mod leading;
#[doc(hidden)]
pub mod macro_support;
mod manager;
mod many;
mod max_batch;
mod memory;
mod observe;
mod outcome;
mod peek;
mod refresh;
mod request;
mod settings;
mod share;
pub mod shared;
mod stats;
mod submit;
mod sync;
mod tier;
mod unreached;
mod wait;
mod work;

pub use batcher::Batcher;
pub use build::{MakesCoalescer, WithErrorRule};
pub use builder::{Builder, ForCoalescer, ForGroup};
pub use coalescer::Coalescer;
#[cfg(feature = "macros")]
pub use coalescer_macros::coalesce;
pub use dyn_error::DynError;
pub use error::Error;
pub use executor::{Executor, Job, NeverBlocks, Rejected, Spawned};
pub use group::Group;
pub use hasher::DefaultHashBuilder;
pub use in_flight::{Elsewhere, InFlight};
pub use key::{Parts, ToKey};
pub use leading::{Lead, leading};
pub use manager::{Manager, ManagerStats, NameError, NamedInFlight, NamedStats, WeakManager};
pub use many::batch::Batch;
pub use max_batch::ForBatcher;
pub use observe::SlowFlight;
#[cfg(feature = "metrics")]
pub use observe::metrics;
pub use outcome::{Outcome, Role};
pub use refresh::Refreshed;
pub use request::Request;
pub use settings::{DEFAULT_WINDOW, OnDeadlock, Settings};
pub use share::ShareWith;
pub use stats::Stats;
#[cfg(feature = "future")]
pub use submit::future::TicketFuture;
#[cfg(feature = "channel")]
pub use submit::receiver::Receiver;
pub use submit::ticket::Ticket;
#[doc(hidden)]
pub use sync::locks_held;
pub use wait::manual_clock::ManualClock;

/// The README's examples, compiled and run with the tests of a build that has the attribute.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;

// A page of the documentation and no code. Its examples run with the tests, as the README's do.
#[cfg(all(any(doc, doctest), feature = "macros", feature = "channel"))]
#[doc = include_str!("../docs/coming-from.md")]
pub mod _migration_guide {}

//! How a job goes to the executor, and what happens if it does not run.
//!
//! ```text
//! Task::hand_over ── spawn(Job) ──┬─ runs, at once or later ────────▶ Task::run
//!                                 ├─ dropped before spawn returns ──▶ lost, when spawn has returned
//!                                 ├─ dropped, and spawn panics ─────▶ the panic is published
//!                                 └─ dropped later ─────────────────▶ lost
//! ```
//!
//! A job has [`Work`]: a [`Task`], or the callbacks of many tickets. The [`Job`] and the thread that hands
//! it over share a cell. So it is the result of `spawn` that decides what a lost job is told as, and not
//! the state of the thread on which the job was dropped: that thread may unwind for a reason of its own.
//!
//! A job is dropped in the executor's own code, perhaps by the thread that would make room in its queue, and
//! perhaps under the queue's lock. If a ticket is to begin the flight then, that thread runs the ticket's
//! job in the drop, as it does at the end of a job, unless the executor [never waits](crate::NeverBlocks).
//! A thread in `spawn` runs nothing, as it is that of a caller: the tickets are told that their jobs are
//! lost. So does one that unwinds.
//!
//! A lost job, or one that ran, can call for another: the next seat begins the flight. The cell passes
//! such seats on to the thread that hands the job over, so that an executor which runs or drops each job
//! at once needs no more stack for a thousand jobs than for one.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::engine::completion::Payload;
use crate::executor::{Chosen, Job, Rejected, Run};
use crate::submit::job::{Task, Unrun};
use crate::sync::{Mutex, is_panicking, this_thread};
use crate::wait::seats::Seats;

/// The inside of a job.
pub(super) trait Work: Send + 'static {
    /// Runs on a thread of the executor. Returns the seats that are to begin a flight after it.
    fn run(self) -> Seats;

    /// Ends the work of a job that was dropped after `spawn` had returned.
    fn end_dropped(self);

    /// True if a call waits for the work.
    fn is_wanted(&self) -> bool;
}

/// A job that was passed to the executor, when `spawn` has returned.
pub(super) struct Spawned<W> {
    pub(super) result: Result<Result<(), Rejected>, Payload>,
    /// The work, if `spawn` has dropped the job.
    pub(super) lost: Option<W>,
    /// The seats that are to begin a flight now, if `spawn` has run the job.
    pub(super) seats: Seats,
}

struct Cell<W>(Mutex<State<W>>);

struct State<W> {
    /// `None` when the job has begun, or was lost.
    work: Option<W>,
    /// True until `spawn` has returned.
    is_spawning: bool,
    was_dropped: bool,
    /// Seats that are to begin a flight when `spawn` has returned.
    seats: Seats,
}

/// Passes work to the executor. The caller holds no lock.
pub(super) fn spawn<W: Work>(executor: &Chosen, work: W) -> Spawned<W> {
    let state =
        State { work: Some(work), is_spawning: true, was_dropped: false, seats: Seats::none() };
    let cell = Arc::new(Cell(Mutex::new(state)));
    let job = Job::new(Arc::clone(&cell) as Arc<dyn Run>);
    let result = {
        let _in_spawn = InSpawn::begin();
        catch_unwind(AssertUnwindSafe(|| executor.spawn(job)))
    };
    let mut state = cell.0.lock();
    state.is_spawning = false;
    let seats = mem::take(&mut state.seats);
    let lost = if state.was_dropped { state.work.take() } else { None };
    drop(state);
    Spawned { result, lost, seats }
}

impl<K, V, E> Task<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Passes the job to the executor. The caller holds no lock. A panic of the executor goes on.
    pub(crate) fn submit(self) -> Result<(), Rejected> {
        let (spawned, seats) = self.hand_over();
        seats.begin();
        spawned.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Passes a job that the end of another call calls for. A thread that runs a job itself may be one
    /// that the executor would wait for, for example while its queue is full. Unless the executor
    /// [never waits](crate::NeverBlocks), that thread runs the job itself. Returns the seats that are to
    /// begin a flight now.
    pub(crate) fn pass_on(self) -> Seats {
        let executor = self.core.expect_executor();
        if this_thread(|me| me.jobs()) > 0 && !executor.never_blocks() {
            return self.run();
        }
        self.hand_over().1
    }

    /// Passes the job to the executor. Returns the result of `spawn`, and the seats that are to begin a
    /// flight now.
    pub(crate) fn hand_over(self) -> (Result<Result<(), Rejected>, Payload>, Seats) {
        let core = Arc::clone(&self.core);
        let Spawned { result, lost, mut seats } = spawn(core.expect_executor(), self);
        if let Some(task) = lost {
            let how = if result.is_err() { Unrun::Panicked } else { Unrun::Dropped };
            seats.append(task.end_unrun(how));
        }
        (result, seats)
    }
}

impl<K, V, E> Work for Task<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn run(self) -> Seats {
        Self::run(self)
    }

    fn end_dropped(self) {
        let may_wait = !self.core.expect_executor().never_blocks();
        let (in_spawn, in_job) = this_thread(|me| (me.spawning() > 0, me.jobs() > 0));
        let _in_drop = InJob::begin();
        let unwinds = is_panicking() && may_wait && !in_job;
        let seats = self.end_unrun(Unrun::Dropped);
        match in_spawn || unwinds {
            true => seats.lose(),
            false => seats.begin(),
        }
    }

    fn is_wanted(&self) -> bool {
        Self::is_wanted(self)
    }
}

impl<W: Work> Run for Cell<W> {
    fn run(&self) {
        let work = self.0.lock().work.take();
        let Some(work) = work else { return };
        let _in_job = InJob::begin();
        let seats = work.run();
        let mut state = self.0.lock();
        if state.is_spawning {
            return state.seats.append(seats);
        }
        drop(state);
        seats.begin();
    }

    fn is_dropped(&self) {
        let mut state = self.0.lock();
        state.was_dropped = true;
        let lost = if state.is_spawning { None } else { state.work.take() };
        drop(state);
        if let Some(work) = lost {
            work.end_dropped();
        }
    }

    fn is_wanted(&self) -> bool {
        self.0.lock().work.as_ref().is_some_and(W::is_wanted)
    }
}

/// Marks the calling thread as one that runs a job, or that drops one: it waits for no room in the queue.
pub(super) struct InJob {
    /// The jobs that it was handing over outside of this one.
    spawning: u64,
}

impl InJob {
    pub(super) fn begin() -> Self {
        this_thread(|me| {
            me.set_jobs(me.jobs() + 1);
            let spawning = me.spawning();
            me.set_spawning(0);
            Self { spawning }
        })
    }
}

impl Drop for InJob {
    fn drop(&mut self) {
        this_thread(|me| {
            me.set_spawning(self.spawning);
            me.set_jobs(me.jobs().saturating_sub(1));
        });
    }
}

/// Marks the calling thread as one that is in the executor's `spawn`.
struct InSpawn(());

impl InSpawn {
    fn begin() -> Self {
        this_thread(|me| me.set_spawning(me.spawning() + 1));
        Self(())
    }
}

impl Drop for InSpawn {
    fn drop(&mut self) {
        this_thread(|me| me.set_spawning(me.spawning().saturating_sub(1)));
    }
}

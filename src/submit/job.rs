//! What a job is made of: a function, and the duty to tell what came of it.

use std::mem;
use std::sync::Arc as StdArc;

use crate::coalescer::Load;
use crate::engine::admit::Whereabouts;
use crate::engine::completion::Ran;
use crate::engine::queued::Queued;
use crate::engine::slot::ShortHash;
use crate::error::Error;
use crate::execute::attempt;
use crate::executor::{Job, Rejected, Run, spawn_unwinds};
use crate::group::AnyCore;
use crate::observe::Noticed;
use crate::outcome::{Outcome, Role};
use crate::submit::own::{Answer, Own};
use crate::sync::{Arc, this_thread};
use crate::wait::callbacks::{Calls, contain};
use crate::wait::deadlock;

/// A function that can go to another thread.
pub(crate) enum Function<K, V, E> {
    /// A coalescer's, which all its calls share.
    Shared(StdArc<Load<K, V, E>>),
    /// A group's, from one call.
    Once(Box<dyn FnOnce() -> Result<V, E> + Send>),
}

/// A job that has not ended. Dropped without having run, it tells so.
pub(crate) struct Task<K, V, E> {
    pub(crate) core: StdArc<AnyCore<K, V, E>>,
    pub(crate) key: StdArc<K>,
    pub(crate) function: Option<Function<K, V, E>>,
    pub(crate) duty: Duty<V, E>,
    pub(crate) own: StdArc<Own<V, E>>,
}

/// What must be ended, beside the ticket's wait.
pub(crate) enum Duty<V, E> {
    /// An execution of a flight.
    Flight(Queued<V, E>),
    /// A call that shares nothing.
    Alone(ShortHash),
    Done,
}

impl<K, V, E> Task<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Hands it to the executor, under no lock.
    pub(crate) fn submit(self) -> Result<(), Rejected> {
        let core = StdArc::clone(&self.core);
        core.executor.as_ref().expect("only what has an executor submits").spawn(Job::new(self))
    }
}

impl<K, V, E> Run for Task<K, V, E> {
    fn run(mut self: Box<Self>) {
        let me = this_thread(|me| me.token());
        let leading = deadlock::lead();
        if let Duty::Flight(queued) = &mut self.duty {
            queued.begin(&self.core.table, me);
        }
        self.own.begin(me);
        let table = &self.core.table;
        let run = table.watch_run(self.duty.whereabouts());
        let function = self.function.take().expect("a job runs once");
        let ran = attempt(self.core.share_if.as_deref(), || function.run(&self.key));
        let run = table.end_run(run, || ran.word());
        drop(leading);
        let callers = self.end(ran);
        self.core.table.tell_run(run, callers);
    }
}

impl<K, V, E> Task<K, V, E> {
    /// Ends the execution and the ticket's wait, and says how many calls it answered. What is the
    /// user's comes after both: it may wait for the ticket, or panic (S24).
    fn end(&mut self, ran: Ran<V, E>) -> usize {
        let noticed = self.notice();
        let duty = mem::replace(&mut self.duty, Duty::Done);
        let (table, own) = (&self.core.table, &self.own);
        let (mut callers, mut calls) = (1, Calls::new());
        let mut answered = |count| {
            callers = count;
            calls = own.close(ran.answer(count));
        };
        contain(|| match duty {
            Duty::Flight(queued) => queued.end(table, &ran, answered),
            Duty::Alone(hash) => {
                table.end_alone(hash, &ran);
                answered(1);
            }
            Duty::Done => unreachable!("a job ends once"),
        });
        calls.make();
        table.tell(noticed);
        contain(|| drop(ran));
        callers
    }

    /// Whether its flight is slow and nobody has been told. It is told of when everybody has the
    /// outcome.
    fn notice(&self) -> Option<Noticed<K>> {
        let table = &self.core.table;
        match &self.duty {
            Duty::Flight(queued) if table.tells_slow() => {
                table.notice_at_end(queued.whereabouts(), queued.leader())
            }
            Duty::Flight(_) | Duty::Alone(_) | Duty::Done => None,
        }
    }
}

impl<V, E> Duty<V, E> {
    /// Where the flight is that it is an execution of.
    fn whereabouts(&self) -> Option<Whereabouts> {
        match self {
            Self::Flight(queued) => Some(queued.whereabouts()),
            Self::Alone(_) | Self::Done => None,
        }
    }
}

impl<K, V, E> Drop for Task<K, V, E> {
    fn drop(&mut self) {
        if matches!(self.duty, Duty::Done) {
            return;
        }
        let ran = match spawn_unwinds() {
            true => Ran::Panicked(Box::new(()), None),
            false => Ran::Abandoned,
        };
        self.end(ran);
    }
}

impl<K, V, E> Function<K, V, E> {
    pub(crate) fn run(self, key: &K) -> Result<V, E> {
        match self {
            Self::Shared(load) => load(key),
            Self::Once(function) => function(),
        }
    }
}

impl<V, E> Ran<V, E> {
    /// What the ticket gets of a job's run. A panic has gone no further than the job.
    fn answer(&self, callers: usize) -> Answer<V, E> {
        match self {
            Self::Value(value) | Self::Unkept(value) | Self::Unshared(value) => {
                Ok(Outcome::new(Arc::clone(value), Role::Leader, callers, 0))
            }
            Self::Failed(error) => Err(Error::Failed(Arc::clone(error))),
            Self::Panicked(_, message) => Err(Error::LeaderPanicked { message: message.clone() }),
            Self::Abandoned => Err(Error::Abandoned),
        }
    }
}

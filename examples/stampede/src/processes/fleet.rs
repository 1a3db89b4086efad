//! The workers, as processes of this program.
//!
//! The crate `lab` includes this file, with a `talk` of its own.

use std::collections::HashSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::clock::{self, Nanos};
use super::talk::{Job, Order, Told, VARIABLE};

/// A process that has run in the fleet: its place, and how many had been there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) place: usize,
    pub(super) generation: u32,
}

/// An event at a worker.
pub(super) enum Event {
    Told(Told),
    /// Its stdout has ended.
    Gone,
}

struct Worker {
    who: Who,
    child: Child,
    stdin: ChildStdin,
}

/// The processes. They are ended on every way out.
pub(super) struct Fleet {
    job: Job,
    workers: Arc<Mutex<Vec<Worker>>>,
    sender: Sender<(Who, Event)>,
    events: Receiver<(Who, Event)>,
}

impl Fleet {
    /// Starts so many processes. `at_end` gets what ends all of them.
    pub(super) fn start(
        processes: usize,
        job: &Job,
        at_end: impl FnOnce(Box<dyn FnOnce() + Send>),
    ) -> Result<Self> {
        let (sender, events) = channel();
        let workers = Arc::<Mutex<Vec<Worker>>>::default();
        let ended = Arc::clone(&workers);
        at_end(Box::new(move || lock(&ended).drain(..).for_each(end)));
        let fleet = Self { job: job.clone(), workers, sender, events };
        for place in 0..processes {
            let worker = fleet.spawn(Who { place, generation: 0 })?;
            lock(&fleet.workers).push(worker);
        }
        Ok(fleet)
    }

    fn spawn(&self, who: Who) -> Result<Worker> {
        let program = env::current_exe().context("the path of this program is not known")?;
        let mut child = Command::new(program)
            .env(VARIABLE, serde_json::to_string(&self.job)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the parent, which ends the workers.
            .process_group(0)
            .spawn()
            .context("a worker cannot be started; use fewer --processes")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let worker =
            Worker { who, child, stdin: stdin.context("the worker's stdin is not a pipe")? };
        let sender = self.sender.clone();
        let lines = BufReader::new(stdout.context("the worker's stdout is not a pipe")?).lines();
        let read = move || {
            let told = lines.map_while(Result::ok).map_while(|line| {
                // A worker that is killed may leave half a line.
                serde_json::from_str(&line).ok()
            });
            for told in told {
                let _ = sender.send((who, Event::Told(told)));
            }
            let _ = sender.send((who, Event::Gone));
        };
        thread::Builder::new().name(format!("hears {}", who.place)).spawn(read)?;
        Ok(worker)
    }

    /// The next event, if there is one in this time.
    pub(super) fn next(&self, within: Duration) -> Option<(Who, Event)> {
        // It is never disconnected: `self` has a sender.
        self.events.recv_timeout(within).ok()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.workers).len()
    }

    pub(super) fn current(&self) -> HashSet<Who> {
        lock(&self.workers).iter().map(|worker| worker.who).collect()
    }

    /// Returns true if it is the process that is at its place now.
    pub(super) fn is_current(&self, who: Who) -> bool {
        lock(&self.workers).get(who.place).is_some_and(|worker| worker.who == who)
    }

    pub(super) fn tell_all(&self, order: Order) -> Result<()> {
        lock(&self.workers).iter_mut().try_for_each(|worker| worker.tell(order))
    }

    pub(super) fn tell(&self, who: Who, order: Order) -> Result<()> {
        match lock(&self.workers).get_mut(who.place).filter(|worker| worker.who == who) {
            Some(worker) => worker.tell(order),
            None => Ok(()),
        }
    }

    /// Kills a process by SIGKILL, and starts another one in its place. Returns the time of the kill.
    pub(super) fn kill(&self, who: Who) -> Result<Nanos> {
        let mut workers = lock(&self.workers);
        let Some(worker) = workers.get_mut(who.place) else { return Ok(clock::now()) };
        let at = clock::now();
        worker.child.kill().context("a worker cannot be killed")?;
        worker.child.wait()?;
        // Under the lock, so that the end of a run comes before all of it or after all of it.
        *worker = self.spawn(Who { place: who.place, generation: who.generation + 1 })?;
        Ok(at)
    }
}

impl Worker {
    fn tell(&mut self, order: Order) -> Result<()> {
        let mut line = serde_json::to_string(&order)?;
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).context("a worker has ended by itself")
    }
}

fn end(mut worker: Worker) {
    // It has ended already, or it ends now.
    let _ = worker.child.kill();
    let _ = worker.child.wait();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The workers of a lane, as the lane has them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::clock::{self, MS, Nanos};
use super::fleet::{Event, Fleet, Who};
use super::judge::{self, Execution, Kill};
use super::seen::Seen;
use super::talk::{Answer, Job, Order, Told};

/// Workers learn of a run before it begins.
const HEAD_START: Nanos = 50 * MS;

/// No worker needs longer to get ready, or to tell what it saw.
const PATIENCE: Nanos = 60_000 * MS;

/// A begin that is told later than this may be that of an execution that is over.
const FRESH: Nanos = 5 * MS;

/// Between two kills, the worker that was killed comes back.
const BETWEEN_KILLS: Nanos = 250 * MS;

pub(super) struct Crowd {
    fleet: Fleet,
    /// Ends all workers when it goes.
    _end: AtEnd,
}

/// Runs something when it goes.
struct AtEnd(Option<Box<dyn FnOnce() + Send>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

impl Crowd {
    /// Starts so many workers, and waits until all have opened what they need.
    pub(super) fn start(processes: usize, job: &Job) -> Result<Self> {
        let mut end = None;
        let fleet = Fleet::start(processes, job, |all| end = Some(all))?;
        let crowd = Self { fleet, _end: AtEnd(end) };
        crowd.each(|told| matches!(told, Told::Ready).then_some(()).context("it is not ready"))?;
        Ok(crowd)
    }

    /// The next word of each worker. The workers are in the order in which they tell it.
    fn each<T>(&self, mut read: impl FnMut(Told) -> Result<T>) -> Result<Vec<T>> {
        let limit = clock::now() + PATIENCE;
        (0..self.fleet.len()).map(|_| read(self.next(limit)?.1)).collect()
    }

    fn next(&self, limit: Nanos) -> Result<(Who, Told)> {
        loop {
            match self.fleet.next(Duration::from_millis(20)) {
                Some((_, Event::Told(Told::Failed(text)))) => bail!("a worker failed: {text}"),
                Some((who, Event::Told(told))) => return Ok((who, told)),
                Some((who, Event::Gone)) if self.fleet.is_current(who) => bail!("a worker ended"),
                _ => ensure!(clock::now() < limit, "a worker does not answer"),
            }
        }
    }

    /// Lets all call for so long. `middle` is done after a part of it, and the time of its begin is noted.
    pub(super) fn run(
        &self,
        length: Duration,
        middle: Option<(Duration, &mut dyn FnMut() -> Result<()>)>,
    ) -> Result<Seen> {
        let from = clock::now() + HEAD_START;
        let until = from + nanos(length);
        self.fleet.tell_all(Order::Run { from, until })?;
        let mut seen = Seen::new(from, until);
        if let Some((after, act)) = middle {
            super::pipe::wait_until(from + nanos(after));
            seen.fault = Some(clock::now());
            act()?;
        }
        let mut place = 0;
        self.each(|told| match told {
            Told::Report(report) => {
                seen.add(Who { place, generation: 0 }, report);
                place += 1;
                Ok(())
            }
            told => bail!("a worker told something else: {told:?}"),
        })?;
        Ok(seen)
    }

    /// One call of each worker, so that all hold the result.
    pub(super) fn hold(&self) -> Result<Vec<Answer>> {
        self.fleet.tell_all(Order::Hold)?;
        self.each(|told| match told {
            Told::Held(answer) => Ok(answer),
            told => bail!("a worker told something else: {told:?}"),
        })
    }

    /// One worker forgets the key everywhere. Returns when its call began, how long it took, and if all were reached.
    pub(super) fn forget(&self, place: usize) -> Result<(Nanos, Nanos, bool)> {
        self.fleet.tell(Who { place, generation: 0 }, Order::Forget)?;
        match self.next(clock::now() + PATIENCE)?.1 {
            Told::Forgot { entered, returned, everywhere } => {
                Ok((entered, returned - entered, everywhere))
            }
            told => bail!("a worker told something else: {told:?}"),
        }
    }

    /// Kills so many leaders in their function. Returns how long after each kill the next execution began.
    pub(super) fn kill_leaders(&self, times: usize) -> Result<Vec<Nanos>> {
        let from = clock::now() + HEAD_START;
        let order = Order::Run { from, until: Nanos::MAX };
        self.fleet.tell_all(order)?;
        let limit = clock::now() + PATIENCE + times as u64 * 4 * BETWEEN_KILLS;
        let (mut executions, mut kills) = (Vec::<Execution>::new(), Vec::<Kill>::new());
        loop {
            let takeovers = judge::takeovers(&executions, &kills);
            if takeovers.len() >= times {
                return Ok(takeovers);
            }
            match self.next(limit)? {
                (who, Told::Began { id, key, at }) => {
                    executions.push(Execution { who, id, key, began: at, ended: None });
                    let now = clock::now();
                    let is_due = kills.last().is_none_or(|kill| now > kill.at + BETWEEN_KILLS);
                    if is_due && now < at + FRESH && self.fleet.is_current(who) {
                        kills.push(Kill { at: self.fleet.kill(who)?, who, id, key });
                    }
                }
                (who, Told::Ended { id, at }) => {
                    if let Some(it) = executions.iter_mut().rev().find(|one| one.is(who, id)) {
                        it.ended = Some(at);
                    }
                }
                (who, Told::Ready) => self.fleet.tell(who, order)?,
                (_, told) => bail!("a worker told something else: {told:?}"),
            }
        }
    }
}

fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}

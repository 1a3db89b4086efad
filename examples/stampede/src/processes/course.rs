//! The course of the phases, and the faults in them.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::clock::{self, MS, Nanos};
use super::engine::Engine;
use super::fleet::{Event, Fleet, Who};
use super::guard::Guard;
use super::judge::{Execution, Kill};
use super::live::Live;
use super::record::{Mark, Record};
use super::talk::{Mode, Order, Told};
use crate::process_options::Settings;

/// Workers get ready within this time.
const START: Duration = Duration::from_secs(30);

/// After the end of a phase, the last answers come within this time.
const LAST_ANSWERS: Duration = Duration::from_secs(60);

/// Workers learn of a phase before it begins.
const HEAD_START: Nanos = 50 * MS;

/// A phase that has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) mode: Mode,
    /// How many leaders are killed in it.
    pub(super) kills: u64,
    /// The engine goes away, and comes back.
    pub(super) is_engine_gone: bool,
}

/// The phases, in their order.
pub(super) const PLANS: [Plan; 5] = [
    Plan { name: "off", mode: Mode::Off, kills: 0, is_engine_gone: false },
    Plan { name: "alone", mode: Mode::Alone, kills: 0, is_engine_gone: false },
    Plan { name: "shared", mode: Mode::Shared, kills: 0, is_engine_gone: false },
    Plan { name: "kill -9", mode: Mode::Shared, kills: 3, is_engine_gone: false },
    Plan { name: "outage", mode: Mode::Shared, kills: 0, is_engine_gone: true },
];

pub(super) struct Course<'a> {
    pub(super) fleet: Fleet,
    pub(super) engine: Engine,
    pub(super) settings: &'a Settings,
    pub(super) guard: &'a Guard,
    pub(super) live: &'a mut Live,
}

/// A phase that runs.
struct Run {
    plan: Plan,
    order: Order,
    record: Record,
    running: HashSet<Who>,
    /// The times of the kills that are still to come, the next one last.
    kills: Vec<Nanos>,
    /// The times at which the engine goes and comes back, the next one last.
    engine: Vec<Nanos>,
}

impl Course<'_> {
    /// Waits until all workers have opened what they need.
    pub(super) fn get_ready(&mut self) -> Result<()> {
        let (limit, mut ready) = (clock::now() + nanos(START), 0);
        while ready < self.fleet.len() {
            self.guard.check()?;
            ensure!(clock::now() < limit, "the workers did not start within {} s", START.as_secs());
            match self.fleet.next(Duration::from_millis(20)) {
                Some((_, Event::Told(Told::Ready))) => ready += 1,
                Some((_, Event::Told(Told::Failed(text)))) => bail!("a worker failed: {text}"),
                Some((_, Event::Gone)) => self.lost()?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn run(&mut self, plan: Plan) -> Result<Record> {
        let from = clock::now() + HEAD_START;
        let length = nanos(self.settings.phase);
        let order = Order { mode: plan.mode, from, until: from + length };
        let kills = (1..=plan.kills).map(|n| from + length * n / (plan.kills + 1));
        // Gone long enough to see that each process goes on by itself; back so early that the phase shows
        // how they meet again, which takes up to 5 s after a long time.
        let is_gone = plan.is_engine_gone && self.engine.fault().is_some();
        let engine = if is_gone { vec![from + length / 2, from + length / 6] } else { Vec::new() };
        let mut run = Run {
            plan,
            order,
            record: Record::new(from, order.until),
            running: self.fleet.current(),
            kills: kills.rev().collect(),
            engine,
        };
        self.fleet.tell_all(order)?;
        self.live.begin(plan.name, from);
        while !run.running.is_empty() {
            self.guard.check()?;
            ensure!(
                clock::now() < order.until + nanos(LAST_ANSWERS),
                "the last answers of the phase \"{}\" did not come within {} s",
                plan.name,
                LAST_ANSWERS.as_secs()
            );
            self.change_engine(&mut run)?;
            if let Some((who, event)) = self.fleet.next(Duration::from_millis(10)) {
                self.hear(&mut run, who, event)?;
            }
            self.live.show(self.settings);
        }
        // The engine comes back, whatever the phase was.
        while !run.engine.is_empty() {
            run.engine.iter_mut().for_each(|at| *at = 0);
            self.change_engine(&mut run)?;
        }
        Ok(run.record)
    }

    fn change_engine(&mut self, run: &mut Run) -> Result<()> {
        if !pop_due(&mut run.engine, clock::now()) {
            return Ok(());
        }
        let mark = if run.record.gone.is_none() {
            let mark = Mark { at: clock::now(), what: self.engine.fault().unwrap_or_default() };
            self.engine.take_away()?;
            run.record.gone = Some(mark.at);
            mark
        } else {
            self.engine.bring_back()?;
            let mark = Mark { at: clock::now(), what: "back" };
            run.record.back = Some(mark.at);
            mark
        };
        self.live.fault(mark.what);
        run.record.marks.push(mark);
        Ok(())
    }

    fn hear(&mut self, run: &mut Run, who: Who, event: Event) -> Result<()> {
        let told = match event {
            Event::Told(told) => told,
            Event::Gone if self.fleet.is_current(who) => return self.lost(),
            Event::Gone => return Ok(()),
        };
        match told {
            Told::Began { id, key, at } => {
                run.record.executions.push(Execution { who, id, key, began: at, ended: None });
                self.live.began();
                // Only a leader that runs now: the line may have waited.
                let is_fresh = clock::now() < at + 3 * MS && self.fleet.is_current(who);
                if is_fresh && pop_due(&mut run.kills, at) {
                    let at = self.fleet.kill(who)?;
                    run.running.remove(&who);
                    run.record.kills.push(Kill { at, who, id, key });
                    run.record.marks.push(Mark { at, what: "kill -9" });
                    self.live.fault("kill -9 of the leader, in its query");
                }
            }
            Told::Ended { id, at } => {
                if run.record.ended(who, id, at) {
                    // The query was over before the kill, so another leader is killed.
                    run.kills.push(clock::now());
                }
            }
            Told::Tick(tick) => {
                self.live.tick(&tick);
                run.record.ticks.push(tick);
            }
            Told::Stopped => drop(run.running.remove(&who)),
            Told::Ready => {
                let now = clock::now();
                // One that was there when the phase began has its order.
                if now < run.order.until && run.running.insert(who) {
                    self.fleet.tell(who, Order { from: now, ..run.order })?;
                }
            }
            Told::Failed(text) => {
                bail!("a worker failed in the phase \"{}\": {text}", run.plan.name)
            }
        }
        Ok(())
    }

    fn lost(&self) -> Result<()> {
        self.guard.check()?;
        bail!("a worker has ended by itself; what it said is above")
    }
}

/// Takes the next time if it has come.
fn pop_due(times: &mut Vec<Nanos>, now: Nanos) -> bool {
    let is_due = times.last().is_some_and(|due| now >= *due);
    if is_due {
        times.pop();
    }
    is_due
}

fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}

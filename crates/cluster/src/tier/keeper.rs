//! The thread that keeps what this process has in the engine: it renews leases, looks for leaders that have
//! gone, and makes up for steps that failed.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::engine::{End, Inbox, Lead, Released, Token};
use crate::observe::Step;

use super::process::Process;

/// A clock that a test moves wakes nobody, so the keeper looks at it so often.
const LOOK: Duration = Duration::from_millis(1);

/// A claim that may have been carried out is released so often: the engine may carry it out after the first.
const RELEASES: u8 = 3;

/// Keeps until the process closes.
pub(super) fn keep(process: &Process) {
    let mut keeper = Keeper::new(process);
    loop {
        // Before the look: somebody who closes rings afterwards.
        let rung = process.bell.count();
        if process.is_closed() {
            return;
        }
        match keeper.work() {
            Some(due) => {
                let left = due.saturating_duration_since(process.now());
                // Work that begins meanwhile does not ring, and may be due sooner: a wait is not for the next renewal.
                let longest = if process.is_manual() { LOOK } else { process.terms.probe };
                process.bell.wait(rung, left.min(longest).max(Duration::from_micros(100)));
            }
            None => process.bell.rest(rung, || process.has_work()),
        }
    }
}

struct Keeper<'a> {
    process: &'a Process,
    /// `None` while nothing is led.
    next_renewal: Option<Instant>,
    next_probe: Instant,
    next_repair: Instant,
    /// Leaders that did not listen when they were looked for last.
    missing: HashSet<Inbox>,
    /// How often a claim without a reply was released.
    releases: HashMap<Token, u8>,
}

impl<'a> Keeper<'a> {
    fn new(process: &'a Process) -> Self {
        let now = process.now();
        let (missing, releases) = Default::default();
        Self { process, next_renewal: None, next_probe: now, next_repair: now, missing, releases }
    }

    /// Does what is due. Returns when something is due next; `None` if there is nothing to keep.
    fn work(&mut self) -> Option<Instant> {
        let (process, now) = (self.process, self.process.now());
        let mut due = Vec::new();
        if process.can.leases && !process.leads.is_empty() {
            let in_time = now + process.terms.lease / 3;
            let next = match self.next_renewal {
                Some(next) if now >= next => {
                    self.renew();
                    in_time
                }
                // A lead that has just begun needs nothing yet.
                next => next.unwrap_or(in_time),
            };
            self.next_renewal = Some(next);
            due.push(next);
        } else {
            self.next_renewal = None;
        }
        let holders = if process.probes() { process.waits.holders() } else { Vec::new() };
        if holders.is_empty() {
            self.missing.clear();
        } else {
            if now >= self.next_probe {
                self.probe(&holders);
                self.next_probe = now + process.terms.probe;
            }
            due.push(self.next_probe);
        }
        if process.has_repairs() {
            if now >= self.next_repair {
                self.repair();
                self.next_repair = now + process.terms.op_timeout;
            }
            due.push(self.next_repair);
        }
        due.into_iter().min()
    }

    fn renew(&self) {
        let process = self.process;
        let leads = process.leads.all();
        let (namespace, lease) = (&*process.terms.namespace, process.terms.lease);
        let steps: Vec<_> = leads
            .iter()
            .map(|(token, place)| Lead { key: place.key(namespace), token, lease })
            .collect();
        let sent = process.now();
        let renewed = process.ask(Step::Renew, process.terms.op_timeout, |engine, within| {
            engine.renew(&steps, within)
        });
        let Ok(renewed) = renewed else { return };
        for ((token, _), stands) in leads.iter().zip(renewed) {
            if stands {
                process.leads.renewed(token, sent + lease);
            } else if process.leads.lost(token) {
                process.guarded.counters().lost_lease();
            }
        }
    }

    fn probe(&mut self, holders: &[Inbox]) {
        let process = self.process;
        let listening = process.ask(Step::Listening, process.terms.op_timeout, |engine, within| {
            engine.listening(holders, within)
        });
        // An engine that does not answer says nothing about a leader.
        let Ok(listening) = listening else { return self.missing.clear() };
        let absent = holders.iter().zip(listening).filter(|(_, listens)| !listens);
        let absent: HashSet<_> = absent.map(|(holder, _)| holder.clone()).collect();
        // Who connects anew is missing once.
        absent.intersection(&self.missing).for_each(|holder| process.waits.tell_missing(holder));
        self.missing = absent;
    }

    /// Asks an engine that was down if it is back, and makes up for what did not reach it.
    fn repair(&mut self) {
        let process = self.process;
        if process.ping().is_err() {
            return;
        }
        for what in process.forgets.all(process.now()) {
            if !process.repeat(&what) {
                return;
            }
        }
        if process.can.leases {
            process.orphans.drop_over(process.now());
        }
        self.releases.retain(|token, _| process.orphans.has(token));
        for (token, place) in process.orphans.all() {
            let within = process.terms.op_timeout;
            let released = process.release(&token, &place, End::AskAgain, within);
            let Ok(released) = released else { return };
            let tries = self.releases.entry(token.clone()).or_default();
            *tries += 1;
            if *tries >= RELEASES || released != Released::Refused {
                process.orphans.leave(&token);
            }
        }
    }
}

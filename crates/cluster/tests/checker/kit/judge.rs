//! The judgement of a run.
//!
//! Three times of an execution can be seen from outside: the call that ran it came, its function began, and that call
//! returned. The claim is between the first two. The publication is between the function's end and the third one. So a
//! rule takes the end of each interval that speaks for the engine. A call can also go on with the flight of an older claim,
//! whose own call timed out. So the begin of a flight is the one that the calls tell that got its value.

use std::collections::HashMap;
use std::fmt;

use super::record::{Call, End, Execution, Forget, Kind, Record};
use super::{MS, Nanos, WINDOWS};

/// News of an end is on its way for less than this.
const NEWS: Nanos = 10_000 * MS;

#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) calls: usize,
    /// Calls that got a value.
    pub(crate) values: usize,
    pub(crate) executions: usize,
    pub(crate) forgets: usize,
    pub(crate) unreached: usize,
    /// The faults, one a line.
    pub(crate) broken: Vec<String>,
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, values, executions, forgets, unreached, .. } = self;
        write!(f, "{calls} calls, {values} values, {executions} executions, ")?;
        write!(f, "{forgets} forgets, of which {unreached} reached not everybody")
    }
}

/// An execution, and the call that ran it.
#[derive(Clone, Copy)]
struct Led {
    execution: Execution,
    entered: Nanos,
    returned: Nanos,
    /// Its flight did not begin before: a call that got the value says how old that was. A claim whose call has timed out
    /// can have begun the flight long before the call that ran it came, and that does not move the begin.
    begun: Nanos,
    /// Its flight did not begin after, or the age that the call got is too large.
    begun_by: Nanos,
}

struct Court<'a> {
    record: &'a Record,
    killed: &'a [(u64, Nanos)],
    led: HashMap<u64, Led>,
    judged: Judged,
}

/// Judges. `is_calm`: nothing was killed or stopped, so the promises for such times hold too.
pub(crate) fn judge(record: &Record, killed: &[(u64, Nanos)], is_calm: bool) -> Judged {
    let ran = record.calls.iter().filter_map(|call| Some((call.ran?, call)));
    let ran: HashMap<u64, &Call> = ran.collect();
    let mut begun = HashMap::new();
    for call in &record.calls {
        let End::Value(made) = call.end else { continue };
        // It returned after these two.
        let at_least = call.entered.max(made.ended).saturating_sub(call.age);
        let begun = begun.entry(made.number).or_insert(at_least);
        *begun = at_least.max(*begun);
    }
    let led = record.executions.iter().filter_map(|execution| {
        let call = ran.get(&execution.number)?;
        let (entered, returned) = (call.entered, call.returned);
        let begun = begun.get(&execution.number).copied().unwrap_or(entered);
        let begun_by = returned.saturating_sub(call.age);
        let led = Led { execution: *execution, entered, returned, begun, begun_by };
        Some((execution.number, led))
    });
    let mut court = Court { record, killed, led: led.collect(), judged: Judged::default() };
    for call in &record.calls {
        court.judge_call(call, is_calm);
    }
    if is_calm {
        court.judge_forgets();
        court.judge_executions();
    }
    court.judged.calls = record.calls.len();
    court.judged.executions = record.executions.len();
    court.judged.forgets = record.forgets.len();
    let unreached = record.forgets.iter().filter(|forget| forget.returned == Nanos::MAX);
    court.judged.unreached = unreached.count();
    court.judged
}

impl Court<'_> {
    fn broken(&mut self, promise: &str, what: String) {
        self.judged.broken.push(format!("{promise}: {what}"));
    }

    fn judge_call(&mut self, call: &Call, is_calm: bool) {
        let made = match (call.end, call.kind) {
            (End::Value(made), _) => made,
            (End::WouldBlock, Kind::Try) => return,
            (End::TimedOut, Kind::Timeout(limit)) if call.returned >= call.entered + limit => {
                return;
            }
            _ => return self.broken("an end that must not be", format!("{call:?}")),
        };
        self.judged.values += 1;
        if made.key != call.key {
            return self.broken("C4, a value of another key", format!("{call:?}"));
        }
        match self.led.get(&made.number) {
            Some(led) if led.execution != made => {
                return self.broken("C4, a value that nobody made", format!("{call:?}"));
            }
            None if is_calm => {
                return self.broken("C4, a value that nobody made", format!("{call:?}"));
            }
            _ => {}
        }
        self.judge_age(call, made);
        if is_calm && call.kind == Kind::Fresh && made.began < call.entered {
            self.broken("C24, a fresh call got what had begun before it", format!("{call:?}"));
        }
    }

    /// C5. The end of the cluster's flight is its publication; until then calls join it at any age.
    fn judge_age(&mut self, call: &Call, made: Execution) {
        let window = WINDOWS[made.key.0];
        let led = self.led.get(&made.number);
        let killed = || self.killed.iter().find(|(process, _)| *process == made.number >> 32);
        let over = led.map(|led| led.returned).or_else(|| killed().map(|(_, at)| *at));
        let Some(over) = over.filter(|over| call.entered > *over) else { return };
        // C6: with a flight as slow as its window, calls may join while the news is on its way.
        let was_kept = over < led.map_or(made.began, |led| led.entered) + window;
        let limit = if was_kept { made.began + window } else { over + NEWS };
        if call.entered >= limit {
            let late = (call.entered - limit) as f64 / MS as f64;
            self.broken("C5, a value over age", format!("{late} ms: {call:?}"));
        }
    }

    /// C20: what had begun before a forget began is nothing for calls that came after it returned.
    fn judge_forgets(&mut self) {
        // For each key, the forgets by their return, each with the latest begin of those up to it.
        let mut forgets: HashMap<_, Vec<Forget>> = HashMap::new();
        for forget in &self.record.forgets {
            forgets.entry(forget.key).or_default().push(*forget);
        }
        for forgets in forgets.values_mut() {
            forgets.sort_by_key(|forget| forget.returned);
            let mut latest = 0;
            for forget in forgets {
                latest = latest.max(forget.entered);
                forget.entered = latest;
            }
        }
        for call in &self.record.calls {
            let End::Value(made) = call.end else { continue };
            let Some(forgets) = forgets.get(&call.key) else { continue };
            let before = forgets.partition_point(|forget| forget.returned < call.entered);
            let Some(forget) = before.checked_sub(1).map(|last| forgets[last]) else { continue };
            if made.began < forget.entered {
                self.broken("C20, a forgotten value", format!("{forget:?} {call:?}"));
            }
        }
    }

    /// C1: executions of a key follow one another, and are a window apart.
    fn judge_executions(&mut self) {
        let mut all: Vec<Led> = self.led.values().copied().collect();
        all.sort_by_key(|led| (led.execution.key, led.execution.began));
        for (nth, next) in all.iter().enumerate() {
            let key = next.execution.key;
            let before = all[..nth].iter().rev().take_while(|led| led.execution.key == key);
            // Older ones than these have ended long ago.
            for (back, led) in before.take(8).enumerate() {
                // The one whose function begins later may have been claimed, and forgotten, before the other one.
                let from = led.entered.min(next.entered);
                let is_between = |forget: &Forget| {
                    let (entered, returned) = (forget.entered, forget.returned);
                    forget.key == key && returned >= from && entered <= next.execution.began
                };
                if self.record.forgets.iter().any(is_between) {
                    continue;
                }
                let pair = format!("{} and {}", self.told(led), self.told(next));
                if next.execution.began < led.execution.ended {
                    self.broken("C1, executions overlap", pair);
                } else if back == 0 && too_soon(led, next) && !self.has_fresh_call(next) {
                    self.broken("C1, two executions in a window", pair);
                } else if back == 0 && counts_from_before(led, next) {
                    self.broken("C5, a begin before the end of the execution before", pair);
                }
            }
        }
    }

    /// An execution with its call, and the forgets before and after it.
    fn told(&self, led: &Led) -> String {
        let of_key = || {
            let forgets = self.record.forgets.iter();
            forgets.filter(|forget| forget.key == led.execution.key)
        };
        let before = of_key().filter(|forget| forget.entered < led.entered);
        let after = of_key().filter(|forget| forget.entered >= led.entered);
        format!(
            "{:?} by {:?} [last forget {:?}, next forget {:?}]",
            led.execution,
            self.record.calls.iter().find(|call| call.ran == Some(led.execution.number)),
            before
                .max_by_key(|forget| forget.entered)
                .map(|forget| (forget.entered, forget.returned)),
            after
                .min_by_key(|forget| forget.entered)
                .map(|forget| (forget.entered, forget.returned)),
        )
    }

    /// A fresh call came before the execution and took part in it. The one that leads need not be fresh.
    fn has_fresh_call(&self, led: &Led) -> bool {
        let is_there = |call: &&Call| {
            call.kind == Kind::Fresh
                && call.key == led.execution.key
                && call.entered <= led.execution.began
                && call.returned >= led.entered
        };
        self.record.calls.iter().any(|call| is_there(&call))
    }
}

/// The result was kept in any case, and the next execution began within its window in any case.
fn too_soon(led: &Led, next: &Led) -> bool {
    let end_of_window = led.begun + WINDOWS[led.execution.key.0];
    led.returned < end_of_window && next.execution.began < end_of_window
}

/// The flight of the next execution began after this execution. Its process may reckon with an earlier begin, but not with
/// one that is earlier by more than its claim took.
fn counts_from_before(led: &Led, next: &Led) -> bool {
    let claim = next.execution.began - next.entered;
    WINDOWS[led.execution.key.0] > 0 && next.begun_by + claim < led.execution.ended
}

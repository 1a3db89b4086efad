//! Fresh calls of three processes, and forgets between them.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{ManualClock, Role};
use coalescer_cluster::Memory;
use coalescer_loom_tests::checker::thread::spawn;
use coalescer_loom_tests::{Latch, Model, Seen};

use super::{Runs, Site, begin, joined, site_with, until, yield_now};

/// The time of a model: it stands still, or a clock goes on by the smallest step.
#[derive(Clone, Default)]
struct Time(Option<ManualClock>);

impl Time {
    fn goes_on() -> Self {
        Self(Some(ManualClock::new()))
    }

    fn tick(&self) {
        if let Some(clock) = &self.0 {
            clock.advance(Duration::from_nanos(1));
        }
    }

    fn engine(&self) -> Memory {
        self.0.clone().map_or_else(Memory::new, Memory::with_clock)
    }

    /// A process that tells the time before each run.
    fn site(&self, engine: &Memory, run: impl Fn() -> u64 + Send + Sync + 'static) -> Arc<Site> {
        let time = self.clone();
        let set = |table: super::Table| match self.0.clone() {
            Some(clock) => table.clock(clock),
            None => table,
        };
        site_with(engine.clone(), set, move || {
            time.tick();
            run()
        })
    }
}

/// A fresh call, which gets no run that began before it. Returns the run, and the role of the call.
fn fresh(site: &Site, runs: &Runs, time: &Time) -> (u64, Role) {
    time.tick();
    let begun = runs.begun();
    let outcome = site.users.call(&7).fresh().outcome().expect("nothing fails");
    assert!(*outcome.value > begun, "it began before the call");
    (*outcome.value, outcome.role)
}

/// Two fresh calls of one process and one of another wait for the run of a third process. Afterwards each calls again, and
/// has a copy then. Notes if the first calls of the one process had the same run.
fn meet_a_run_elsewhere(time: &Time, seen: &Seen) {
    let (engine, runs, latch) = (time.engine(), Runs::default(), Arc::new(Latch::new(1)));
    let [first, here, there] = [(); 3].map(|()| {
        let (runs, latch) = (runs.clone(), Arc::clone(&latch));
        time.site(&engine, move || {
            let run = runs.begin();
            if run == 1 {
                latch.wait();
            }
            run
        })
    });
    let leads = begin(&first, |site| site.value());
    runs.wait_for(1);
    let calls = [&here, &here, &there].map(|site| {
        let (runs, time) = (runs.clone(), time.clone());
        begin(site, move |site| {
            let (run, _) = fresh(site, &runs, &time);
            fresh(site, &runs, &time);
            run
        })
    });
    until(|| [&here, &there].iter().all(|site| site.cluster.stats().waits >= 1));
    time.tick();
    latch.count_down();
    assert_eq!(joined(leads), 1);
    let [one, other, _] = calls.map(joined);
    seen.note(if one == other { "one run" } else { "two runs" });
}

/// C24, S30: time stands still, so a second call of a process cannot tell the run of the first one from an older one.
#[test]
fn fresh_calls_meet_a_run_elsewhere() {
    let endings = ["two runs"];
    Model::new("a run elsewhere, 3 fresh calls", endings)
        .explore(move |seen| meet_a_run_elsewhere(&Time::default(), seen));
}

/// C24, S30: the clock goes on. A call that has waited in its process asks for a result that is younger than itself, and the age
/// that the engine tells decides.
#[test]
fn fresh_calls_meet_a_run_elsewhere_as_time_goes_on() {
    let endings = ["one run", "two runs"];
    Model::new("a run elsewhere, 3 fresh calls, a clock", endings)
        .explore(move |seen| meet_a_run_elsewhere(&Time::goes_on(), seen));
}

/// Two threads of each process call, forget, and call for a fresh result. No call gets what was forgotten before it came, and
/// everybody returns. Notes what became of fresh calls.
fn crowd(time: &Time, seen: &Seen) {
    let (engine, runs) = (time.engine(), Runs::default());
    let sites = [(); 3].map(|()| {
        let runs = runs.clone();
        time.site(&engine, move || {
            let run = runs.begin();
            // Others come meanwhile.
            yield_now();
            run
        })
    });
    let part = |number: usize| {
        let site = Arc::clone(&sites[number % 3]);
        let (runs, time, seen) = (runs.clone(), time.clone(), seen.clone());
        spawn(move || {
            let mut forgotten = 0;
            for step in 0..3 {
                match (number + step) % 3 {
                    0 => {
                        let begun = runs.begun();
                        site.users.forget_everywhere(&7).expect("everybody is reached");
                        forgotten = begun;
                    }
                    1 => match fresh(&site, &runs, &time) {
                        (_, Role::Leader) => seen.note("a fresh call led"),
                        (_, Role::Shared) => seen.note("another process ran it"),
                        _ => {}
                    },
                    _ => {
                        time.tick();
                        assert!(site.value() > forgotten, "it was forgotten");
                    }
                }
            }
        })
    };
    let threads: Vec<_> = (0..6).map(part).collect();
    threads.into_iter().for_each(joined);
}

/// C20, C24, S28, S30: time stands still, so all calls come at the time at which all runs begin.
#[test]
fn three_processes_call_and_forget() {
    let endings = ["a fresh call led", "another process ran it"];
    Model::new("crowd: 3 processes", endings).explore(move |seen| crowd(&Time::default(), seen));
}

/// C20, C24, S28, S30: the same, and the clock goes on with each call and each run.
#[test]
fn three_processes_call_and_forget_as_time_goes_on() {
    let endings = ["a fresh call led", "another process ran it"];
    Model::new("crowd: 3 processes, a clock", endings)
        .explore(move |seen| crowd(&Time::goes_on(), seen));
}

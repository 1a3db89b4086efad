//! The parent: starts the processes, makes faults, and judges.
//!
//! A fault of a process is a kill, after which another process takes its place, or a stop for some time. A fault of an
//! engine is a function of the test's: it makes the fault, and ends it. The two kinds come beside each other.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fmt, process, thread};

use super::dice::Dice;
use super::judge::{Judged, judge};
use super::record::Record;
use super::worker::{Job, VARIABLE};
use super::{MS, Nanos, now, rest};

/// After the last call of a run, everybody returns within this time.
const RETURNS: Duration = Duration::from_secs(30);

/// A process is stopped for so many milliseconds: longer than the shortest lease.
const LONGEST_STOP: u64 = 800;

/// A fault of an engine, which lasts for some time and ends with the call.
pub(crate) type Fault<'a> = &'a (dyn Fn(&mut Dice) + Sync);

#[derive(Clone, Copy)]
pub(crate) enum Faults<'a> {
    None,
    /// Processes are killed and stopped at random, and these are made beside that.
    Random(&'a [Fault<'a>]),
}

#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The full name of the test that calls [`work`](super::work).
    pub(crate) worker: &'a str,
    /// One process for each of them, and its successors if it is killed.
    pub(crate) addresses: &'a [String],
    pub(crate) threads: u64,
    pub(crate) faults: Faults<'a>,
    pub(crate) seed: u64,
}

impl Plan<'_> {
    fn is_calm(&self) -> bool {
        matches!(self.faults, Faults::None)
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addresses, threads, seed, .. } = self;
        let faults = if self.is_calm() { "without" } else { "with" };
        write!(f, "{} processes of {threads} threads {faults} faults, seed {seed}", addresses.len())
    }
}

/// A run takes so long, and one with faults longer: processes take time to start. `COALESCER_STRESS_SECONDS` is another
/// number.
fn length(plan: &Plan<'_>) -> Duration {
    let set = env::var("COALESCER_STRESS_SECONDS").ok();
    let usual = if plan.is_calm() { 4 } else { 6 };
    Duration::from_secs(set.and_then(|text| text.parse().ok()).unwrap_or(usual))
}

struct Worker {
    number: u64,
    /// Its address is the one of this place.
    place: usize,
    child: Child,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A folder for the records, which goes with the run.
struct Records(PathBuf);

impl Drop for Records {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

struct Run<'a> {
    plan: &'a Plan<'a>,
    until: Nanos,
    records: Records,
    started: u64,
    /// The processes that were killed, and when.
    killed: Vec<(u64, Nanos)>,
}

/// Runs the plan.
///
/// # Panics
///
/// If a promise is broken, or if somebody does not return.
pub(crate) fn run(plan: &Plan<'_>) {
    // One run at a time has the processors.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let until = now() + length(plan).as_nanos() as Nanos;
    let name = format!("coalescer-records-{}-{}", process::id(), plan.seed);
    let records = Records(env::temp_dir().join(name));
    fs::create_dir_all(&records.0).unwrap();
    let mut run = Run { plan, until, records, started: 0, killed: Vec::new() };
    let mut workers: Vec<_> = (0..plan.addresses.len()).map(|place| run.start(place)).collect();
    if let Faults::Random(faults) = plan.faults {
        thread::scope(|scope| {
            scope.spawn(|| make_engine_faults(faults, plan.seed, until));
            run.make_process_faults(&mut workers);
        });
    }
    let record = run.collect(workers);
    // Some promises are for times at which the engine answers in time, and on a busy machine it may not.
    let alone = record.alone;
    let is_calm = plan.is_calm() && alone == [0; 7];
    let judged = judge(&record, &run.killed, is_calm);
    println!("{plan}: {judged}; {} processes killed, calls alone {alone:?}", run.killed.len());
    if plan.is_calm() && !is_calm {
        println!("NOT CHECKED: C1, C20 and C24, since the engine did not answer in time");
    }
    let Judged { broken, calls, values, .. } = judged;
    assert!(broken.is_empty(), "{} promises are broken:\n{}", broken.len(), first(&broken));
    // On a busy machine there are few.
    assert!(calls > 50 && values > calls / 2, "too few calls to judge anything");
}

fn first(broken: &[String]) -> String {
    broken.iter().take(10).cloned().collect::<Vec<_>>().join("\n")
}

impl Run<'_> {
    fn start(&mut self, place: usize) -> Worker {
        self.started += 1;
        let number = self.started;
        let job = Job {
            address: self.plan.addresses[place].clone(),
            is_calm: self.plan.is_calm(),
            number,
            threads: self.plan.threads,
            seed: self.plan.seed,
            until: self.until,
            path: self.path(number).to_str().unwrap().to_owned(),
        };
        let child = Command::new(env::current_exe().unwrap())
            .args([self.plan.worker, "--exact", "--ignored", "--nocapture"])
            .env(VARIABLE, job.to_text())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Worker { number, place, child }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.records.0.join(number.to_string())
    }

    /// Kills processes, and stops others for a while, until the calls end.
    fn make_process_faults(&mut self, workers: &mut [Worker]) {
        let mut dice = Dice::new(self.plan.seed);
        while let Some(time) = pause_before_fault(&mut dice, self.until) {
            rest(time);
            let at = dice.below(workers.len() as u64) as usize;
            let id = workers[at].child.id();
            if dice.below(2) == 0 {
                signal("STOP", id);
                rest((5 + dice.below(LONGEST_STOP)) * MS);
                signal("CONT", id);
            } else {
                workers[at].child.kill().unwrap();
                workers[at].child.wait().unwrap();
                self.killed.push((workers[at].number, now()));
                workers[at] = self.start(workers[at].place);
            }
        }
    }

    /// Waits for all, and reads what they saw.
    fn collect(&self, workers: Vec<Worker>) -> Record {
        let left = Duration::from_nanos(self.until.saturating_sub(now()));
        let end = Instant::now() + left + RETURNS;
        let mut record = Record::default();
        for mut worker in workers {
            let status = loop {
                if let Some(status) = worker.child.try_wait().unwrap() {
                    break status;
                }
                assert!(
                    Instant::now() < end,
                    "a call of process {} does not return",
                    worker.number
                );
                thread::sleep(Duration::from_millis(5));
            };
            let mut said = String::new();
            let out = worker.child.stdout.take().unwrap();
            std::io::Read::read_to_string(&mut { out }, &mut said).unwrap();
            assert!(status.success(), "process {} failed: {said}", worker.number);
        }
        // Of those that were killed too.
        for number in 1..=self.started {
            let text = fs::read_to_string(self.path(number)).unwrap_or_default();
            record.add(Record::parse(&text));
        }
        record
    }
}

/// Makes one fault after the other.
fn make_engine_faults(faults: &[Fault<'_>], seed: u64, until: Nanos) {
    let mut dice = Dice::new(!seed);
    while !faults.is_empty() {
        let Some(time) = pause_before_fault(&mut dice, until) else { return };
        rest(time);
        faults[dice.below(faults.len() as u64) as usize](&mut dice);
    }
}

/// `None`: the calls are about to end.
fn pause_before_fault(dice: &mut Dice, until: Nanos) -> Option<Nanos> {
    let time = (50 + dice.below(400)) * MS;
    (now() + time + 200 * MS < until).then_some(time)
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(sent.unwrap().success(), "the signal {name} was not sent");
}

//! The parent: starts the processes, makes faults, and judges.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use super::dice::Dice;
use super::judge::{Judged, judge};
use super::record::Record;
use super::worker::{Job, VARIABLE};
use super::{MS, Nanos, now};

/// After the last call of a run, everybody returns within this time.
const RETURNS: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) processes: u64,
    pub(crate) threads: u64,
    /// Processes are killed and stopped at random.
    pub(crate) faults: bool,
    pub(crate) seed: u64,
}

/// A run takes so long. `COALESCER_STRESS_SECONDS` is another number.
fn length() -> Duration {
    let set = env::var("COALESCER_STRESS_SECONDS").ok();
    Duration::from_secs(set.and_then(|text| text.parse().ok()).unwrap_or(4))
}

struct Worker {
    number: u64,
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
    worker: &'a str,
    address: &'a str,
    plan: Plan,
    until: Nanos,
    records: Records,
    started: u64,
    /// The processes that were killed, and when.
    killed: Vec<(u64, Nanos)>,
}

/// Runs the plan. `worker` is the full name of the test that calls [`work`](super::work), and `address` is for it.
///
/// # Panics
///
/// If a promise is broken, or if somebody does not return.
pub(crate) fn run(worker: &str, address: &str, plan: Plan) {
    // One run at a time has the processors.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let until = now() + length().as_nanos() as Nanos;
    let name = format!("coalescer-records-{}-{}", process::id(), plan.seed);
    let records = Records(env::temp_dir().join(name));
    fs::create_dir_all(&records.0).unwrap();
    let mut run = Run { worker, address, plan, until, records, started: 0, killed: Vec::new() };
    let mut workers: Vec<_> = (0..plan.processes).map(|_| run.start()).collect();
    if plan.faults {
        run.make_faults(&mut workers);
    }
    let record = run.collect(workers);
    // Some promises are for times at which the engine answers in time, and on a busy machine it may not.
    let is_calm = !plan.faults && record.alone == 0;
    let judged = judge(&record, &run.killed, is_calm);
    println!("{plan:?}: {judged}; {} processes killed", run.killed.len());
    if !plan.faults && !is_calm {
        println!(
            "NOT CHECKED: C1, C20 and C24, since the engine did not answer {} calls",
            record.alone
        );
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
    fn start(&mut self) -> Worker {
        self.started += 1;
        let number = self.started;
        let job = Job {
            address: self.address.to_owned(),
            number,
            threads: self.plan.threads,
            seed: self.plan.seed,
            until: self.until,
            path: self.path(number).to_str().unwrap().to_owned(),
        };
        let child = Command::new(env::current_exe().unwrap())
            .args([self.worker, "--exact", "--ignored", "--nocapture"])
            .env(VARIABLE, job.to_text())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Worker { number, child }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.records.0.join(number.to_string())
    }

    /// Kills processes, and stops others for a while, until the calls end.
    fn make_faults(&mut self, workers: &mut [Worker]) {
        let mut dice = Dice::new(self.plan.seed);
        let rest = |time| thread::sleep(Duration::from_nanos(time));
        while now() + 200 * MS < self.until {
            rest((50 + dice.below(400)) * MS);
            let place = dice.below(workers.len() as u64) as usize;
            let id = workers[place].child.id();
            if dice.below(2) == 0 {
                signal("STOP", id);
                rest((5 + dice.below(300)) * MS);
                signal("CONT", id);
            } else {
                workers[place].child.kill().unwrap();
                workers[place].child.wait().unwrap();
                self.killed.push((workers[place].number, now()));
                workers[place] = self.start();
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

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(sent.unwrap().success(), "the signal {name} was not sent");
}

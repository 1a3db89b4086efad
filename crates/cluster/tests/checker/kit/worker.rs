//! A process of the checker: its threads make random calls, and it writes down what they saw.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, io, mem, process, thread};

use coalescer::{Coalescer, Error};
use coalescer_cluster::Cluster;

use super::dice::Dice;
use super::record::{Call, End, Execution, Forget, Kind, Record};
use super::{KEYS, MS, Nanos, WINDOWS, now, rest};

/// The variable that tells a worker what to do.
pub(super) const VARIABLE: &str = "COALESCER_CHECKER_JOB";

/// So many calls of a thread are written at a time.
const PART: usize = 8;

/// The body of a worker.
pub(super) struct Job {
    pub(super) address: String,
    /// Nothing is killed, and the engine answers.
    pub(super) is_calm: bool,
    /// A number that no other process of the run has.
    pub(super) number: u64,
    pub(super) threads: u64,
    pub(super) seed: u64,
    pub(super) until: Nanos,
    /// Where the record goes.
    pub(super) path: String,
}

impl Job {
    pub(super) fn to_text(&self) -> String {
        let Self { address, is_calm, number, threads, seed, until, path } = self;
        let is_calm = u64::from(*is_calm);
        format!("{is_calm}\n{number}\n{threads}\n{seed}\n{until}\n{path}\n{address}")
    }

    fn parse(text: &str) -> Self {
        let mut parts = text.splitn(7, '\n');
        let mut next = || parts.next().unwrap().to_owned();
        let [is_calm, number, threads, seed, until] = [(); 5].map(|()| next().parse().unwrap());
        let [path, address] = [(); 2].map(|()| next());
        Self { address, is_calm: is_calm == 1, number, threads, seed, until, path }
    }
}

/// Key, number, begin and end of the execution, and bytes of its number: some values are too large for a message.
type Made = (u64, u64, Nanos, Nanos, Vec<u8>);

type Table = Coalescer<u64, Made, String>;

thread_local! {
    /// The execution that this thread has run in its call.
    static RAN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Does the work of a worker, if this process is one. `open` opens the engine at an address.
pub(crate) fn work(open: impl FnOnce(&str) -> Cluster) {
    let Ok(job) = env::var(VARIABLE) else { return };
    let job = Job::parse(&job);
    // The parent has gone, or wants an end.
    thread::spawn(|| {
        io::stdin().read_to_end(&mut Vec::new()).ok();
        process::exit(1);
    });
    let cluster = open(&job.address);
    let answered = cluster.ping();
    assert!(!job.is_calm || answered.is_ok(), "{answered:?}");
    let executions = Arc::<Mutex<Vec<Execution>>>::default();
    let numbers = Arc::new(AtomicU64::new(job.number << 32));
    let tables: Vec<Table> = (0..WINDOWS.len())
        .map(|place| table(&cluster, place, &executions, &numbers, job.seed))
        .collect();
    let book = Book::open(&job.path, executions);
    thread::scope(|scope| {
        for thread in 0..job.threads {
            let (tables, book, until) = (&tables, &book, job.until);
            let dice = Dice::new(job.seed ^ (job.number << 8) ^ thread);
            scope.spawn(move || calls(tables, dice, until, book));
        }
    });
    let alone = cluster.stats().alone;
    let alone = [
        alone.down,
        alone.deaf,
        alone.full,
        alone.told_to,
        alone.waited_enough,
        alone.cycle,
        alone.undecodable,
    ];
    book.write(Record { alone, ..Record::default() });
    // Not by `exit` of the other thread.
    process::exit(0);
}

fn table(
    cluster: &Cluster,
    place: usize,
    executions: &Arc<Mutex<Vec<Execution>>>,
    numbers: &Arc<AtomicU64>,
    seed: u64,
) -> Table {
    let (executions, numbers) = (Arc::clone(executions), Arc::clone(numbers));
    let run = move |key: &u64| {
        let began = now();
        let number = numbers.fetch_add(1, Ordering::SeqCst);
        RAN.set(Some(number));
        let mut dice = Dice::new(seed ^ number.rotate_left(17));
        rest(dice.below(6) * MS);
        let length = if dice.below(8) == 0 { 20_000 } else { 8 };
        let ended = now();
        executions.lock().unwrap().push(Execution { key: (place, *key), number, began, ended });
        Ok((*key, number, began, ended, vec![number as u8; length]))
    };
    Coalescer::builder()
        .window(Duration::from_nanos(WINDOWS[place]))
        // A call is judged by the exact time at which it came.
        .precise_clock()
        .shared(cluster.named(&format!("table-{place}")).schema("1"))
        .build(run)
}

/// Where the record goes, part by part: a process that is killed leaves what it has written.
struct Book {
    file: Mutex<File>,
    executions: Arc<Mutex<Vec<Execution>>>,
}

impl Book {
    fn open(path: &str, executions: Arc<Mutex<Vec<Execution>>>) -> Self {
        Self { file: Mutex::new(File::create(path).unwrap()), executions }
    }

    fn write(&self, mut record: Record) {
        record.executions = mem::take(&mut *self.executions.lock().unwrap());
        self.file.lock().unwrap().write_all(record.to_text().as_bytes()).unwrap();
    }
}

fn calls(tables: &[Table], mut dice: Dice, until: Nanos, book: &Book) {
    let mut record = Record::default();
    while now() < until {
        let place = dice.below(tables.len() as u64) as usize;
        let (table, key) = (&tables[place], dice.below(KEYS));
        let kind = match dice.below(100) {
            0..6 => {
                let entered = now();
                let is_done = table.forget_everywhere(&key).is_ok();
                // One that did not reach the engine is repeated some time later.
                let returned = if is_done { now() } else { Nanos::MAX };
                record.forgets.push(Forget { key: (place, key), entered, returned });
                continue;
            }
            6..14 => Kind::Fresh,
            14..22 => Kind::Try,
            22..30 => Kind::Timeout((1 + dice.below(8)) * MS),
            _ => Kind::Execute,
        };
        record.calls.push(call(table, place, key, kind));
        if record.calls.len() == PART {
            book.write(mem::take(&mut record));
        }
        if dice.below(2) == 0 {
            rest(dice.below(4) * MS);
        }
    }
    book.write(record);
}

fn call(table: &Table, place: usize, key: u64, kind: Kind) -> Call {
    RAN.set(None);
    let entered = now();
    let request = table.call(&key);
    let result = match kind {
        Kind::Execute => request.outcome(),
        Kind::Fresh => request.fresh().outcome(),
        Kind::Try => request.no_wait().outcome(),
        Kind::Timeout(limit) => request.timeout(Duration::from_nanos(limit)).outcome(),
    };
    let returned = now();
    let age = result.as_ref().map_or(0, |outcome| outcome.age.as_nanos() as Nanos);
    let end = match result {
        Ok(outcome) => {
            let (key, number, began, ended, bytes) = &*outcome.value;
            assert!(bytes.iter().all(|byte| *byte == *number as u8), "bytes of two values");
            let key = (place, *key);
            End::Value(Execution { key, number: *number, began: *began, ended: *ended })
        }
        Err(Error::TimedOut) => End::TimedOut,
        Err(Error::WouldBlock) => End::WouldBlock,
        Err(error) => panic!("{kind:?} failed: {error}"),
    };
    Call { key: (place, key), kind, entered, returned, ran: RAN.get(), age, end }
}

//! The cost of the wait-for graph for a call that a function makes.
//!
//! Each call here finds a flight of another thread and waits for it with a deadline that has passed. So
//! the call goes through the whole wait without sleeping. The floor is a call by a thread that leads no
//! flight: it does not use the graph. A call inside a function enters the graph, and follows the chain
//! of threads that wait for each other.

use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use coalescer::Group;
use criterion::{Bencher, BenchmarkGroup, Criterion, measurement::WallTime};

/// The key that the measuring thread leads. The keys of the chain count up from 0.
const OWN: u64 = u64::MAX;

type Numbers = Group<u64, u64, ()>;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    waits(&mut criterion.benchmark_group("a wait that has passed its deadline"));
    leads(&mut criterion.benchmark_group("a lead"));
    criterion.final_summary();
}

fn waits(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let group = Numbers::new();
    let wait = || drop(group.execute_timeout(&0, Duration::ZERO, || Ok(0)));
    with_chain(&group, 1, || {
        benches.bench_function("floor: outside", |bencher| bencher.iter(wait));
    });
    for length in [1, 8, 64] {
        with_chain(&group, length, || {
            let name = format!("inside, a chain of {length}");
            benches.bench_function(name, |bencher| inside(bencher, &group, wait));
        });
    }
    let own = || drop(group.execute(&OWN, || Ok(0)));
    benches.bench_function("inside, on the own key: refused", |bencher| {
        inside(bencher, &group, own);
    });
}

fn leads(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let group = Numbers::new();
    let lead = || drop(group.execute(&0, || Ok(0)));
    benches.bench_function("floor: outside", |bencher| bencher.iter(lead));
    benches.bench_function("inside", |bencher| inside(bencher, &group, lead));
}

/// Measures a call that a leader's function makes.
fn inside(bencher: &mut Bencher<'_>, group: &Numbers, call: impl Fn()) {
    bencher.iter_custom(|calls| {
        let mut took = Duration::ZERO;
        let function = || {
            let begin = Instant::now();
            (0..calls).for_each(|_| call());
            took = begin.elapsed();
            Ok(0)
        };
        group.execute(&OWN, function).expect("nobody else has this key");
        took
    });
}

/// Runs `bench` while this many threads lead a flight each. Each thread but the last waits for the
/// flight of the next.
fn with_chain(group: &Numbers, length: u64, bench: impl FnOnce()) {
    let (end, ended) = channel::<()>();
    thread::scope(|scope| {
        // If the bench panics, its sender is dropped, and the last thread ends the chain.
        let end = end;
        chain(scope, group, length, ended);
        while group.in_flight().iter().filter(|flight| flight.followers > 0).count() as u64
            != length - 1
        {
            thread::yield_now();
        }
        bench();
        drop(end);
    });
}

/// Starts the threads from the last to the first, so that each finds the flight that it waits for.
fn chain<'scope>(
    scope: &'scope Scope<'scope, '_>,
    group: &'scope Numbers,
    length: u64,
    ended: Receiver<()>,
) {
    let mut ended = Some(ended);
    for key in (0..length).rev() {
        let ended = ended.take();
        let (begin, begun) = channel();
        scope.spawn(move || {
            let function = || {
                begin.send(()).expect("the other thread waits for it");
                match ended {
                    Some(ended) => drop(ended.recv()),
                    None => drop(group.execute(&(key + 1), || Ok(0))),
                }
                Ok(0)
            };
            group.execute(&key, function)
        });
        begun.recv().expect("the thread leads its flight");
    }
}

//! `submit` with common pools: rayon, threadpool, a channel of jobs, plain threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::{Builder, Coalescer, ForCoalescer, Group, Job, Ticket};

use crate::jobs::assert_at_rest;
use crate::support::{MS, Numbers, text, watched};

const KEYS: u64 = 5;
const CALLERS: u64 = 8;

/// Several threads submit the same keys at once; the functions wait until all have, so each key is
/// one execution (S1), and every ticket has its value (S4 S6).
fn is_shared_by_many(builder: Builder<ForCoalescer, u64, u64>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let submitted = Arc::new(Barrier::new(CALLERS as usize + 1));
    let (count, gate) =
        (Arc::clone(&runs), Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new())));
    let opened = Arc::clone(&gate);
    let squares = builder.window(Duration::ZERO).build(move |n: &u64| {
        count.fetch_add(1, Ordering::Relaxed);
        let is_open = opened.0.lock().unwrap();
        drop(opened.1.wait_while(is_open, |is_open| !*is_open).unwrap());
        Ok::<u64, String>(n * n)
    });
    let submitters: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (squares, submitted) = (squares.clone(), Arc::clone(&submitted));
            thread::spawn(move || {
                let tickets = (0..KEYS).map(|key| squares.submit(&key).unwrap());
                let tickets: Vec<Ticket<_, _, _>> = tickets.collect();
                submitted.wait();
                tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    submitted.wait();
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let values: Vec<_> = submitters.into_iter().map(|thread| thread.join().unwrap()).collect();
    for all in &values {
        assert!(all.iter().zip(&values[0]).all(|(one, other)| Arc::ptr_eq(one, other)));
        assert!(all.iter().map(|value| **value).eq((0..KEYS).map(|key| key * key)));
    }
    let stats = squares.stats();
    assert_eq!(runs.load(Ordering::Relaxed) as u64, KEYS);
    assert_eq!(stats.executed_requests, KEYS);
    assert_eq!(stats.followers, KEYS * (CALLERS - 1));
    assert!(squares.in_flight().is_empty());
}

#[test]
fn jobs_run_on_rayon() {
    watched(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let executor = move |job: Job| pool.spawn(|| job.run());
        is_shared_by_many(Coalescer::builder().executor(executor));
        // rayon's global pool, which most programs use.
        is_shared_by_many(Coalescer::builder().executor(|job: Job| rayon::spawn(|| job.run())));
    });
}

#[test]
fn jobs_run_on_a_threadpool() {
    watched(|| {
        let pool = threadpool::ThreadPool::new(2);
        let executor = move |job: Job| pool.execute(|| job.run());
        is_shared_by_many(Coalescer::builder().executor(executor));
    });
}

#[test]
fn jobs_run_on_threads_that_share_a_channel_of_them() {
    watched(|| {
        let (queue, jobs) = crossbeam_channel::bounded::<Job>(4);
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let jobs = jobs.clone();
                thread::spawn(move || jobs.iter().for_each(Job::run))
            })
            .collect();
        drop(jobs);
        // A full queue makes the submitter wait. A queue without workers rejects the job.
        is_shared_by_many(Coalescer::builder().executor(move |job: Job| queue.send(job)));
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn jobs_run_on_threads_of_their_own() {
    watched(|| {
        let executor = |job: Job| drop(thread::spawn(|| job.run()));
        is_shared_by_many(Coalescer::builder().executor(executor));
        // `spawn` fails if the system has no thread left.
        let executor = |job: Job| thread::Builder::new().spawn(|| job.run()).map(drop);
        is_shared_by_many(Coalescer::builder().executor(executor));
    });
}

/// A pool whose only thread runs jobs in their order, and the group that submits to it.
fn one_thread() -> Numbers {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let pool = Arc::new(pool);
    Group::builder().executor(move |job: Job| pool.spawn_fifo(|| job.run())).build()
}

#[test]
fn a_stolen_job_that_wants_the_key_of_its_own_thread_is_refused() {
    // S41 S44: while it waits, the thread of the job of "a" takes the next job, as one that waits in
    // rayon does (rayon#592). That one's call would wait for the job below it on the same stack.
    watched(|| {
        let group = one_thread();
        let (outer, inner) = (group.clone(), group.clone());
        let ticket = group.submit("a", move || {
            let within = inner.clone();
            let other = outer.submit("b", move || {
                let refused = within.execute("a", || Ok(0)).unwrap_err();
                assert!(within.submit("a", || Ok(0)).unwrap().wait().unwrap_err().would_deadlock());
                Ok(u32::from(refused.would_deadlock()))
            });
            assert_eq!(rayon::yield_now(), Some(rayon::Yield::Executed));
            other.unwrap().wait().map(|refused| *refused).map_err(|error| error.to_string())
        });
        assert_eq!(*ticket.unwrap().wait().unwrap(), 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_panic_leaves_the_threads_of_a_pool_alone() {
    // S21 S22: rayon ends the process at a panic, and threadpool counts them.
    watched(|| {
        let pool = threadpool::ThreadPool::new(1);
        let jobs = pool.clone();
        let group: Numbers =
            Group::builder().executor(move |job: Job| jobs.execute(|| job.run())).build();
        for group in [group, one_thread()] {
            let ticket = group.submit("k", || panic!("on purpose")).unwrap();
            assert!(ticket.wait().unwrap_err().is_panic());
            assert_eq!(*group.submit("k", || Ok(1)).unwrap().wait().unwrap(), 1);
        }
        pool.join();
        assert_eq!(pool.panic_count(), 0);
    });
}

#[test]
fn a_pool_that_ends_drops_its_jobs_and_that_is_told() {
    // S25 S6: the first job's panic is caught, its thread then leaves, and the queue goes with it.
    watched(|| {
        let (queue, jobs) = crossbeam_channel::unbounded::<Job>();
        let group: Numbers = Group::builder().executor(move |job: Job| queue.send(job)).build();
        let tickets = ["a", "b", "c"].map(|key| group.submit(key, || Ok(1)).unwrap());
        let worker = thread::spawn(move || {
            jobs.recv().unwrap().run();
            panic!("the pool has a bug");
        });
        let panic = worker.join().unwrap_err();
        assert_eq!(text(&*panic), "the pool has a bug");
        let mut results = tickets.map(|mut ticket| ticket.wait_timeout(MS)).into_iter();
        assert_eq!(*results.next().unwrap().unwrap(), 1);
        assert!(results.all(|result| result.unwrap_err().is_abandoned()));
        assert!(group.submit("d", || Ok(1)).unwrap_err().is_rejected());
        assert_at_rest(&group);
    });
}

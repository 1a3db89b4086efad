//! The herds: threads that wait for one event, the oldest of them of low priority.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use coalescer::{Group, Job};

use crate::system::{own_directory, set_idle, set_ordinary, wait_for_sleep};
use crate::watchdog::wait_until;

/// Lets a herd of so many threads wait, of which some are idle and come first. Calls the last argument
/// when all of them sleep. Returns how long the ordinary threads took to be back after the event.
pub(crate) type Scene = fn(usize, usize, &dyn Fn()) -> Duration;

type Numbers = Group<u32, u32, ()>;

/// The threads of a herd.
struct Herd<'s> {
    ordinary: Vec<ScopedJoinHandle<'s, Instant>>,
    /// The directories of the others.
    idle: Vec<PathBuf>,
}

/// Starts the threads of a herd one after the other, each when the one before it sleeps.
fn gather<'s>(
    s: &'s Scope<'s, '_>,
    threads: usize,
    idle: usize,
    wait: impl Fn() + Copy + Send + 's,
) -> Herd<'s> {
    let (told, directory) = channel::<PathBuf>();
    let mut herd = Herd { ordinary: Vec::new(), idle: Vec::new() };
    for nth in 0..threads {
        let told: Sender<PathBuf> = told.clone();
        let thread = s.spawn(move || {
            told.send(own_directory()).expect("the scene listens");
            wait();
            Instant::now()
        });
        let directory = directory.recv().expect("the thread tells it");
        wait_for_sleep(&directory);
        if nth < idle {
            assert!(set_idle(&directory), "it has worked before");
            herd.idle.push(directory);
        } else {
            herd.ordinary.push(thread);
        }
    }
    herd
}

fn last_back(herd: Herd<'_>, event: Instant) -> Duration {
    let back = herd.ordinary.into_iter().map(|thread| thread.join().expect("it does not panic"));
    let last = back.max();
    herd.idle.iter().for_each(|thread| set_ordinary(thread));
    last.expect("some are ordinary").duration_since(event)
}

/// The standard library's own: what the others are compared with.
pub(crate) fn broadcast(threads: usize, idle: usize, busy: &dyn Fn()) -> Duration {
    let (event, happens) = (Mutex::new(None), Condvar::new());
    let wait = || {
        let now = event.lock().expect("no thread panics");
        drop(happens.wait_while(now, |event| event.is_none()).expect("no thread panics"));
    };
    thread::scope(|s| {
        let herd = gather(s, threads, idle, wait);
        busy();
        let now = Instant::now();
        *event.lock().expect("no thread panics") = Some(now);
        happens.notify_all();
        last_back(herd, now)
    })
}

/// All follow one flight, and the event is its end.
pub(crate) fn one_flight(threads: usize, idle: usize, busy: &dyn Fn()) -> Duration {
    let group = Numbers::new();
    let follow = || drop(group.execute(&1, || unreachable!("it follows")).expect("it shares"));
    end_a_flight(&group, threads, idle, busy, &follow)
}

/// All wait for the successor of a flight, which one of them starts at the event.
pub(crate) fn fresh_calls(threads: usize, idle: usize, busy: &dyn Fn()) -> Duration {
    let group = Numbers::new();
    let follow = || drop(group.execute_fresh(&1, || Ok(2)).expect("nothing fails"));
    end_a_flight(&group, threads, idle, busy, &follow)
}

/// All wait with tickets of one flight.
pub(crate) fn tickets(threads: usize, idle: usize, busy: &dyn Fn()) -> Duration {
    let group: Numbers = Group::builder().executor(Job::run).build();
    let follow = || {
        let ticket = group.submit(&1, || unreachable!("it follows")).expect("it takes every job");
        drop(ticket.wait().expect("it shares"));
    };
    end_a_flight(&group, threads, idle, busy, &follow)
}

fn end_a_flight(
    group: &Numbers,
    threads: usize,
    idle: usize,
    busy: &dyn Fn(),
    follow: &(impl Fn() + Sync),
) -> Duration {
    let (end, is_over) = channel::<()>();
    thread::scope(|s| {
        let leader = s.spawn(move || {
            let mut event = None;
            let run = || {
                is_over.recv().expect("the scene tells it");
                event = Some(Instant::now());
                Ok(1)
            };
            group.execute(&1, run).expect("nothing fails");
            event.expect("it has led")
        });
        wait_until(|| group.stats().in_flight == 1);
        let herd = gather(s, threads, idle, follow);
        busy();
        end.send(()).expect("the leader listens");
        last_back(herd, leader.join().expect("it does not panic"))
    })
}

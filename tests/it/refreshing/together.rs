//! Refreshes of a batcher by the executor (S163 to S165).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use coalescer::{Batcher, Builder, Executor, ForBatcher, Job, ManualClock, Rejected};

use crate::jobs::Jobs;
use crate::support::{MS, wait_until, watched};

type Rounds = Batcher<u32, usize, String>;
type Unbuilt = Builder<ForBatcher, u32, usize>;

/// A run that has one of these keys, while `is_armed`, waits, fails, panics, or leaves it open.
const HELD: u32 = 100;
const FAILS: u32 = 101;
const PANICS: u32 = 102;
const OPEN: u32 = 103;

/// A batcher with a window of 100 ms, whose values are due after 60. A value is the number of its run.
struct Site {
    clock: ManualClock,
    rounds: Rounds,
    runs: Arc<Mutex<Vec<Vec<u32>>>>,
    is_armed: Arc<AtomicBool>,
    held: Receiver<Sender<()>>,
}

fn site(
    executor: impl Executor + Send + Sync + 'static,
    set: impl FnOnce(Unbuilt) -> Unbuilt,
) -> Site {
    let (clock, runs) = (ManualClock::new(), Arc::new(Mutex::new(Vec::new())));
    let (is_armed, (holds, held)) = (Arc::new(AtomicBool::new(false)), channel());
    let (log, arms, holds) = (Arc::clone(&runs), Arc::clone(&is_armed), Mutex::new(holds));
    let builder = Batcher::builder().window(100 * MS).refresh_after(60 * MS).clock(clock.clone());
    let rounds = set(builder).executor(executor).build_refreshing(move |keys: &[u32]| {
        let round = {
            let mut log = log.lock().unwrap();
            log.push(keys.to_vec());
            log.len()
        };
        let meets = |key| arms.load(Ordering::SeqCst) && keys.contains(&key);
        if meets(HELD) {
            let (end, ends) = channel();
            holds.lock().unwrap().send(end).unwrap();
            ends.recv().unwrap();
        }
        assert!(!meets(PANICS), "on purpose");
        if meets(FAILS) {
            return Err("down".to_string());
        }
        let answered = keys.iter().filter(|key| !meets(OPEN) || **key != OPEN);
        Ok(answered.map(|key| (*key, round)).collect::<Vec<_>>())
    });
    Site { clock, rounds, runs, is_armed, held }
}

impl Site {
    /// Has a value of run 1 for each of these keys, which is due.
    fn with_due(self, keys: &[u32]) -> Self {
        self.rounds
            .execute_many(keys)
            .into_iter()
            .for_each(|answer| assert_eq!(*answer.unwrap(), 1));
        self.clock.advance(60 * MS);
        self.is_armed.store(true, Ordering::SeqCst);
        self
    }

    fn call(&self, key: u32) -> usize {
        *self.rounds.execute(&key).unwrap()
    }

    fn runs(&self) -> Vec<Vec<u32>> {
        self.runs.lock().unwrap().clone()
    }

    /// Refreshes and failed refreshes.
    fn refreshes(&self) -> (u64, u64) {
        let stats = self.rounds.stats();
        (stats.refreshes, stats.refresh_failures)
    }

    /// Starts a call that follows a flight without a leader.
    fn follow(&self, key: u32) -> thread::JoinHandle<usize> {
        let rounds = self.rounds.clone();
        thread::spawn(move || *rounds.execute(&key).unwrap())
    }

    fn followers_of(&self, key: u32) -> usize {
        let flights = self.rounds.in_flight();
        flights.iter().filter(|flight| flight.key == key).map(|flight| flight.followers).sum()
    }
}

/// Runs a job whose run is held. Returns what ends it.
fn begin(site: &Site, job: Job) -> (Sender<()>, thread::JoinHandle<()>) {
    let thread = thread::spawn(|| job.run());
    (site.held.recv().unwrap(), thread)
}

#[test]
fn keys_that_are_due_are_served_at_once_and_refreshed_together() {
    // S163
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder).with_due(&[1, 2, 3, 4]);
        assert_eq!([site.call(1), site.call(2), site.call(1)], [1, 1, 1]);
        let answers = site.rounds.execute_many(&[3, 5, 4]);
        let values: Vec<_> = answers.into_iter().map(|answer| *answer.unwrap()).collect();
        assert_eq!(values, [1, 2, 1], "its own run asks for the absent key alone");
        let job = jobs.next();
        assert!(jobs.is_empty() && job.is_wanted());
        job.run();
        assert_eq!(site.runs(), [vec![1, 2, 3, 4], vec![5], vec![1, 2, 3, 4]]);
        assert_eq!([1, 2, 3, 4, 5].map(|key| site.call(key)), [3, 3, 3, 3, 2]);
        assert!(jobs.is_empty());
        let stats = site.rounds.stats();
        assert_eq!((stats.refreshes, stats.executed_requests, stats.late), (4, 9, 10));
        assert_eq!(stats.total_requests, 19, "each refresh is a call of its own");
    });
}

#[test]
fn a_thousand_keys_that_fall_due_one_by_one_are_a_few_runs() {
    // S163
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let keys: Vec<u32> = (1000..2000).collect();
        let site = site(executor, |builder| builder.max_batch(300));
        site.rounds.execute_many(&keys).into_iter().for_each(|answer| drop(answer.unwrap()));
        site.clock.advance(60 * MS);
        assert!(keys.iter().all(|key| site.call(*key) <= 4), "the old values");
        jobs.next().run();
        assert!(jobs.is_empty());
        let sizes: Vec<_> = site.runs().iter().map(Vec::len).collect();
        assert_eq!(sizes, [300, 300, 300, 100, 300, 300, 300, 100]);
        assert_eq!(site.refreshes(), (1000, 0));
        assert!(keys.iter().all(|key| site.call(*key) > 4));
    });
}

#[test]
fn keys_that_fall_due_while_a_job_runs_are_its_next_run() {
    // S163 S164
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder).with_due(&[HELD, 2, 3]);
        site.call(HELD);
        let (end, job) = begin(&site, jobs.next());
        assert_eq!([site.call(2), site.call(3)], [1, 1]);
        assert!(jobs.is_empty(), "the job that runs takes them");
        end.send(()).unwrap();
        job.join().unwrap();
        assert_eq!(site.runs()[1..], [vec![HELD], vec![2, 3]]);
    });
}

#[test]
fn a_full_list_gets_another_job_while_one_runs() {
    // S164
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder.max_batch(2)).with_due(&[HELD, 2]);
        site.call(HELD);
        let (end, job) = begin(&site, jobs.next());
        site.call(2);
        assert!(jobs.is_empty());
        site.rounds.insert(&3, 1);
        site.clock.advance(39 * MS);
        assert!(site.rounds.refresh(&3).unwrap(), "though it is not due");
        jobs.next().run();
        assert_eq!(site.runs()[2..], [vec![2, 3]]);
        end.send(()).unwrap();
        job.join().unwrap();
    });
}

/// A call whose key is behind a run that is stuck does not wait for that run.
#[test]
fn a_call_that_waits_gets_another_job() {
    // S164
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder).with_due(&[HELD, 2]);
        site.call(HELD);
        let (end, job) = begin(&site, jobs.next());
        site.call(2);
        site.clock.advance(40 * MS);
        let waits = site.follow(2);
        jobs.wait_next().run();
        assert_eq!(waits.join().unwrap(), 3);
        assert!(jobs.is_empty());
        end.send(()).unwrap();
        job.join().unwrap();
    });
}

/// The call that has found the key due still runs its function for another key when the other one joins.
#[test]
fn a_call_that_waits_before_the_key_is_gathered_gets_another_job() {
    // S164
    for is_fresh in [false, true] {
        watched(move || {
            let (executor, jobs) = Jobs::new();
            let site = site(executor, |builder| builder).with_due(&[1, HELD, 2]);
            assert!(site.rounds.forget(&HELD));
            site.rounds.refresh(&1).unwrap();
            // Stuck: a run of the executor, and then the own run of the call that finds the key due.
            site.rounds.insert(&HELD, 1);
            site.rounds.refresh(&HELD).unwrap();
            let (end, job) = begin(&site, jobs.next());
            assert!(site.rounds.forget(&HELD));
            let rounds = site.rounds.clone();
            let finds = thread::spawn(move || rounds.execute_many(&[2, HELD]).remove(0));
            let end_of_own = site.held.recv().unwrap();
            site.clock.advance(40 * MS);
            let rounds = site.rounds.clone();
            let waits = thread::spawn(move || match is_fresh {
                false => *rounds.execute(&2).unwrap(),
                true => *rounds.execute_fresh(&2).unwrap(),
            });
            wait_until(|| site.followers_of(2) == 1);
            end_of_own.send(()).unwrap();
            jobs.wait_next().run();
            assert_eq!(waits.join().unwrap(), if is_fresh { 5 } else { 4 });
            assert_eq!(*finds.join().unwrap().unwrap(), 1, "the old value");
            end.send(()).unwrap();
            job.join().unwrap();
        });
    }
}

/// A pool of one thread: the run that would wait for a key behind it refreshes that key itself.
#[test]
fn a_function_that_asks_for_a_key_behind_it_ends() {
    // S164 S124
    watched(|| {
        let (clock, (queue, jobs)) = (ManualClock::new(), channel());
        let (inner, runs) = (Arc::new(Mutex::new(None::<Batcher<u32, usize, ()>>)), Mutex::new(0));
        let (moved, asks) = (clock.clone(), Arc::clone(&inner));
        let rounds = Batcher::builder()
            .window(100 * MS)
            .refresh_after(60 * MS)
            .clock(clock.clone())
            .executor(move |job: Job| queue.send(job))
            .build_refreshing(move |keys: &[u32]| {
                let round = {
                    let mut runs = runs.lock().unwrap();
                    *runs += 1;
                    *runs
                };
                let asks = asks.lock().unwrap().clone();
                if let (Some(asks), [1]) = (asks, keys) {
                    assert_eq!(*asks.execute(&2).unwrap(), 1, "the old value");
                    moved.advance(40 * MS);
                    assert_eq!(*asks.execute(&2).unwrap(), 3, "the run within this one");
                }
                Ok::<_, ()>(keys.iter().map(|key| (*key, round)).collect::<Vec<_>>())
            });
        rounds.execute_many(&[1, 2]);
        *inner.lock().unwrap() = Some(rounds.clone());
        clock.advance(60 * MS);
        assert_eq!(*rounds.execute(&1).unwrap(), 1);
        jobs.recv().unwrap().run();
        assert_eq!(*rounds.execute(&1).unwrap(), 2);
        assert!(jobs.try_recv().is_err());
        *inner.lock().unwrap() = None;
    });
}

#[test]
fn a_job_that_is_not_taken_fails_all_that_is_gathered() {
    // S165 S123
    watched(|| {
        let rejects: [fn(Job) -> Result<(), Rejected>; 3] = [
            |_| Err(Rejected),
            |job| {
                drop(job);
                Ok(())
            },
            |_| panic!("on purpose: no thread is left"),
        ];
        for reject in rejects {
            let site = site(reject, |builder| builder).with_due(&[1, 2]);
            let answers = site.rounds.execute_many(&[1, 2]);
            assert!(answers.into_iter().all(|answer| *answer.unwrap() == 1));
            assert_eq!(site.refreshes(), (2, 2));
            assert_eq!(site.call(1), 1, "the next is not due");
            assert_eq!(site.refreshes(), (2, 2));
            assert!(site.rounds.refresh(&1).unwrap());
            assert_eq!(site.refreshes(), (3, 3), "the next one is a job too");
            assert!(site.rounds.in_flight().is_empty());
        }
    });
}

/// A call that waits for the key when its job is lost runs the function itself.
#[test]
fn a_job_that_is_dropped_later_fails_all_that_is_gathered() {
    // S165 S71
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder).with_due(&[1, 2]);
        assert_eq!([site.call(1), site.call(2)], [1, 1]);
        site.clock.advance(40 * MS);
        let waits = site.follow(2);
        wait_until(|| site.followers_of(2) == 1);
        drop(jobs.next());
        assert_eq!(waits.join().unwrap(), 2);
        assert_eq!(site.runs()[1..], [vec![2]]);
        assert!(site.rounds.in_flight().is_empty() && jobs.is_empty());
    });
}

#[test]
fn a_run_that_fails_leaves_the_old_values() {
    // S165 S123
    for (key, failed) in [(FAILS, 2), (PANICS, 2), (OPEN, 1)] {
        watched(move || {
            let (executor, jobs) = Jobs::new();
            let site = site(executor, |builder| builder).with_due(&[1, key]);
            assert_eq!([site.call(1), site.call(key)], [1, 1]);
            jobs.next().run();
            assert_eq!(site.refreshes(), (2, failed));
            assert_eq!(site.call(key), 1);
            assert_eq!(site.call(1), if key == OPEN { 2 } else { 1 });
            assert!(jobs.is_empty(), "the next is not due");
            // Nothing is left of the job that failed.
            assert!(site.rounds.refresh(&1).unwrap());
            jobs.next().run();
            assert_eq!(site.call(1), 3);
        });
    }
}

/// Equal keys of one list are in runs of their own, and what was forgotten is not kept.
#[test]
fn a_key_that_is_forgotten_while_it_is_gathered_runs_twice() {
    // S163 S28 S159
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder).with_due(&[1, 2]);
        assert_eq!([site.call(1), site.call(2)], [1, 1]);
        assert!(site.rounds.forget(&1) && site.rounds.forget(&2));
        assert_eq!(site.call(1), 2, "a run of its own");
        assert!(site.rounds.refresh(&1).unwrap());
        jobs.next().run();
        assert!(jobs.is_empty());
        assert_eq!(site.runs()[1..], [vec![1], vec![1, 2], vec![1]]);
        assert_eq!(site.rounds.peek(&1).as_deref(), Some(&4));
        assert!(site.rounds.peek(&2).is_none());
        assert!(site.rounds.in_flight().is_empty());
    });
}

#[test]
fn the_verb_refreshes_one_key() {
    // S125
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let site = site(executor, |builder| builder).with_due(&[1, FAILS]);
        assert!(site.rounds.refresh(&1).unwrap());
        assert!(!site.rounds.refresh(&1).unwrap(), "one is gathered");
        assert!(site.rounds.refresh(&7).unwrap(), "it has no value");
        jobs.next().run();
        assert_eq!(site.runs()[1..], [vec![1, 7]]);
        assert_eq!([site.call(1), site.call(7)], [2, 2]);

        let clock = ManualClock::new();
        let own =
            Batcher::builder().window(100 * MS).clock(clock.clone()).build(|keys: &[u32]| {
                match keys {
                    [FAILS] => Err("down"),
                    _ => Ok(keys
                        .iter()
                        .filter(|key| **key != OPEN)
                        .map(|key| (*key, *key))
                        .collect()),
                }
                .map(Vec::into_iter)
            });
        own.execute(&1).unwrap();
        assert!(own.refresh(&1).unwrap(), "this thread runs it");
        assert!(own.refresh(&OPEN).unwrap_err().is_missing());
        assert!(own.refresh(&FAILS).unwrap_err().is_failed());
        assert_eq!((own.stats().batches, own.stats().refreshes), (4, 1));
    });
}

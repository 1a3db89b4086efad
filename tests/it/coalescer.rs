//! `Coalescer`: the verbs of `Group` for one function.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Role};

use crate::support::{wait_until, watched};

type Numbers = Coalescer<String, u32, String>;

/// A coalescer whose function waits for the value that it returns.
fn told() -> (Numbers, Sender<u32>) {
    let (tell, values) = channel();
    let values: Mutex<Receiver<u32>> = Mutex::new(values);
    let load = move |key: &String| {
        assert_eq!(key, "k");
        values.lock().unwrap().recv().map_err(|gone| gone.to_string())
    };
    (Coalescer::builder().window(Duration::MAX).build(load), tell)
}

/// Starts a call on a thread of its own.
fn call<R: Send + 'static>(
    coalescer: &Numbers,
    verb: impl FnOnce(&Numbers) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    let coalescer = coalescer.clone();
    thread::spawn(move || verb(&coalescer))
}

#[test]
fn every_verb_joins_the_flight_that_runs() {
    // S1 S4
    watched(|| {
        let (coalescer, tell) = told();
        let leader = call(&coalescer, |c| c.call("k").outcome());
        wait_until(|| coalescer.stats().in_flight == 1);
        let an_hour = Duration::from_secs(3600);
        let followers = [
            call(&coalescer, |c| c.execute("k")),
            call(&coalescer, move |c| c.execute_timeout("k", an_hour)),
            call(&coalescer, move |c| c.execute_deadline("k", Instant::now() + an_hour)),
        ];
        wait_until(|| coalescer.in_flight()[0].followers == 3);
        assert!(coalescer.try_execute("k").unwrap_err().would_block());
        assert!(coalescer.execute_timeout("k", Duration::ZERO).unwrap_err().is_timeout());
        assert!(coalescer.execute_deadline("k", Instant::now()).unwrap_err().is_timeout());
        tell.send(1).unwrap();
        let own = leader.join().unwrap().unwrap();
        assert_eq!((own.role, own.callers), (Role::Leader, 4));
        for follower in followers {
            assert!(Arc::ptr_eq(&follower.join().unwrap().unwrap(), &own.value));
        }
        assert_eq!(coalescer.call("k").outcome().unwrap().role, Role::Late);
        assert_eq!(*coalescer.try_execute("k").unwrap(), 1);
    });
}

#[test]
fn its_fresh_calls_wait_for_one_that_begins_later() {
    // S30
    watched(|| {
        let (coalescer, tell) = told();
        let leader = call(&coalescer, |c| c.execute("k"));
        wait_until(|| coalescer.stats().in_flight == 1);
        let fresh = [(); 2].map(|()| call(&coalescer, |c| c.execute_fresh("k")));
        wait_until(|| coalescer.in_flight().len() == 2 && coalescer.stats().total_requests == 3);
        tell.send(1).unwrap();
        tell.send(2).unwrap();
        assert_eq!(*leader.join().unwrap().unwrap(), 1);
        for fresh in fresh {
            assert_eq!(*fresh.join().unwrap().unwrap(), 2);
        }
        assert_eq!(coalescer.stats().executed_requests, 2);
    });
}

#[test]
fn it_forgets() {
    // S27 S28
    watched(|| {
        let (coalescer, tell) = told();
        for value in 1..=3 {
            tell.send(value).unwrap();
            assert_eq!(*coalescer.execute("k").unwrap(), value);
            assert!(if value == 1 { coalescer.forget("k") } else { coalescer.forget_all() == 1 });
        }
    });
}

#[test]
fn two_coalescers_of_one_function_share_nothing() {
    // S1: only calls of one coalescer and one key share.
    watched(|| {
        let length = |word: &String| Ok::<usize, ()>(word.len());
        let (one, other) = (Coalescer::new(length), Coalescer::new(length));
        let (first, second) = (one.execute("four").unwrap(), other.execute("four").unwrap());
        assert!(!Arc::ptr_eq(&first, &second));
    });
}

//! The calls that wait for no run that their key is not in (S154).

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use coalescer::{Batcher, ManualClock};

use super::{Squares, busy, held, square, value};
use crate::support::{MS, wait_until, watched};

#[test]
fn late_calls_and_followers_are_answered_by_what_they_met() {
    // S154 B13
    watched(|| {
        let held = busy();
        let nine = held.call(9);
        held.run().returns();
        assert_eq!(value(nine), 81);
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        assert_eq!(*held.squares.execute(&9).unwrap(), 81, "late");
        let follower = held.call(1);
        wait_until(|| held.squares.in_flight().iter().any(|flight| flight.followers == 1));
        let with_two = held.call(2);
        wait_until(|| held.squares.stats().total_requests == 6);
        first.returns();
        assert_eq!([one, follower].map(value), [1, 1]);
        let second = held.run();
        assert_eq!(second.keys, [2]);
        second.returns();
        assert_eq!([two, with_two].map(value), [4, 4]);
    });
}

#[test]
fn calls_that_never_wait_and_calls_of_many_keys_run_at_once() {
    // S154 B13
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        let squares = held.squares.clone();
        let tries = thread::spawn(move || squares.try_execute(&3));
        let run = held.run();
        assert_eq!(run.keys, [3]);
        run.returns();
        assert_eq!(*tries.join().unwrap().unwrap(), 9);
        let squares = held.squares.clone();
        let many = thread::spawn(move || squares.execute_many(&[4, 5]));
        let run = held.run();
        assert_eq!(run.keys, [4, 5]);
        run.returns();
        assert_eq!(many.join().unwrap().len(), 2);
        assert_eq!(held.waiting(), 1, "the batch is still open");
        first.returns();
        held.run().returns();
        assert_eq!([one, two].map(value), [1, 4]);
    });
}

#[test]
fn fresh_calls_gather_and_get_what_began_after_them() {
    // S154 S30
    watched(|| {
        let held = busy();
        let two = held.call(2);
        held.run().returns();
        assert_eq!(value(two), 4);
        let (one, first) = (held.call(1), held.run());
        let fresh = held.gather_by(2, |squares| squares.execute_fresh(&2));
        assert_eq!(*held.squares.execute(&2).unwrap(), 4, "the window serves it meanwhile");
        first.returns();
        held.run().ends(|_| Ok(vec![(2, 44)]));
        assert_eq!((value(one), value(fresh)), (1, 44));
        assert_eq!(*held.squares.execute(&2).unwrap(), 44);
    });
}

#[test]
fn a_thread_that_runs_the_function_gathers_nothing() {
    // S154
    watched(|| {
        let own: Arc<Mutex<Option<Squares>>> = Arc::default();
        let runs = Arc::new(Mutex::new(Vec::new()));
        let (nested, noted) = (Arc::clone(&own), Arc::clone(&runs));
        let squares: Squares = Batcher::builder()
            .clock(ManualClock::new())
            .gather_while_busy(20 * MS)
            .build(move |keys: &[u32]| {
                noted.lock().unwrap().push(keys.to_vec());
                match keys {
                    [0] => {
                        let own = nested.lock().unwrap().clone().unwrap();
                        Ok(vec![(0, *own.execute(&7).unwrap())])
                    }
                    _ => square(keys),
                }
            });
        *own.lock().unwrap() = Some(squares.clone());
        assert_eq!(*squares.execute(&0).unwrap(), 49);
        // Or each would keep the other.
        own.lock().unwrap().take();
        assert_eq!(*runs.lock().unwrap(), [[0], [7]]);
    });
}

#[test]
fn refreshes_that_fall_due_one_by_one_are_run_together() {
    // S154 S153 S122 B27
    watched(|| {
        let held = held(|builder| builder.refresh_after(60 * MS).gather_while_busy(20 * MS));
        let squares = held.squares.clone();
        let many = thread::spawn(move || squares.execute_many(&[1, 2, 3, 4]));
        held.run().returns();
        assert!(many.join().unwrap().iter().all(Result::is_ok));
        held.clock.advance(60 * MS);
        let (one, first) = (held.call(1), held.run());
        let (two, three) = (held.gather(2), held.gather(3));
        // Nobody else waits for them.
        assert_eq!([1, 2, 3].map(|key| *held.squares.execute(&key).unwrap()), [1, 4, 9]);
        first.ends(|_| Ok(vec![(1, 11)]));
        let second = held.run();
        assert_eq!(second.keys, [2, 3]);
        second.ends(|_| Ok(vec![(2, 22)]));
        assert_eq!([one, two].map(value), [11, 22]);
        assert_eq!(value(three), 9, "its refresh has failed");
        let stats = held.squares.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures, stats.batches), (3, 1, 3));
        // A refresh that its call cannot wait for goes on, and the call has the old value.
        let (tell, told) = channel();
        let (five, third) = (held.call(5), held.run());
        let four = held.gather_by(4, move |squares| {
            tell.send(squares.execute_timeout(&4, 5 * MS)).unwrap();
        });
        let six = held.gather(6);
        held.clock.advance(5 * MS);
        let fourth = held.run();
        assert_eq!(fourth.keys, [4, 6], "its deadline closes the batch");
        fourth.ends(|_| Err("down".into()));
        assert_eq!(*told.recv().unwrap().unwrap(), 16);
        four.join().unwrap();
        assert!(six.join().unwrap().unwrap_err().is_failed());
        third.returns();
        assert_eq!(value(five), 25);
    });
}

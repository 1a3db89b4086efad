//! When a batch is closed, and who runs it (S155, S156).

use coalescer::Error;

use super::{busy, held, value};
use crate::support::{MS, watched};

#[test]
fn an_idle_batcher_runs_a_key_at_once() {
    // S155 B14
    watched(|| {
        let held = busy();
        for key in 1..4 {
            let call = held.call(key);
            let run = held.run();
            assert_eq!(run.keys, [key]);
            run.returns();
            assert_eq!(value(call), key * key);
        }
        assert_eq!(held.batches(), 3);
    });
}

#[test]
fn the_end_of_the_last_run_closes_the_batch() {
    // S156 B15, and the second worked example
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let (two, three) = (held.gather(2), held.gather(3));
        assert!(held.runs_nothing());
        first.returns();
        let second = held.run();
        assert_eq!(second.keys, [2, 3]);
        assert_eq!(second.thread, two.thread().id(), "the call that opened it runs it");
        second.returns();
        assert_eq!([one, two, three].map(value), [1, 4, 9]);
        let stats = held.squares.stats();
        assert_eq!((stats.batches, stats.executed_requests, stats.total_requests), (2, 3, 3));
        // Nothing runs, so nothing is gathered.
        let four = held.call(4);
        held.run().returns();
        assert_eq!(value(four), 16);
    });
}

#[test]
fn one_of_several_runs_that_ends_closes_nothing() {
    // S156 B15
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let squares = held.squares.clone();
        let many = std::thread::spawn(move || squares.execute_many(&[7, 8]));
        let second = held.run();
        let two = held.gather(2);
        first.returns();
        assert_eq!(value(one), 1);
        assert!(held.waiting() == 1 && held.runs_nothing());
        second.returns();
        assert!(many.join().unwrap().iter().all(Result::is_ok));
        held.run().returns();
        assert_eq!(value(two), 4);
    });
}

#[test]
fn the_delay_closes_the_batch() {
    // S156 B15, and the third worked example
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        held.clock.advance(MS);
        let two = held.gather(2);
        held.clock.advance(3 * MS);
        let three = held.gather(3);
        held.clock.advance(16 * MS);
        assert!(held.runs_nothing());
        held.clock.advance(MS);
        let second = held.run();
        assert_eq!(second.keys, [2, 3]);
        second.returns();
        assert_eq!([two, three].map(value), [4, 9]);
        first.returns();
        assert_eq!(value(one), 1);
    });
}

#[test]
fn the_call_that_fills_a_batch_runs_it() {
    // S156 B15, and the fourth worked example
    watched(|| {
        let held = held(|builder| builder.gather_while_busy(20 * MS).max_batch(2));
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        let three = held.call(3);
        let second = held.run();
        assert_eq!(second.keys, [2, 3]);
        assert_eq!(second.thread, three.thread().id());
        let (four, five) = (held.gather(4), held.call(5));
        let third = held.run();
        assert_eq!(third.keys, [4, 5]);
        // The opener's time is over, and its batch is another's.
        held.clock.advance(30 * MS);
        for run in [third, second, first] {
            run.returns();
        }
        assert_eq!([one, two, three, four, five].map(value), [1, 4, 9, 16, 25]);
        assert!(held.runs_nothing());
    });
}

#[test]
fn the_deadline_of_its_opener_closes_a_batch() {
    // S156 S157 B15 B16
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let two = held.gather_by(2, |squares| squares.execute_timeout(&2, 5 * MS));
        let three = held.gather(3);
        held.clock.advance(5 * MS);
        let second = held.run();
        assert_eq!(second.keys, [2, 3]);
        held.clock.advance(5 * MS);
        second.returns();
        assert_eq!([two, three].map(value), [4, 9], "it runs for itself, and so does not time out");
        first.returns();
        assert_eq!(value(one), 1);
    });
}

#[test]
fn a_fixed_delay_ends_by_time_alone() {
    // S156
    watched(|| {
        let held = held(|builder| builder.gather_for(20 * MS));
        let one = held.gather(1);
        assert!(held.runs_nothing(), "also if nothing runs");
        held.clock.advance(20 * MS);
        let first = held.run();
        let two = held.gather(2);
        first.returns();
        assert_eq!(value(one), 1);
        assert!(held.waiting() == 1 && held.runs_nothing(), "the end of a run closes nothing");
        held.clock.advance(20 * MS);
        held.run().returns();
        assert_eq!(value(two), 4);
        // The last of the two settings holds.
        let both = held_by_both();
        let call = both.call(1);
        both.run().returns();
        assert_eq!(value(call), 1);
    });
}

fn held_by_both() -> super::Held {
    held(|builder| builder.gather_for(20 * MS).gather_while_busy(20 * MS))
}

#[test]
fn a_run_that_panics_is_under_way_no_more() {
    // S155 S160 B19
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let (two, three) = (held.gather(2), held.gather(3));
        first.ends(|_| panic!("no luck"));
        assert!(one.join().is_err());
        held.run().ends(|_| panic!("again"));
        assert!(two.join().is_err(), "the call that runs it gets the panic");
        let told = three.join().expect("no other call does").unwrap_err();
        assert!(
            matches!(&told, Error::LeaderPanicked { message: Some(text) } if &**text == "again")
        );
        let four = held.call(4);
        held.run().returns();
        assert_eq!(value(four), 16, "at once");
        let stats = held.squares.stats();
        assert_eq!((stats.panicked, stats.in_flight), (3, 0));
    });
}

//! The calls of a batch: their deadlines, their times, and what each of them gets (S157 to S160).

use std::sync::mpsc::channel;
use std::thread;

use coalescer::{Coalescer, Error};

use super::{busy, held, square, value};
use crate::support::{MS, NS, wait_until, watched};

#[test]
fn a_member_times_out_and_its_key_is_kept() {
    // S157 B16
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        let three = held.gather_by(3, |squares| squares.execute_timeout(&3, 5 * MS));
        held.clock.advance(5 * MS);
        assert!(three.join().unwrap().unwrap_err().is_timeout());
        first.returns();
        let second = held.run();
        assert_eq!(second.keys, [2, 3]);
        second.returns();
        assert_eq!([one, two].map(value), [1, 4]);
        wait_until(|| held.squares.stats().in_flight == 0);
        assert_eq!(held.squares.execute(&3).unwrap(), 9.into(), "the window has it");
        let stats = held.squares.stats();
        assert_eq!((stats.executed_requests, stats.timed_out, stats.late), (3, 0, 1));
    });
}

#[test]
fn a_member_times_out_while_its_run_is_under_way() {
    // S157 B16
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        let three = held.gather_by(3, |squares| squares.execute_timeout(&3, 50 * MS));
        first.returns();
        let second = held.run();
        held.clock.advance(50 * MS);
        assert!(three.join().unwrap().unwrap_err().is_timeout());
        second.returns();
        assert_eq!([one, two].map(value), [1, 4]);
    });
}

#[test]
fn a_call_that_has_opened_a_batch_times_out_if_another_one_runs_it() {
    // S157 S156 B16
    watched(|| {
        let held = held(|builder| builder.gather_while_busy(20 * MS).max_batch(2));
        let (one, first) = (held.call(1), held.run());
        let two = held.gather_by(2, |squares| squares.execute_timeout(&2, 5 * MS));
        let three = held.call(3);
        let second = held.run();
        assert_eq!((&second.keys[..], second.thread), (&[2, 3][..], three.thread().id()));
        held.clock.advance(5 * MS - NS);
        assert!(!two.is_finished());
        held.clock.advance(NS);
        assert!(two.join().unwrap().unwrap_err().is_timeout(), "while its run is under way");
        assert_eq!(held.squares.stats().executed_requests, 0);
        second.returns();
        assert_eq!(value(three), 9);
        assert_eq!(*held.squares.execute(&2).unwrap(), 4, "the window has it");
        first.returns();
        assert_eq!(value(one), 1);
        let stats = held.squares.stats();
        assert_eq!((stats.executed_requests, stats.late, stats.batches), (3, 1, 2));
        assert_eq!((stats.timed_out, stats.in_flight), (0, 0), "it counts as executed");
        assert!(held.runs_nothing());
    });
}

#[test]
fn the_window_counts_from_the_call_of_the_key() {
    // S158 B17
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        held.clock.advance(15 * MS);
        let three = held.gather(3);
        first.returns();
        held.run().returns();
        assert_eq!([one, two, three].map(value), [1, 4, 9]);
        held.clock.advance(85 * MS);
        assert!(held.squares.peek(&2).is_none() && held.squares.peek(&3).is_some());
        held.clock.advance(15 * MS);
        assert!(held.squares.peek(&3).is_none());
    });
}

#[test]
fn equal_keys_of_a_batch_are_run_one_after_the_other() {
    // S159 B18 S14 S28
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let (two, three) = (held.gather(2), held.gather(3));
        assert!(held.squares.forget(&2));
        let again = held.gather(2);
        assert!(held.squares.forget(&2));
        let last = held.gather(2);
        first.returns();
        for (times, keys) in [(10, &[2, 3][..]), (100, &[2]), (1000, &[2])] {
            let run = held.run();
            assert_eq!(run.keys, keys);
            run.ends(move |keys| Ok(keys.iter().map(|key| (*key, key * times)).collect()));
        }
        assert_eq!([one, two, three, again, last].map(value), [1, 20, 30, 200, 2000]);
        assert_eq!(*held.squares.execute(&2).unwrap(), 2000, "what was forgotten is not kept");
    });
}

#[test]
fn a_panic_leaves_the_later_runs_of_its_batch() {
    // S159 S160 B18 B19
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        held.squares.forget(&2);
        let again = held.gather(2);
        first.returns();
        held.run().ends(|_| panic!("no luck"));
        held.run().returns();
        assert_eq!([one, again].map(value), [1, 4]);
        assert!(two.join().is_err(), "it runs both, and gets the panic after them");
    });
}

#[test]
fn each_member_gets_what_the_run_says_of_its_key() {
    // S146 S147
    watched(|| {
        let held = busy();
        let (one, first) = (held.call(1), held.run());
        let (two, three) = (held.gather(2), held.gather(3));
        first.ends(|_| Err("down".into()));
        assert!(one.join().unwrap().unwrap_err().is_failed());
        held.run().ends(|_| Ok(vec![(3, 33), (7, 77)]));
        assert!(two.join().unwrap().unwrap_err().is_missing());
        assert_eq!(value(three), 33);
        let (four, third) = (held.call(4), held.run());
        let (five, six) = (held.gather(5), held.gather(6));
        third.returns();
        held.run().ends(|_| Err("down".into()));
        let [five, six] = [five, six].map(|call| call.join().unwrap().unwrap_err());
        let (Error::Failed(five), Error::Failed(six)) = (five, six) else { panic!("both fail") };
        assert!(std::sync::Arc::ptr_eq(&five, &six), "it is one error");
        assert_eq!(value(four), 16);
    });
}

#[test]
fn a_value_that_is_not_shared_goes_to_its_own_call() {
    // S40
    watched(|| {
        let held =
            held(|builder| builder.gather_while_busy(20 * MS).share_if(|value: &u32| *value != 4));
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        let follower = held.call(2);
        wait_until(|| held.squares.in_flight().iter().any(|flight| flight.followers == 1));
        first.returns();
        held.run().returns();
        assert_eq!([one, two].map(value), [1, 4]);
        let own = held.run();
        assert_eq!(own.keys, [2]);
        own.returns();
        assert_eq!(value(follower), 4);
    });
}

#[test]
fn a_run_that_waits_for_what_a_member_leads_is_refused() {
    // S160 B20 S42
    watched(|| {
        let held = busy();
        let (begin, begun) = channel::<()>();
        let squares = held.squares.clone();
        let pages = Coalescer::builder().build(move |_: &u32| {
            begin.send(()).unwrap();
            squares.execute(&2).map(|square| *square)
        });
        let (one, first) = (held.call(1), held.run());
        let opener = held.gather(7);
        let leader = pages.clone();
        let page = thread::spawn(move || leader.execute(&0).map(|value| *value));
        begun.recv().unwrap();
        wait_until(|| held.waiting() == 2);
        first.returns();
        let second = held.run();
        assert_eq!(second.keys, [7, 2]);
        let nested = pages.clone();
        let (tell, told) = channel();
        second.ends(move |keys| {
            tell.send(nested.execute(&0).unwrap_err().would_deadlock()).unwrap();
            square(keys)
        });
        assert!(told.recv().unwrap(), "the page waits for this run");
        assert_eq!([one, opener].map(value), [1, 49]);
        assert_eq!(page.join().unwrap().unwrap(), 4);
    });
}

#[test]
fn a_key_whose_flight_has_ended_before_its_run_is_not_asked_for() {
    // S159 S36: the second of two equal keys waits so long that a follower takes over
    watched(|| {
        let held = held(|builder| builder.gather_while_busy(20 * MS).leader_timeout(30 * MS));
        let (one, first) = (held.call(1), held.run());
        let two = held.gather(2);
        held.squares.forget(&2);
        let again = held.gather(2);
        let follower = held.call(2);
        wait_until(|| held.squares.in_flight().iter().any(|flight| flight.followers == 1));
        first.returns();
        let second = held.run();
        held.clock.advance(30 * MS);
        let taken_over = held.run();
        assert_eq!(taken_over.keys, [2]);
        taken_over.ends(|_| Ok(vec![(2, 22)]));
        assert_eq!(value(follower), 22);
        second.returns();
        // It runs for its own call: an execution that was queued has room.
        held.run().ends(|_| Ok(vec![(2, 222)]));
        assert_eq!([one, two, again].map(value), [1, 4, 222]);
        assert_eq!(held.squares.stats().in_flight, 0);
    });
}

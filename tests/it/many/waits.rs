//! How a call waits for keys that others lead: deadlines, fresh calls, outcomes that are not shared.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Batcher, Error, Group, ManualClock};

use super::{Ids, Pairs, Runs, Told, followers, leading, many, squares, values};
use crate::support::{Call, MS, start, wait_until, watched};

type Squares = Batcher<u32, u32, String>;

#[test]
fn at_the_deadline_keys_without_an_answer_time_out_and_the_others_keep_theirs() {
    // S149 S33 S34
    watched(|| {
        let clock = ManualClock::new();
        let batcher: Squares = Batcher::builder().clock(clock.clone()).build(squares);
        let (go, told_to_go) = channel::<()>();
        let (begin, begun) = channel();
        let slow = batcher.clone();
        // The clone's group is what the batcher has; only the function differs, so the leader is a fresh key.
        let gate = std::sync::Mutex::new((begin, told_to_go));
        let held: Squares = Batcher::builder().clock(clock.clone()).build(move |keys: &[u32]| {
            if keys.contains(&7) {
                let gate = gate.lock().unwrap();
                gate.0.send(()).unwrap();
                gate.1.recv().unwrap();
            }
            squares(keys)
        });
        drop(slow);
        let leader = held.clone();
        let leader = thread::spawn(move || leader.execute_many(&[7, 8]));
        begun.recv().unwrap();
        let waits = held.clone();
        let call = thread::spawn(move || waits.execute_many_timeout(&[1, 7, 2, 8], 30 * MS));
        wait_until(|| held.in_flight().iter().map(|flight| flight.followers).sum::<usize>() == 2);
        // Its own run is over before it waits.
        wait_until(|| held.stats().batches == 2 && held.in_flight().len() == 2);
        clock.advance(30 * MS);
        let told = call.join().unwrap();
        assert!(matches!((&told[1], &told[3]), (Err(Error::TimedOut), Err(Error::TimedOut))));
        assert_eq!((told[0].as_deref().unwrap(), told[2].as_deref().unwrap()), (&1, &4));
        assert_eq!(held.stats().timed_out, 2);
        // Those who lead are unaffected; a wait of no time at all is over at once.
        let told = held.execute_many_timeout(&[7, 3], Duration::ZERO);
        assert!(told[0].as_ref().unwrap_err().is_timeout() && told[1].is_ok());
        go.send(()).unwrap();
        assert_eq!(values(leader.join().unwrap()), [49, 64]);
        assert!(held.in_flight().is_empty());
        assert!(batcher.in_flight().is_empty());
    });
}

/// Starts a fresh call for these keys, of a group whose calls bring their functions.
fn fresh(batcher: &Squares, keys: &'static [u32]) -> thread::JoinHandle<Told> {
    let batcher = batcher.clone();
    thread::spawn(move || batcher.execute_many_fresh(keys))
}

/// A batcher whose runs end when the test says so: each waits for one word, in the order in which they are noted.
fn held(clock: &ManualClock) -> (Squares, Runs, std::sync::mpsc::Sender<()>) {
    let (runs, (go, told_to_go)) = (Runs::default(), channel::<()>());
    let (noted, told_to_go) = (runs.clone(), std::sync::Mutex::new(told_to_go));
    let batcher = Batcher::builder().clock(clock.clone()).window(Duration::MAX).build(
        move |keys: &[u32]| {
            let told_to_go = told_to_go.lock().unwrap();
            noted.note(keys);
            told_to_go.recv().expect("the test says how long it runs");
            drop(told_to_go);
            squares(keys)
        },
    );
    (batcher, runs, go)
}

#[test]
fn a_fresh_call_leads_idle_keys_in_one_run_and_begins_successors_together() {
    // S150 S30
    watched(|| {
        let clock = ManualClock::new();
        let (batcher, runs, go) = held(&clock);
        let other = batcher.clone();
        let other = thread::spawn(move || other.execute_many(&[1, 2]));
        wait_until(|| runs.of().len() == 1);
        let call = fresh(&batcher, &[1, 2, 3]);
        // The idle key is a run of its own: it does not wait for the others.
        wait_until(|| batcher.in_flight().len() == 5);
        go.send(()).unwrap();
        assert_eq!(values(other.join().unwrap()), [1, 4]);
        // Both keys have ended before the call comes to wait.
        go.send(()).unwrap();
        wait_until(|| runs.of().len() == 3);
        go.send(()).unwrap();
        assert_eq!(values(call.join().unwrap()), [1, 4, 9]);
        assert_eq!(runs.of(), [vec![1, 2], vec![3], vec![1, 2]]);
        assert_eq!((batcher.stats().executed_requests, batcher.stats().batches), (5, 3));
        assert!(batcher.in_flight().is_empty());
    });
}

#[test]
fn keys_released_as_unshareable_are_run_together() {
    // S151 S40
    watched(|| {
        let group: Ids = Group::builder().share_if(|value: &u32| value % 2 == 1).build();
        let leader = leading(&group, &[2, 4, 3]);
        let runs = Runs::default();
        let (noted, own) = (runs.clone(), group.clone());
        let call = thread::spawn(move || {
            own.execute_many(&[2, 3, 4], |keys| {
                noted.note(keys);
                squares(keys)
            })
        });
        wait_until(|| [2, 3, 4].iter().all(|key| followers(&group, *key) == 1));
        let told = leader.returns(Ok(vec![(2, 20), (4, 40), (3, 31)]));
        assert_eq!(values(told), [20, 40, 31]);
        assert_eq!(values(call.join().unwrap()), [4, 31, 16]);
        assert_eq!(runs.of(), [[2, 4]]);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.total_requests), (5, 1, 6));
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_call_that_is_one_too_many_is_refused_for_its_key_alone() {
    // S73 S141
    watched(|| {
        let group: Ids = Group::builder().max_followers(1).build();
        let leader = leading(&group, &[1]);
        let follower = many(&group, &[1]);
        wait_until(|| followers(&group, 1) == 1);
        let told = group.execute_many(&[2, 1], squares);
        assert!(told[1].as_ref().unwrap_err().is_overloaded());
        assert_eq!(told[0].as_deref().unwrap(), &4);
        leader.returns(squares(&[1]));
        assert_eq!(values(follower.join_unrun()), [1]);
    });
}

#[test]
fn a_call_that_unwinds_leaves_the_flights_that_it_follows() {
    // S148 S144
    watched(|| {
        let group = Ids::new();
        let leader = leading(&group, &[1]);
        let own = group.clone();
        let call: Call<Pairs, String, Told> = start(move |function| {
            let mut function = Some(function);
            own.execute_many(&[1, 2], |_| function.take().unwrap()())
        });
        let call = call.begun();
        wait_until(|| followers(&group, 1) == 1);
        call.panics(|| panic!("on purpose"));
        assert_eq!(followers(&group, 1), 0);
        assert_eq!(values(leader.returns(squares(&[1]))), [1]);
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests, stats.refused), (3, 2, 1));
        assert!(group.in_flight().is_empty());
    });
}

//! Processes that close, and calls that leave.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coalescer::{Error, ManualClock, Role};
use coalescer_cluster::{Cluster, Memory};
use coalescer_loom_tests::{Latch, Model};

use super::faulty::Faulty;
use super::{Runs, begin, held_site, joined, site, site_with, until};

/// C28: a cluster is closed while a call begins to wait for another process. The call runs its own function.
#[test]
fn closing_lets_those_who_wait_go() {
    let endings = ["it waited", "it had not asked"];
    Model::new("close, a call begins to wait", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let latch = Arc::new(Latch::new(1));
        let [here, there] = [(); 2].map(|()| held_site(engine.clone(), &runs, &latch));
        let leads = begin(&here, |site| site.value());
        runs.wait_for(1);
        let waits = begin(&there, |site| site.call());
        there.cluster.close();
        let call = joined(waits);
        assert_eq!((*call.value, call.role), (2, Role::Leader));
        seen.note(endings[usize::from(there.cluster.stats().follows == 0)]);
        latch.count_down();
        assert_eq!(joined(leads), 1);
    });
}

/// C28: a leader's process closes. Its lead is released, so a call that waits for it elsewhere goes on.
#[test]
fn closing_releases_what_a_process_leads() {
    let endings = ["it waited", "it had not asked"];
    Model::new("close, a call waits elsewhere", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let latch = Arc::new(Latch::new(1));
        let [here, there] = [(); 2].map(|()| held_site(engine.clone(), &runs, &latch));
        let leads = begin(&here, |site| site.value());
        runs.wait_for(1);
        let waits = begin(&there, |site| site.value());
        here.cluster.close();
        assert_eq!(joined(waits), 2);
        seen.note(endings[usize::from(there.cluster.stats().follows == 0)]);
        latch.count_down();
        assert_eq!(joined(leads), 1);
    });
}

/// C28: a process closes while a call begins to lead. It does not lead on, so a call elsewhere need not wait for its function.
#[test]
fn closing_releases_what_a_process_begins_to_lead() {
    let endings = ["it led", "it led nothing", "it was served"];
    Model::new("close, a call begins to lead", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let latch = Arc::new(Latch::new(1));
        let (held, count) = (Arc::clone(&latch), runs.clone());
        let run = move || {
            held.wait();
            count.begin()
        };
        let here = site_with(engine.clone(), |table| table, run);
        let there = site(engine, &runs);
        let leads = begin(&here, |site| site.value());
        here.cluster.close();
        assert_eq!(there.value(), 1);
        latch.count_down();
        let led = here.cluster.stats().leads > 0;
        match joined(leads) {
            1 => seen.note(endings[2]),
            run => {
                assert_eq!(run, 2);
                seen.note(endings[usize::from(!led)]);
            }
        }
    });
}

/// C28: the threads end, also one that cannot listen and pauses before it tries again.
#[test]
fn the_threads_of_a_cluster_end() {
    let endings = ["it could listen", "it could not"];
    Model::new("close, a listener", endings).explore(move |seen| {
        for is_mute in [false, true] {
            let engine = Faulty::default();
            engine.faults.is_mute.store(is_mute, Ordering::SeqCst);
            let cluster = Cluster::over(engine.clone()).open().expect("it is well set");
            let other = cluster.clone();
            drop(cluster);
            // Waits for both threads.
            other.close();
            seen.note(endings[usize::from(is_mute)]);
        }
    });
}

/// C13, S79: a deadline comes while the process waits for another one, and so does the outcome. The call that follows it gets
/// the outcome in any case.
#[test]
fn a_call_that_leaves_gives_its_place_to_a_follower() {
    let endings = ["it timed out", "it was answered"];
    const TICK: Duration = Duration::from_millis(10);
    Model::new("a deadline, an outcome, a follower", endings).explore(move |seen| {
        let (clock, runs) = (ManualClock::new(), Runs::default());
        let engine = Memory::with_clock(clock.clone());
        let latch = Arc::new(Latch::new(1));
        let [here, there] = [(); 2].map(|()| {
            let (runs, latch, clock) = (runs.clone(), Arc::clone(&latch), clock.clone());
            let run = move || {
                let run = runs.begin();
                latch.wait();
                run
            };
            site_with(engine.clone(), |table| table.clock(clock), run)
        });
        let leads = begin(&here, |site| site.value());
        runs.wait_for(1);
        let leaves = begin(&there, |site| site.users.execute_timeout(&7, TICK).map(|value| *value));
        until(|| there.cluster.stats().follows == 1);
        let stays = begin(&there, |site| site.value());
        clock.advance(TICK);
        latch.count_down();
        match joined(leaves) {
            Ok(value) => {
                assert_eq!(value, 1);
                seen.note(endings[1]);
            }
            Err(Error::TimedOut) => seen.note(endings[0]),
            Err(error) => panic!("{error}"),
        }
        assert_eq!((joined(leads), joined(stays)), (1, 1));
        assert_eq!(runs.begun(), 1);
    });
}

//! Calls of two processes that meet, and forgets.

use std::time::Duration;

use coalescer::Role;
use coalescer_cluster::Memory;
use coalescer_loom_tests::Model;

use super::{Runs, begin, joined, site, site_with};

/// C1, C2: the word of an end may come before the reply to the claim that it is for. With a window of zero nothing is kept.
#[test]
fn a_call_is_told_of_the_end_that_it_waits_for() {
    let endings = ["one was told", "one after the other"];
    Model::new("2 processes, zero window", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let [here, there] = [(); 2].map(|()| {
            let runs = runs.clone();
            let set = |table: super::Table| table.window(Duration::ZERO);
            site_with(engine.clone(), set, move || runs.begin())
        });
        let other = begin(&there, |site| site.call());
        let calls = [here.call(), joined(other)];
        let values = calls.each_ref().map(|call| *call.value);
        let has = |role| calls.iter().any(|call| call.role == role);
        if runs.begun() == 1 {
            assert!(values == [1, 1] && has(Role::Leader) && has(Role::Shared));
            seen.note(endings[0]);
        } else {
            assert!(values.contains(&1) && values.contains(&2));
            seen.note(endings[1]);
        }
    });
}

/// C1, C3: with a window there is one execution, whoever comes first.
#[test]
fn a_result_is_kept_for_the_other_process() {
    let endings = ["told, or a hit"];
    Model::new("2 processes, 2 calls each", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), &runs));
        let others = [&here, &there, &there].map(|site| begin(site, |site| site.value()));
        assert_eq!(here.value(), 1);
        assert_eq!(others.map(joined), [1, 1, 1]);
        assert_eq!(runs.begun(), 1);
        seen.note(endings[0]);
    });
}

/// C20: a hit against a forget. When the forget has returned, no process serves what was there before.
#[test]
fn a_forget_takes_back_a_copy_that_is_on_its_way() {
    let endings = ["the hit was before", "it was after"];
    Model::new("a hit, a forget in the other process", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), &runs));
        assert_eq!(here.value(), 1);
        let hit = begin(&there, |site| site.value());
        here.users.forget_everywhere(&7).expect("everybody is reached");
        assert!(there.value() > 1, "a copy of what was forgotten");
        assert!(here.value() > 1, "its own copy");
        seen.note(endings[usize::from(joined(hit) > 1)]);
    });
}

/// C20: two processes forget at a time, and each answers the other.
#[test]
fn two_processes_forget_at_a_time() {
    let endings = ["both"];
    Model::new("2 processes forget", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), &runs));
        assert_eq!((here.value(), there.value()), (1, 1));
        let other = begin(&there, |site| site.users.forget_everywhere(&7).is_ok());
        assert!(here.users.forget_everywhere(&7).is_ok());
        assert!(joined(other));
        assert!(there.value() > 1 && here.value() > 1);
        seen.note(endings[0]);
    });
}

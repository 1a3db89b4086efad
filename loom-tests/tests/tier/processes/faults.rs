//! Engines that fail, messages that break, and publications that are refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coalescer::Role;
use coalescer_cluster::Memory;
use coalescer_loom_tests::{Latch, Model};

use super::faulty::Faulty;
use super::{Runs, Site, begin, held_site, joined, site, site_with, until, yield_now};

/// C15: the way to the engine is closed while a call begins to wait for another process. The call runs by itself.
#[test]
fn a_breaker_that_opens_wakes_those_who_wait() {
    let endings = ["it waited", "it had not asked"];
    Model::new("the breaker opens, a call begins to wait", endings).explore(move |seen| {
        let (engine, runs) = (Faulty::default(), Runs::default());
        let latch = Arc::new(Latch::new(1));
        let [here, there] = [(); 2].map(|()| held_site(engine.clone(), &runs, &latch));
        let leads = begin(&here, |site| site.value());
        runs.wait_for(1);
        let waits = begin(&there, |site| site.call());
        yield_now();
        engine.faults.refuses.store(true, Ordering::SeqCst);
        there.cluster.ping().expect_err("it is refused");
        let call = joined(waits);
        assert_eq!((*call.value, call.role), (2, Role::Leader));
        seen.note(endings[usize::from(there.cluster.stats().follows == 0)]);
        latch.count_down();
        assert_eq!(joined(leads), 1);
    });
}

/// C11: the reply to a claim is lost. Nobody runs what it leads, so it is released, and those who wait for it go on.
#[test]
fn a_claim_without_a_reply_is_released() {
    let endings = ["it waited for nobody's run", "it led"];
    Model::new("a claim without a reply, a call elsewhere", endings).explore(move |seen| {
        let (engine, runs) = (Faulty::default(), Runs::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), &runs));
        engine.faults.loses_a_reply.store(true, Ordering::SeqCst);
        let own = begin(&here, |site| site.call());
        until(|| !engine.faults.loses_a_reply.load(Ordering::SeqCst));
        let call = there.call();
        let own = joined(own);
        assert_eq!((call.role, own.role), (Role::Leader, Role::Leader));
        seen.note(endings[usize::from(there.cluster.stats().follows == 0)]);
    });
}

/// C19: the connection over which words to forget come breaks while copies are being kept. Another process forgets before it
/// is there again.
#[test]
fn a_copy_that_no_word_can_reach_is_not_kept() {
    const KEYS: std::ops::Range<u64> = 0..4;
    let endings = ["it was forgotten", "it was made later"];
    Model::new("the listener breaks, copies are kept", endings).explore(move |seen| {
        let (engine, runs) = (Faulty::default(), Runs::default());
        let here = site(engine.engine.clone(), &runs);
        let there = site(engine.clone(), &runs);
        let calls = |site: &Site| KEYS.map(|key| site.value_of(key)).collect::<Vec<_>>();
        let first = begin(&there, calls);
        yield_now();
        engine.faults.forgets_before_it_listens.store(true, Ordering::SeqCst);
        engine.engine.cut_listeners();
        let first = joined(first);
        until(|| engine.faults.listens.load(Ordering::SeqCst) == 2);
        until(|| [&here, &there].iter().all(|site| site.cluster.health().listening));
        let kept = calls(&there);
        assert_eq!(kept, calls(&here), "a copy of what was forgotten");
        for (first, kept) in first.iter().zip(kept) {
            seen.note(endings[usize::from(*first == kept)]);
        }
    });
}

/// C17: a leader whose publication is refused, as the engine has lost its claim. Calls of its process have the result, and
/// it is not kept.
#[test]
fn a_refused_publication_leaves_no_copy() {
    let endings = ["the other followed", "the other led"];
    Model::new("a refused publication, 2 calls", endings).explore(move |seen| {
        let (engine, runs) = (Memory::new(), Runs::default());
        let (lost, count) = (engine.clone(), runs.clone());
        let run = move || {
            let run = count.begin();
            if run == 1 {
                lost.flush();
            }
            run
        };
        let here = site_with(engine, |table| table, run);
        let other = begin(&here, |site| site.value());
        let values = [here.value(), joined(other)];
        assert!(values.contains(&1));
        assert!(here.value() > 1, "a copy that no word to forget would reach");
        assert_eq!(here.cluster.stats().lost_leases, 1);
        seen.note(endings[usize::from(values.contains(&2))]);
    });
}

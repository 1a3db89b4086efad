//! A leader that asked runs its function, for all processes or for its own.

use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, Role, ShareWith};

use super::desk::{FIRM, Question, Reply, Terms, Told, desk};
use crate::jobs::assert_at_rest;
use crate::support::{
    MS, Numbers, begin, follow, followers, text, unless_refused, until_refused, wait_until, watched,
};

fn grant(question: Question) {
    question.answer(Reply::Lead(FIRM));
}

#[test]
fn with_copies_the_followers_have_the_result_before_it_is_published() {
    // S76 S80
    watched(|| {
        let (group, desk) = desk(true, |group| group.window(Duration::MAX));
        let leader = begin(&group, "k");
        grant(desk.next());
        let leader = leader.begun();
        let waiting = follow(&group, "k", 2);
        let line = desk.line.lock().unwrap();
        let leader = leader.ends(|| Ok(7));
        assert_eq!(desk.told.recv().unwrap(), Told::Value(7, ShareWith::Everyone));
        assert!(group.in_flight().is_empty(), "the flight ends before the publication does");
        for call in waiting {
            assert_eq!(*call.join_unrun().unwrap().value, 7);
        }
        drop(line);
        assert_eq!(leader.join().unwrap().role, Role::Leader);
        let late = group.call("k").outcome(|| unreachable!("it is kept")).unwrap();
        assert_eq!(late.role, Role::Late);
        assert_eq!((group.stats().executed_requests, group.stats().shared), (1, 0));
    });
}

#[test]
fn a_copy_that_nobody_could_take_back_is_not_kept() {
    // S80: the lease may have run out, or the publication is not certain.
    watched(|| {
        for (may_keep, confirms) in [(false, true), (true, false), (false, false)] {
            let (group, desk) = desk(true, |group| group.window(Duration::MAX));
            for result in [Ok(7), Err("no".to_owned())] {
                let leader = begin(&group, "k");
                desk.next().answer(Reply::Lead(Terms { may_keep, confirms }));
                let leader = leader.begun();
                let waiting = follow(&group, "k", 1);
                let told = match &result {
                    Ok(value) => Told::Value(*value, ShareWith::Everyone),
                    Err(error) => Told::Failed(error.clone(), ShareWith::Everyone),
                };
                assert_eq!(leader.returns(result.clone()).is_ok(), result.is_ok());
                assert_eq!(desk.told.recv().unwrap(), told, "the others share it all the same");
                let follower = waiting.into_iter().next().unwrap().join_unrun();
                assert_eq!(follower.is_ok(), result.is_ok());
            }
            assert_at_rest(&group);
        }
    });
}

#[test]
fn without_copies_the_result_is_published_first_and_kept_nowhere() {
    // S80
    watched(|| {
        let (group, desk) = desk(false, |group| group.window(Duration::MAX));
        let leader = begin(&group, "k");
        grant(desk.next());
        let leader = leader.begun();
        let joins = follow(&group, "k", 1).remove(0);
        let line = desk.line.lock().unwrap();
        let leader = leader.ends(|| Ok(7));
        assert_eq!(desk.told.recv().unwrap(), Told::Value(7, ShareWith::Everyone));
        // From now on another process can forget what is published.
        let later = begin(&group, "k");
        wait_until(|| group.in_flight().len() == 2);
        drop(line);
        assert_eq!(*leader.join().unwrap().value, 7);
        assert_eq!(joins.join_unrun().unwrap().role, Role::Follower);
        desk.next().serve(7, Duration::ZERO, false);
        assert_eq!(later.join_unrun().unwrap().role, Role::Shared);
    });
}

#[test]
fn without_copies_a_forgotten_result_is_for_those_who_came_before_the_claim() {
    // S80: the lease says that another process may have forgotten the key since the claim.
    watched(|| {
        let forgotten = || Reply::Lead(Terms { confirms: false, ..FIRM });
        for joins_after in [false, true] {
            let (group, desk) = desk(false, |group| group.window(Duration::MAX));
            let leader = begin(&group, "k");
            desk.next().answer(forgotten());
            let leader = leader.begun();
            let joined = joins_after.then(|| follow(&group, "k", 2));
            assert_eq!(*leader.returns(Ok(7)).unwrap().value, 7, "a leader has its own result");
            let Some(joined) = joined else {
                assert_at_rest(&group);
                continue;
            };
            let question = desk.next();
            wait_until(|| followers(&group) == 1);
            question.serve(8, Duration::ZERO, false);
            for call in joined {
                assert_eq!(*call.join_unrun().unwrap().value, 8);
            }
            assert_eq!((group.stats().shared, group.stats().followers), (1, 1));
        }
    });
}

#[test]
fn copies_that_come_during_a_run_change_nothing_for_it() {
    // S80: the engine was not told that this process has a copy, so no forget has reached the call that joined.
    watched(|| {
        let (group, desk) = desk(false, |group| group.window(Duration::MAX));
        let leader = begin(&group, "k");
        desk.next().answer(Reply::Lead(Terms { confirms: false, ..FIRM }));
        let leader = leader.begun();
        let joins = follow(&group, "k", 1).remove(0);
        desk.copies.store(true, Ordering::SeqCst);
        assert_eq!(*leader.returns(Ok(7)).unwrap().value, 7);
        desk.next().serve(8, Duration::ZERO, false);
        assert_eq!(*joins.join_unrun().unwrap().value, 8);
    });
}

#[test]
fn alone_a_process_coalesces_as_ever_and_tells_nobody() {
    // S76: `keep` says if the window keeps the result.
    watched(|| {
        for (copies, keep) in [(true, true), (true, false), (false, true), (false, false)] {
            let (group, desk) = desk(copies, |group| group.window(Duration::MAX));
            let leader = begin(&group, "k");
            desk.next().answer(Reply::Alone { keep });
            assert_eq!(*leader.begun().returns(Ok(7)).unwrap().value, 7);
            assert!(desk.told.try_recv().is_err());
            let next = begin(&group, "k");
            if keep {
                assert_eq!(next.join_unrun().unwrap().role, Role::Late);
            } else {
                desk.next().answer(Reply::Alone { keep });
                assert_eq!(*next.begun().returns(Ok(8)).unwrap().value, 8);
            }
        }
    });
}

#[test]
fn a_run_that_no_forget_reaches_is_joined_by_nobody() {
    // S76: another process may forget the key while it runs, and its result is not kept.
    watched(|| {
        let (group, desk) = desk(true, |group| group.window(Duration::MAX));
        let leader = begin(&group, "k");
        let before = desk.next();
        let joins = begin(&group, "k");
        wait_until(|| group.in_flight()[0].followers == 1);
        before.answer(Reply::Alone { keep: false });
        let running = leader.begun();
        let later = begin(&group, "k");
        wait_until(|| group.in_flight().len() == 2);
        assert_eq!(*running.returns(Ok(7)).unwrap().value, 7);
        assert_eq!(*joins.join_unrun().unwrap().value, 7, "it came before the answer");
        desk.next().serve(8, Duration::ZERO, false);
        assert_eq!(*later.join_unrun().unwrap().value, 8);
    });
}

#[test]
fn a_panic_is_published_as_its_text() {
    // S21 S22
    watched(|| {
        for copies in [true, false] {
            let (group, desk) = desk(copies, |group| group);
            let leader = begin(&group, "k");
            grant(desk.next());
            let panic = leader.begun().panics(|| panic!("on purpose"));
            assert_eq!(text(&*panic), "on purpose");
            assert_eq!(desk.told.recv().unwrap(), Told::Panicked(Some("on purpose".into())));
            assert_at_rest(&group);
        }
    });
}

#[test]
fn what_is_shared_with_nobody_is_published_as_that() {
    // S40
    watched(|| {
        let (group, desk) = desk(true, |group| {
            group.share_with(|value| match value % 2 {
                0 => ShareWith::Nobody,
                _ => ShareWith::Followers,
            })
        });
        for (value, share_with) in [(2, ShareWith::Nobody), (3, ShareWith::Followers)] {
            let leader = begin(&group, "k");
            grant(desk.next());
            leader.begun().returns(Ok(value)).unwrap();
            assert_eq!(desk.told.recv().unwrap(), Told::Value(value, share_with));
        }
    });
}

#[test]
fn a_tier_that_panics_costs_its_own_call_alone() {
    // S76: one that waits asks next.
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        let leader = begin(&group, "k");
        let question = desk.next();
        let waiting = follow(&group, "k", 2);
        question.answer(Reply::Panic);
        assert_eq!(text(&*leader.try_join().err().unwrap()), "the tier panics");
        let question = desk.next();
        wait_until(|| followers(&group) == 1);
        question.serve(5, Duration::ZERO, false);
        for call in waiting {
            assert_eq!(*call.join_unrun().unwrap().value, 5);
        }
        assert_at_rest(&group);
    });
}

#[test]
fn no_call_takes_over_while_the_leader_asks() {
    // S36 S76: the time counts from the moment that the function begins here.
    watched(|| {
        let clock = ManualClock::new();
        let (group, desk) = desk(true, |group| group.leader_timeout(10 * MS).clock(clock.clone()));
        let leader = begin(&group, "k");
        let question = desk.next();
        let waiting = follow(&group, "k", 1);
        clock.advance(50 * MS);
        assert!(group.try_execute("k", || unreachable!("nothing is due")).is_err());
        assert!(desk.is_idle());
        // It counts from when it asked, which is 50 ms ago.
        grant(question);
        let leader = leader.begun();
        desk.next().serve(9, Duration::ZERO, false);
        assert_eq!(*waiting.into_iter().next().unwrap().join_unrun().unwrap().value, 9);
        assert_eq!(group.stats().takeovers, 1);
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(desk.told.recv().unwrap(), Told::Value(1, ShareWith::Everyone));
    });
}

#[test]
fn a_question_says_if_the_thread_leads_another_flight() {
    // S76: a wait in another process could be part of a cycle.
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        let (outer, inner) = (Group::<u32, u32, String>::new(), group.clone());
        let call = thread::spawn(move || {
            outer.execute(&1, || Ok(*inner.execute("k", || Ok(2)).unwrap())).map(|value| *value)
        });
        let question = desk.next();
        assert!(question.leads_others);
        question.serve(3, Duration::ZERO, false);
        assert_eq!(call.join().unwrap().unwrap(), 3);
    });
}

#[test]
fn the_own_key_within_the_function_is_refused_as_ever() {
    // S41
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        let (handle, (tell, told)) = (group.clone(), channel());
        let leader = begin(&group, "k");
        grant(desk.next());
        let leader = leader.begun().ends(move || {
            tell.send(handle.execute("k", || Ok(0)).unwrap_err().would_deadlock()).unwrap();
            Ok(1)
        });
        assert!(told.recv().unwrap());
        leader.join().unwrap();
    });
}

#[test]
fn a_wait_that_began_while_the_leader_asked_is_seen_by_deadlock_detection() {
    // S42: the leader of "a" leads while it asks, so the wait of the leader of "b" hangs on it.
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        let other = Numbers::new();
        let leader = begin(&group, "a");
        let question = desk.next();
        let waiting = thread::spawn({
            let (group, other) = (group.clone(), other.clone());
            move || {
                let wait = || group.execute("a", || unreachable!("it follows"));
                *other.execute("b", || Ok(*unless_refused(wait).unwrap() + 1)).unwrap()
            }
        });
        wait_until(|| followers(&group) == 1);
        grant(question);
        let leader = leader.begun().ends(move || {
            until_refused(&other, "b");
            Ok(1)
        });
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!(waiting.join().unwrap(), 2);
    });
}

//! A result of another process ends the flight here.

use std::sync::Arc;
use std::time::Duration;

use coalescer::shared::{Ended, Served, Wait};
use coalescer::{Error, Group, Role};

use super::desk::{OWN, Reply, desk, timed_desk};
use crate::support::{MS, NS, begin, follow, followers, start, wait_until, watched};

#[test]
fn a_leader_that_is_served_runs_nothing_and_its_followers_share_the_value() {
    // S76 S77
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        let leader = begin(&group, "k");
        let question = desk.next();
        assert_eq!((&*question.key, question.wait), ("k", Wait::Endless));
        assert_eq!((question.not_before, question.leads_others), (None, false));
        let waiting = follow(&group, "k", 3);
        question.serve(7, MS, false);
        let led = leader.join_unrun().unwrap();
        assert_eq!((*led.value, led.role, led.callers), (7, Role::Shared, 4));
        for follower in waiting {
            let outcome = follower.join_unrun().unwrap();
            assert_eq!(outcome.role, Role::Follower);
            assert!(Arc::ptr_eq(&outcome.value, &led.value));
        }
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests, stats.in_flight), (4, 0, 0));
        assert_eq!((stats.shared, stats.followers, stats.coalesced_requests), (1, 3, 4));
        assert!(desk.is_idle());
    });
}

#[test]
fn errors_and_panics_of_another_process_are_told_to_all() {
    // S77
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        for text in [Some("down"), None] {
            let leader = begin(&group, "k");
            let question = desk.next();
            let waiting = follow(&group, "k", 1);
            let ended = Ended::Panicked(text.map(Arc::from));
            let served = Served::new(ended, question.asked);
            question.answer(Reply::Served(served));
            for call in [leader].into_iter().chain(waiting) {
                match call.join_unrun().unwrap_err() {
                    Error::LeaderPanicked { message } => assert_eq!(message.as_deref(), text),
                    other => panic!("{other:?}"),
                }
            }
        }
        let leader = begin(&group, "k");
        let question = desk.next();
        let waiting = follow(&group, "k", 1);
        let served = Served::new(Ended::Failed(Arc::new("no".to_owned())), question.asked);
        question.answer(Reply::Served(served));
        for call in [leader].into_iter().chain(waiting) {
            assert_eq!(&**call.join_unrun().unwrap_err().failed().unwrap(), "no");
        }
        let stats = group.stats();
        assert_eq!((stats.shared, stats.followers, stats.failed, stats.panicked), (3, 3, 0, 0));
    });
}

#[test]
fn a_copy_serves_late_calls_until_the_window_of_the_other_process_ends() {
    // S8 S60 S80
    watched(|| {
        let (clock, group, desk) = timed_desk();
        let leader = begin(&group, "k");
        desk.next().serve(7, 60 * MS, true);
        assert_eq!(leader.join_unrun().unwrap().age, 60 * MS);
        clock.advance(39 * MS);
        let late = group.call("k").outcome(|| unreachable!("it is in its window")).unwrap();
        assert_eq!((*late.value, late.role, late.age), (7, Role::Late, 99 * MS));
        clock.advance(MS);
        let next = begin(&group, "k");
        desk.next().serve(8, Duration::ZERO, false);
        assert_eq!(*next.join_unrun().unwrap().value, 8);
        // That one was not to be kept.
        let last = begin(&group, "k");
        desk.next().serve(9, Duration::ZERO, true);
        assert_eq!(*last.join_unrun().unwrap().value, 9);
    });
}

#[test]
fn a_result_that_is_too_old_for_a_follower_is_its_leaders_alone() {
    // S78: the window of the result ended while the answer was on its way.
    watched(|| {
        let (clock, group, desk) = timed_desk();
        let leader = begin(&group, "k");
        let question = desk.next();
        let waiting = follow(&group, "k", 3);
        clock.advance(10 * MS);
        let began = question.asked.before(95 * MS);
        let served = Served::new(Ended::Value(Arc::new(7)), began).keep(true);
        question.answer(Reply::Served(served.good_until(began.after(100 * MS))));
        assert_eq!(*leader.join_unrun().unwrap().value, 7);
        // Exactly one of those that wait asks next, and the others follow it.
        let question = desk.next();
        wait_until(|| followers(&group) == 2);
        question.serve(8, Duration::ZERO, true);
        let mut roles: Vec<Role> = waiting
            .into_iter()
            .map(|call| {
                let outcome = call.join_unrun().unwrap();
                assert_eq!(*outcome.value, 8);
                outcome.role
            })
            .collect();
        roles.sort_by_key(|role| *role as u8);
        assert_eq!(roles, [Role::Follower, Role::Follower, Role::Shared]);
        assert_eq!((group.stats().shared, group.stats().followers), (2, 2));
        assert!(desk.is_idle());
    });
}

#[test]
fn a_fresh_follower_is_not_served_with_what_began_before_it() {
    // S30 S78: the leader asked for any result, and a fresh call waits for the flight after it.
    watched(|| {
        let (clock, group, desk) = timed_desk();
        let leader = begin(&group, "k");
        let question = desk.next();
        let handle = group.clone();
        let fresh = start(move |f| handle.call("k").fresh().outcome(f));
        wait_until(|| followers(&group) == 1);
        clock.advance(10 * MS);
        question.serve(7, MS, true);
        assert_eq!(*leader.join_unrun().unwrap().value, 7);
        let question = desk.next();
        assert_eq!(question.asked.since(question.not_before.unwrap()), 10 * MS - NS);
        question.serve(8, 5 * MS, true);
        assert_eq!(*fresh.join_unrun().unwrap().value, 8);
    });
}

#[test]
fn a_fresh_call_at_the_time_of_the_last_ones_question_asks_too() {
    // S30 S78: the clock stands still. A run that is fresh for the first call began before the second one.
    watched(|| {
        let (_clock, group, desk) = timed_desk();
        for value in [1, 2] {
            let handle = group.clone();
            let call = start(move |f| handle.call("k").fresh().outcome(f));
            let question = desk.next();
            let served = Served::new(Ended::Value(Arc::new(value)), question.not_before.unwrap());
            question.answer(Reply::Served(served.keep(true)));
            assert_eq!(*call.join_unrun().unwrap().value, value);
        }
        let late = group.call("k").outcome(|| unreachable!("it is in its window")).unwrap();
        assert_eq!((*late.value, late.role), (2, Role::Late));
    });
}

#[test]
fn a_call_says_how_old_a_result_it_accepts() {
    // S57 S76
    watched(|| {
        let (_clock, group, desk) = timed_desk();
        for (age, expected) in [
            (None, None),
            (Some(Duration::ZERO), Some(Duration::ZERO)),
            (Some(30 * MS), Some(30 * MS)),
        ] {
            let handle = group.clone();
            let call = start(move |f| match age {
                None => handle.call("k").outcome(f),
                Some(age) => handle.call("k").max_age(age).outcome(f),
            });
            let question = desk.next();
            let accepts = question.not_before.map(|time| question.asked.since(time));
            assert_eq!(accepts, expected);
            question.serve(1, Duration::ZERO, false);
            call.join_unrun().unwrap();
        }
    });
}

#[test]
fn without_copies_calls_that_come_after_the_question_ask_again_together() {
    // S80: the answer is for those that entered before. One question serves each burst.
    watched(|| {
        let (group, desk) = desk(false, |group| group.window(Duration::MAX));
        let leader = begin(&group, "k");
        let question = desk.next();
        let burst = follow(&group, "k", 5);
        assert!(
            group.try_execute("k", || unreachable!("it would block")).unwrap_err().would_block()
        );
        question.serve(1, Duration::ZERO, false);
        assert_eq!(*leader.join_unrun().unwrap().value, 1);
        let question = desk.next();
        wait_until(|| followers(&group) == 4);
        question.serve(2, Duration::ZERO, false);
        for call in burst {
            assert_eq!(*call.join_unrun().unwrap().value, 2);
        }
        let next = begin(&group, "k");
        desk.next().serve(3, Duration::ZERO, false);
        assert_eq!(*next.join_unrun().unwrap().value, 3);
        assert_eq!((group.stats().shared, group.stats().followers), (3, 4));
    });
}

#[test]
fn a_deadline_or_a_refusal_to_wait_gives_the_place_to_one_that_waits() {
    // S79
    watched(|| {
        for reply in [|| Reply::TimedOut, || Reply::WouldBlock] as [fn() -> Reply; 2] {
            let (group, desk) = desk(true, |group| group);
            let leader = begin(&group, "k");
            let question = desk.next();
            let waiting = follow(&group, "k", 3);
            question.answer(reply());
            let told = leader.join_unrun().unwrap_err();
            assert!(told.is_timeout() || told.would_block());
            let question = desk.next();
            wait_until(|| followers(&group) == 2);
            question.serve(5, Duration::ZERO, false);
            for call in waiting {
                assert_eq!(*call.join_unrun().unwrap().value, 5);
            }
            let stats = group.stats();
            assert_eq!((stats.timed_out + stats.refused, stats.shared, stats.followers), (1, 1, 2));
            assert_eq!((stats.total_requests, stats.in_flight), (4, 0));
            assert!(desk.is_idle());
        }
    });
}

#[test]
fn with_nobody_waiting_the_flight_of_a_call_that_leaves_is_gone() {
    // S79
    watched(|| {
        let (group, desk) = desk(true, |group| group);
        let handle = group.clone();
        let call = start(move |f| handle.execute_timeout("k", MS, f));
        let question = desk.next();
        assert!(matches!(question.wait, Wait::Until(_)));
        question.answer(Reply::TimedOut);
        assert!(call.join_unrun().unwrap_err().is_timeout());
        assert!(group.in_flight().is_empty());
        let handle = group.clone();
        let call = start(move |f| handle.try_execute("k", f));
        let question = desk.next();
        assert_eq!(question.wait, Wait::Never);
        question.answer(Reply::WouldBlock);
        assert!(call.join_unrun().unwrap_err().would_block());
        assert_eq!((group.stats().timed_out, group.stats().refused), (1, 1));
        crate::jobs::assert_at_rest(&group);
    });
}

#[test]
fn no_tier_is_a_choice_too() {
    // S76
    let none: Option<coalescer::shared::Alone> = None;
    let group: Group<u32, u32, ()> = Group::builder().shared(none).build();
    assert_eq!(group.call(&1).outcome(|| Ok(1)).unwrap().role, Role::Leader);
    assert_eq!(group.stats().shared, 0);
}

#[test]
fn a_copy_lives_no_longer_than_its_value() {
    // S74 S80: the other process shares it for less than the window.
    watched(|| {
        let (clock, group, desk) = timed_desk();
        let leader = begin(&group, "k");
        let question = desk.next();
        let served = Served::new(Ended::Value(Arc::new(7)), question.asked.before(10 * MS));
        question.answer(Reply::Served(served.keep_for(30 * MS)));
        assert_eq!(leader.join_unrun().unwrap().role, Role::Shared);
        clock.advance(20 * MS - NS);
        assert_eq!(begin(&group, "k").join_unrun().unwrap().role, Role::Late);
        clock.advance(NS);
        let next = begin(&group, "k");
        desk.next().serve(8, Duration::ZERO, false);
        assert_eq!(*next.join_unrun().unwrap().value, 8);
    });
}

#[test]
fn a_question_says_if_others_join_it() {
    // S80
    watched(|| {
        for copies in [true, false] {
            let (group, desk) = desk(copies, |group| group);
            let leader = begin(&group, "k");
            let question = desk.next();
            assert_eq!(question.admits, copies);
            question.serve(7, Duration::ZERO, false);
            leader.join_unrun().unwrap();
        }
    });
}

#[test]
fn a_tier_without_copies_lets_calls_join_while_it_waits() {
    // S80: it learns if one has, and then must look again.
    watched(|| {
        for joins in [false, true] {
            let (group, desk) = desk(false, |group| group);
            let leader = begin(&group, "k");
            let question = desk.next();
            question.reopen();
            let joined = joins.then(|| follow(&group, "k", 1).remove(0));
            assert_eq!(question.shut(), joins);
            let later = begin(&group, "k");
            wait_until(|| group.in_flight().len() == 2);
            question.serve(7, Duration::ZERO, false);
            assert_eq!(*leader.join_unrun().unwrap().value, 7);
            if let Some(joined) = joined {
                assert_eq!(joined.join_unrun().unwrap().role, Role::Follower);
            }
            desk.next().serve(8, Duration::ZERO, false);
            assert_eq!(*later.join_unrun().unwrap().value, 8);
        }
    });
}

#[test]
fn calls_join_the_flight_of_a_key_that_stays_in_its_process() {
    // S80: also while the tier is asked, and without copies.
    watched(|| {
        let (group, desk) = desk(false, |group| group.window(Duration::MAX));
        let leader = begin(&group, OWN);
        let question = desk.next();
        assert!(question.admits, "others have nothing to forget of it");
        let joined = follow(&group, OWN, 2);
        question.answer(Reply::Alone { keep: true });
        assert_eq!(leader.begun().returns(Ok(7)).unwrap().role, Role::Leader);
        for call in joined {
            assert_eq!(call.join_unrun().unwrap().role, Role::Follower);
        }
        assert_eq!(begin(&group, OWN).join_unrun().unwrap().role, Role::Late);
        assert_eq!(group.stats().executed_requests, 1);
    });
}

//! One execution for many calls: the leader, the followers, and their results.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use coalescer::{Coalescer, Error, Group, ManualClock, Role};

use crate::support::{MS, Numbers, OneHash, follow, lead, watched};

#[test]
fn followers_get_the_leaders_own_arc_and_run_nothing() {
    // S1 S3 S4
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 3);
        let own = leader.returns(Ok(7)).unwrap();
        assert_eq!((*own.value, own.role, own.callers), (7, Role::Leader, 4));
        for follower in followers {
            let shared = follower.join_unrun().unwrap();
            assert!(Arc::ptr_eq(&shared.value, &own.value));
            assert_eq!((shared.role, shared.callers), (Role::Follower, 4));
        }
        assert_eq!(group.stats().executed_requests, 1);
    });
}

#[test]
fn the_leader_runs_the_function_on_its_own_thread() {
    // S3
    watched(|| {
        let group: Group<u32, thread::ThreadId, ()> = Group::new();
        let ran_on = group.execute(&1, || Ok(thread::current().id())).unwrap();
        assert_eq!(*ran_on, thread::current().id());
    });
}

#[test]
fn unequal_keys_with_equal_hashes_never_wait_for_each_other() {
    // S2
    watched(|| {
        let group: Group<String, u32, String, OneHash> = Group::builder().hasher(OneHash).build();
        let a = lead(&group, "a");
        // Both return while the function of `a` runs.
        assert_eq!(*group.execute("b", || Ok(2)).unwrap(), 2);
        assert!(!group.forget("c"));
        let follower = follow(&group, "a", 1);
        a.returns(Ok(1)).unwrap();
        for follower in follower {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }
    });
}

#[test]
fn keys_with_equal_hashes_keep_their_own_results() {
    // S2
    watched(|| {
        let group: Group<u32, u32, (), OneHash> =
            Group::builder().hasher(OneHash).window(1000 * MS).build();
        for key in 0..20 {
            group.execute(&key, || Ok(key)).unwrap();
        }
        assert!(group.forget(&7));
        for key in 0..20 {
            let value = group.execute(&key, || Ok(100)).unwrap();
            assert_eq!(*value, if key == 7 { 100 } else { key });
        }
    });
}

#[test]
fn the_function_may_call_the_group_that_runs_it() {
    // S2: with a single shard, a lock held over the function would be the caller's own.
    watched(|| {
        let group: Group<u32, u32, ()> = Group::builder().shards(1).build();
        let outer = group.execute(&1, || {
            assert_eq!(group.in_flight().len(), 1);
            assert_eq!(group.stats().in_flight, 1);
            assert!(!group.forget(&3));
            let inner = group.execute(&2, || Ok(20)).unwrap();
            Ok(*inner + 1)
        });
        assert_eq!(*outer.unwrap(), 21);
    });
}

/// Neither can be cloned.
#[derive(Debug)]
struct Value(u32);
#[derive(Debug)]
struct Failure(u32);

#[test]
fn values_and_errors_need_not_be_clone() {
    // S4
    watched(|| {
        let group: Group<String, Value, Failure> = Group::new();
        let leader = lead(&group, "good");
        let followers = follow(&group, "good", 2);
        leader.returns(Ok(Value(1))).unwrap();
        for follower in followers {
            assert_eq!(follower.join_unrun().unwrap().value.0, 1);
        }
        let leader = lead(&group, "bad");
        let followers = follow(&group, "bad", 2);
        leader.returns(Err(Failure(2))).unwrap_err();
        for follower in followers {
            let error: Error<Failure> = follower.join_unrun().unwrap_err();
            assert_eq!(error.clone().failed().unwrap().0, 2);
        }
    });
}

#[test]
fn functions_values_and_errors_may_borrow_from_the_caller() {
    // S3: nothing is sent to another thread, so nothing has to be 'static.
    watched(|| {
        let text = String::from("borrowed");
        let mut runs = 0;
        let group: Group<&str, &str, &str> = Group::new();
        let word = group.execute(&text.as_str(), || {
            runs += 1;
            Ok(&text[..4])
        });
        assert_eq!(*word.unwrap(), "borr");
        let error = group.execute(&"k", || Err(text.as_str())).unwrap_err();
        assert_eq!(**error.failed().unwrap(), "borrowed");
        assert_eq!(runs, 1);
    });
}

#[test]
fn with_a_zero_window_a_flight_is_over_when_its_first_participant_returns() {
    // S5: executions are numbered, and flights of one key follow each other. So a call that gets a
    // number with which another call had returned before this one began, got it after the end.
    watched(|| {
        let group: Group<u32, u32, ()> = Group::new();
        let (executions, returned) = (AtomicU32::new(0), AtomicU32::new(0));
        let one_call = || {
            let over = returned.load(Ordering::SeqCst);
            let number = group.execute(&1, || {
                // Lets other threads in, so that there are followers.
                thread::yield_now();
                Ok(executions.fetch_add(1, Ordering::SeqCst) + 1)
            });
            let number = *number.unwrap();
            returned.fetch_max(number, Ordering::SeqCst);
            assert!(number > over, "execution {number} was over before the call began");
        };
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (0..3000).for_each(|_| one_call()));
            }
        });
        assert!(group.stats().followers > 0, "nobody ever followed, so nothing was tested");
    });
}

#[test]
fn every_follower_returns_whatever_becomes_of_its_leader() {
    // S6
    watched(|| {
        let group = Numbers::new();
        let endings: [fn() -> Result<u32, String>; 3] =
            [|| Ok(1), || Err("no".into()), || panic!("on purpose")];
        for ending in endings {
            for forgotten in [false, true] {
                let leader = lead(&group, "k");
                let followers = follow(&group, "k", 3);
                assert!(!forgotten || group.forget("k"));
                drop(leader.ends(ending).try_join());
                followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
                assert!(group.in_flight().is_empty());
            }
        }
    });
}

#[test]
fn an_outcome_says_how_many_calls_its_execution_answered() {
    // S3 S13: late calls come afterwards and are not in it.
    watched(|| {
        let group: Numbers = Group::builder().window(1000 * MS).clock(ManualClock::new()).build();
        for key in ["alone", "not alone"] {
            let leader = lead(&group, key);
            let count = if key == "alone" { 0 } else { 2 };
            let followers = follow(&group, key, count);
            assert_eq!(leader.returns(Ok(1)).unwrap().callers, count + 1);
            for follower in followers {
                assert_eq!(follower.join_unrun().unwrap().callers, count + 1);
            }
            for _ in 0..2 {
                let late = group.call(key).outcome(|| Ok(2)).unwrap();
                assert_eq!((late.role, late.callers), (Role::Late, count + 1));
            }
        }
    });
}

#[test]
fn clones_of_a_handle_share_flights_and_results() {
    // S1
    watched(|| {
        let coalescer = Coalescer::builder().window(1000 * MS).build(|n: &u32| Ok::<u32, ()>(*n));
        let first = coalescer.execute(&1).unwrap();
        let second = coalescer.clone().execute(&1).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    });
}

#[test]
fn a_handle_goes_anywhere_and_can_be_printed_whatever_it_holds() {
    // S4: keys, values and errors need no trait beyond the necessary ones.
    fn check(handle: impl Send + Sync + UnwindSafe + RefUnwindSafe + Debug + Clone) -> String {
        format!("{handle:?}")
    }
    watched(|| {
        struct Opaque;
        let group: Group<u32, Opaque, Opaque> = Group::builder().name("users").build();
        assert!(group.execute(&1, || Ok(Opaque)).is_ok());
        assert!(check(group).contains("users"));
        let coalescer = Coalescer::new(|_: &u32| Err::<Opaque, _>(Opaque));
        assert!(coalescer.execute(&1).is_err());
        assert!(check(coalescer).contains("failed: 1"));
    });
}
